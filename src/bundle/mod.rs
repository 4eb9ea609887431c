//! The support bundle: written atomically, read with care.
