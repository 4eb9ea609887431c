//! The built-in sample: a registry's images and a cluster's objects, for `demo` and the tests.
