//! What Plenum does, seen from outside: one behaviour per module.

mod corpora_replay;
