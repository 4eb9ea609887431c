//! The embedded OCI registry. It knows nothing of the rest of the program.
