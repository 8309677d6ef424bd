//! What Plenum does, seen from outside: one behaviour per module.

mod binary;

mod a_server_is_started_and_stopped;
mod browsers_without_udp_call_over_tcp;
mod corpora_replay;
mod the_command_line_says_what_is_wrong;
