//! Whole calls in virtual time: the real forwarding between model browsers on a seeded network.
//!
//! What is real is `media::forwarder` with everything below it, driven as a shard drives it, and every byte of RTP and
//! RTCP. What is a model is at both ends: `publisher` and `receiver` behave as libwebrtc does where that matters here,
//! with figures that their modules name the sources of; `network` is rates, queues, delays and losses. Nothing waits
//! for a clock: one seed is one run, and the same run on every machine.
//!
//! When a run fails, the last `seed` in the test's output is the one; `SIMULATION_SEED=<seed>` runs that one alone.

mod call;
mod ledger;
mod network;
mod publisher;
mod receiver;
mod scenarios;
mod spec;
mod time;
mod wire;
