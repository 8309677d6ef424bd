//! Offers that are refused, and what the client's developer is told.

use super::*;

fn refused(offer: &str) -> SdpError {
    answer(offer).unwrap_err()
}

fn line(mid: &str) -> String {
    mid.to_owned()
}

#[test]
fn text_that_is_no_sdp_is_refused() {
    assert_eq!(refused(""), SdpError::NoLines);
    assert_eq!(refused("hello"), SdpError::NoLines);
    assert!(matches!(refused("m=audio"), SdpError::Syntax(_)));
    assert!(matches!(refused(&with(&small(), "a=mid:0", "a=mid:0\0")), SdpError::Syntax(_)));
    assert!(matches!(refused(&with(&small(), "m=audio 9 ", "m=audio 99999 ")), SdpError::Syntax(_)));
}

#[test]
fn an_offer_has_limits() {
    let long = format!("{}a=x:{}\r\n", small(), "x".repeat(MAX_OFFER));
    assert_eq!(refused(&long), SdpError::TooLong(long.len()));
    let many = format!("{}{}", small(), "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n".repeat(MAX_LINES - 4));
    assert_eq!(refused(&many), SdpError::TooManyLines);
    let most = format!("{}{}", small(), "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n".repeat(MAX_LINES - 5));
    assert!(answer(&most).is_ok());
}

#[test]
fn bundle_mux_and_mid_are_required() {
    assert_eq!(
        refused(&with(&small(), "BUNDLE 0 1 2 3 4", "BUNDLE 0 1 2 3")),
        SdpError::NotBundled { line: line("4") }
    );
    assert_eq!(refused(&with(&small(), "a=rtcp-mux\r\n", "")), SdpError::NoRtcpMux { line: line("0") });
    assert_eq!(refused(&with(&small(), "a=mid:1\r\n", "")), SdpError::BadMid { line: line("#1") });
    assert_eq!(refused(&with(&small(), "a=mid:1\r\n", "a=mid:0\r\n")), SdpError::DuplicateMid { line: line("0") });
}

#[test]
fn ice_credentials_must_be_whole() {
    let ufrag = small().lines().find_map(|l| l.strip_prefix("a=ice-ufrag:")).map(str::to_owned).unwrap();
    let bad = SdpError::BadIce { line: line("0") };
    assert_eq!(refused(&with(&small(), &format!("a=ice-ufrag:{ufrag}\r\n"), "")), bad);
    assert_eq!(refused(&with(&small(), &format!("a=ice-ufrag:{ufrag}"), "a=ice-ufrag:a:b:c")), bad);
    assert_eq!(refused(&with(&small(), "a=ice-pwd:", "a=ice-pwd:short\r\na=x:")), bad);
}

#[test]
fn the_peer_must_be_a_full_ice_agent() {
    assert_eq!(refused(&with(&small(), "a=group", "a=ice-lite\r\na=group")), SdpError::PeerIsLite);
}

#[test]
fn dtls_needs_a_strong_fingerprint_and_the_client_role() {
    let bad = SdpError::BadFingerprint { line: line("0") };
    assert_eq!(refused(&with(&small(), "a=fingerprint:sha-256 ", "a=fingerprint:sha-1 ")), bad);
    assert_eq!(refused(&with(&small(), "a=fingerprint:sha-256 ", "a=fingerprint:sha-256 AB:")), bad);
    let setup = SdpError::BadSetup { line: line("0") };
    assert_eq!(refused(&with(&small(), "a=setup:actpass", "a=setup:passive")), setup);
    assert_eq!(refused(&with(&small(), "a=setup:actpass\r\n", "")), setup);
    assert!(answer(&with(&small(), "a=setup:actpass", "a=setup:active")).is_ok());
}

#[test]
fn seats_beyond_the_limit_are_refused() {
    let mut rng = StdRng::seed_from_u64(1);
    let few = ServerSide { max_seats: 8, ..server() };
    let error = session(&mut rng).answer(CHROMIUM, &few, &mut rng).unwrap_err();
    assert_eq!(error, SdpError::TooManySeats { offered: 9, most: 8 });
    assert_eq!(error.to_string(), "the offer has 9 seats and at most 8 are allowed: offer fewer");
}

#[test]
fn a_client_without_a_common_codec_is_told() {
    let offer = with(&with(&small(), "opus/48000/2", "G722/8000"), "VP8/90000", "H265/90000");
    assert_eq!(refused(&offer), SdpError::NothingUsable);
}

#[test]
fn earlier_lines_must_stay_where_they_were() {
    let mut rng = StdRng::seed_from_u64(1);
    let mut session = session(&mut rng);
    session.answer(SERIES[0][1], &server(), &mut rng).unwrap();
    let error = session.answer(SERIES[0][0], &server(), &mut rng).unwrap_err();
    assert_eq!(error, SdpError::LinesMissing { before: 7, now: 5 });
    let swapped = with(&with(SERIES[0][1], "a=mid:2", "a=mid:20"), "BUNDLE 0 1 2 ", "BUNDLE 0 1 20 ");
    let error = session.answer(&swapped, &server(), &mut rng).unwrap_err();
    assert_eq!(error, SdpError::LineChanged { line: line("20") });
}

#[test]
fn another_certificate_needs_another_connection() {
    let mut rng = StdRng::seed_from_u64(1);
    let mut session = session(&mut rng);
    session.answer(SERIES[0][0], &server(), &mut rng).unwrap();
    let error = session.answer(SERIES[1][0], &server(), &mut rng).unwrap_err();
    assert_eq!(error, SdpError::FingerprintChanged);
}

#[test]
fn a_client_that_replaces_lines_forever_is_stopped() {
    let mut rng = StdRng::seed_from_u64(1);
    let mut session = session(&mut rng);
    let mut outcome = session.answer(SERIES[0][1], &server(), &mut rng).map(|_| ());
    for round in 0..300 {
        session.answer(SERIES[0][4], &server(), &mut rng).unwrap();
        let renamed =
            with(&with(SERIES[0][5], "a=mid:7", &format!("a=mid:a{round}")), "a=mid:8", &format!("a=mid:v{round}"));
        let renamed = with(&renamed, "BUNDLE 0 1 7 8 ", &format!("BUNDLE 0 1 a{round} v{round} "));
        outcome = session.answer(&renamed, &server(), &mut rng).map(|_| ());
        if outcome.is_err() {
            break;
        }
    }
    assert_eq!(outcome, Err(SdpError::Exhausted));
}
