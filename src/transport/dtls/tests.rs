//! Handshakes against a DTLS client of the same crate.
