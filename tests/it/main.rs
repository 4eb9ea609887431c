//! What a user and other programs see, tested over real sockets and with the built binary.

mod fake_api;
mod live;
