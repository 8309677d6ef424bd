//! Recorded offers of browsers and hand-written ones of other clients, answered through the public door.

mod answers;
mod codecs;
mod mutations;
mod places;
mod programs;
mod refusals;
mod reoffers;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::transport::spec::{Candidate, Fingerprint, FingerprintAlgorithm, IceCredentials, Protocol};

/// Four uplinks, a data channel, nine seats and three audio lines, recorded from Chromium 156 and Firefox 153.
const CHROMIUM: &str = include_str!("../../../tests/fixtures/sdp/chromium_call.sdp");
const FIREFOX: &str = include_str!("../../../tests/fixtures/sdp/firefox_call.sdp");

const SAFARI: &str = include_str!("../../../tests/fixtures/sdp/safari_call.sdp");
const WHIP: [&str; 3] = [
    include_str!("../../../tests/fixtures/sdp/chromium_whip.sdp"),
    include_str!("../../../tests/fixtures/sdp/firefox_whip.sdp"),
    include_str!("../../../tests/fixtures/sdp/obs_whip.sdp"),
];
const WHEP: [&str; 2] = [
    include_str!("../../../tests/fixtures/sdp/chromium_whep.sdp"),
    include_str!("../../../tests/fixtures/sdp/firefox_whep.sdp"),
];
const GSTREAMER_WHEP: &str = include_str!("../../../tests/fixtures/sdp/gstreamer_whep.sdp");

/// The offers of one connection: see the fixtures' README.
macro_rules! series {
    ($browser:literal) => {
        [
            include_str!(concat!("../../../tests/fixtures/sdp/", $browser, "_series_1.sdp")),
            include_str!(concat!("../../../tests/fixtures/sdp/", $browser, "_series_2.sdp")),
            include_str!(concat!("../../../tests/fixtures/sdp/", $browser, "_series_3.sdp")),
            include_str!(concat!("../../../tests/fixtures/sdp/", $browser, "_series_4.sdp")),
            include_str!(concat!("../../../tests/fixtures/sdp/", $browser, "_series_5.sdp")),
            include_str!(concat!("../../../tests/fixtures/sdp/", $browser, "_series_6.sdp")),
            include_str!(concat!("../../../tests/fixtures/sdp/", $browser, "_series_7.sdp")),
        ]
    };
}
const SERIES: [[&str; 7]; 2] = [series!("chromium"), series!("firefox")];

fn server() -> ServerSide {
    ServerSide {
        fingerprint: Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest: vec![0xAB; 32] },
        candidates: vec![
            Candidate { address: "192.0.2.1:3478".parse().unwrap(), protocol: Protocol::Udp },
            Candidate { address: "[2001:db8::1]:3478".parse().unwrap(), protocol: Protocol::Udp },
            Candidate { address: "192.0.2.1:443".parse().unwrap(), protocol: Protocol::Tcp },
        ],
        shard: 3,
        max_seats: 60,
        sctp_port: 5000,
    }
}

fn session(rng: &mut StdRng) -> Session {
    Session::new(IceCredentials::generate(3, rng), Purpose::Call)
}

fn answer(offer: &str) -> Result<Answered, SdpError> {
    let mut rng = StdRng::seed_from_u64(1);
    session(&mut rng).answer(offer, &server(), &mut rng)
}

/// The m-sections of an SDP text, without the session part.
fn sections(sdp: &str) -> Vec<&str> {
    sdp.split("\r\nm=").skip(1).collect()
}

/// The section of `sdp` with the mid `mid`.
fn section<'a>(sdp: &'a str, mid: &str) -> &'a str {
    let line = format!("a=mid:{mid}");
    sections(sdp).into_iter().find(|s| s.lines().any(|l| l == line)).unwrap()
}

/// The values of the attributes `key` of a section.
fn attributes<'a>(section: &'a str, key: &str) -> Vec<&'a str> {
    section.lines().filter_map(|l| l.strip_prefix("a=")?.strip_prefix(key)?.strip_prefix(':')).collect()
}

/// The first offer of Chromium's series: microphone (mid 0), camera (1), one seat (2, 3), one audio line (4).
fn small() -> String {
    SERIES[0][0].to_owned()
}

/// `sdp` with every `from` replaced, which must occur.
fn with(sdp: &str, from: &str, to: &str) -> String {
    assert!(sdp.contains(from), "{from}");
    sdp.replace(from, to)
}
