//! Parsers of the control plane: what comes by signalling and by data channels.

use bytes::Bytes;
use plenum::id::MemberId;
use plenum::room::data;
use plenum::sdp::{Purpose, ServerSide, Session};
use plenum::signal::read_request;
use plenum::transport::spec::{Candidate, Fingerprint, FingerprintAlgorithm, IceCredentials, Protocol};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// An SDP offer. Whatever is answered is answered the same way again, with as many m-lines as were offered.
pub fn offer(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let server = ServerSide {
        fingerprint: Fingerprint { algorithm: FingerprintAlgorithm::Sha256, digest: vec![0xAB; 32] },
        candidates: vec![Candidate { address: ([192, 0, 2, 1], 3_478).into(), protocol: Protocol::Udp }],
        shard: 0,
        max_seats: 60,
        sctp_port: 5_000,
    };
    let mut rng = StdRng::seed_from_u64(1);
    let mut session = Session::new(IceCredentials { ufrag: "AAaaaaaaaaaa".into(), pwd: "a".repeat(24) }, Purpose::Call);
    let Ok(answered) = session.answer(text, &server, &mut rng) else { return false };
    let lines = |sdp: &str| sdp.split('\n').filter(|line| line.starts_with("m=")).count();
    assert_eq!(lines(&answered.sdp), lines(text));
    assert_eq!(session.answer(text, &server, &mut rng), Ok(answered));
    true
}

/// A Socket.IO event with two attachments.
pub fn request(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let attachments = vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")];
    read_request(text, attachments).is_ok()
}

/// A client's data-channel message. Its payload is the message's end, and goes on whole.
pub fn data_message(data: &[u8]) -> bool {
    let Some((_, payload)) = data::parse(&Bytes::copy_from_slice(data)) else { return false };
    assert!(data.ends_with(&payload));
    let framed = data::frame(&MemberId("sender".into()), &payload).expect("a short id");
    assert!(framed.ends_with(&payload) && framed.len() == payload.len() + 7);
    true
}
