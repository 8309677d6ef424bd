//! One browser's connection: ICE-lite, DTLS, SRTP, SCTP. Pure: time and randomness are parameters, no sockets.
//!
//! Never imports `media`'s tracks and slots, `net`, `room` or `signal`; of `media` only `media::spec` and the drop reasons.

pub mod dtls;
pub mod ice;
pub mod spec;
pub mod srtp;
