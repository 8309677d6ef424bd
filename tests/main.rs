//! What Plenum does, seen from outside: one behaviour per module.

mod binary;
mod common;

mod a_server_is_started_and_stopped;
mod browsers_without_udp_call_over_tcp;
mod carries_calls_of_the_webrtc_crate;
mod carries_data_channel_messages;
mod connects_whichever_handshake_datagram_is_lost;
mod corpora_replay;
mod drops_hostile_packets;
mod holds_its_invariants_under_any_interleaving;
mod keeps_the_call_when_the_path_changes;
mod publishes_and_receives_audio_and_video;
mod refuses_malformed_offers;
mod repairs_what_the_network_loses;
mod replies_from_the_address_that_was_asked;
mod sends_the_highest_layer_alive;
mod switches_a_seat_between_publishers_without_a_gap;
mod the_command_line_says_what_is_wrong;
