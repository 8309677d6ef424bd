//! What stays and what changes over the offers of one connection.

use std::collections::HashSet;

use super::*;
use crate::id::SeatId;
use crate::media::spec::{DownlinkSpec, Place};

/// The answers to a series, by one session.
fn answers(offers: &[&str]) -> Vec<Answered> {
    let mut rng = StdRng::seed_from_u64(7);
    let mut session = session(&mut rng);
    offers.iter().map(|offer| session.answer(offer, &server(), &mut rng).unwrap()).collect()
}

fn active_seats(answered: &Answered) -> Vec<SeatId> {
    let mut seats: Vec<SeatId> = Vec::new();
    for downlink in answered.media.downlinks.iter().filter(|d| d.active) {
        if let Place::Seat(seat) = downlink.place {
            seats.push(seat);
        }
    }
    seats.dedup();
    seats
}

#[test]
fn a_repeated_offer_gets_the_same_answer() {
    for offer in [CHROMIUM, FIREFOX, SAFARI] {
        let mut answers = answers(&[offer, offer]);
        assert_eq!(answers.pop(), answers.pop());
    }
}

#[test]
fn an_answer_that_differs_has_a_higher_version() {
    for series in SERIES {
        let versions: Vec<String> = answers(&series[..3])
            .iter()
            .map(|a| a.sdp.lines().nth(1).unwrap().split(' ').nth(2).unwrap().to_owned())
            .collect();
        assert_eq!(versions, ["1", "2", "3"]);
    }
}

#[test]
fn lines_keep_index_mid_place_and_ssrcs_while_others_come_and_go() {
    for series in SERIES {
        let answers = answers(&series);
        for pair in answers.windows(2) {
            let identity = |d: &DownlinkSpec| (d.mid, d.place, d.ssrc);
            let before: Vec<_> = pair[0].media.downlinks.iter().map(identity).collect();
            let after: Vec<_> = pair[1].media.downlinks.iter().map(identity).collect();
            assert_eq!(after[..before.len()], before);
            let mids = |a: &Answered| a.media.uplinks.iter().map(|u| (u.mid, u.role)).collect::<Vec<_>>();
            assert_eq!(mids(&pair[0]), mids(&pair[1]));
        }
        let last = &answers[6].media.downlinks;
        let mut ssrcs = HashSet::new();
        for downlink in last {
            assert!(downlink.ssrc.0 != 0 && ssrcs.insert(downlink.ssrc));
            assert!(downlink.rtx_ssrc.is_none_or(|rtx| rtx.0 != 0 && ssrcs.insert(rtx)));
        }
    }
}

#[test]
fn seats_are_added_paused_resumed_stopped_and_replaced() {
    for series in SERIES {
        let seats: Vec<Vec<u16>> =
            answers(&series).iter().map(|a| active_seats(a).into_iter().map(|s| s.0).collect()).collect();
        // The new seat stands on the stopped one's m-lines, with SSRCs of its own.
        let expected = [vec![0], vec![0, 1], vec![1], vec![0, 1], vec![1], vec![1, 2], vec![1, 2]];
        assert_eq!(seats, expected);
    }
}

#[test]
fn a_paused_line_stays_in_the_bundle_and_a_stopped_one_leaves_it() {
    for series in SERIES {
        let answers = answers(&series);
        assert!(section(&answers[2].sdp, "2").starts_with("audio 9 "));
        assert!(section(&answers[2].sdp, "2").contains("a=inactive\r\n"));
        assert!(answers[2].sdp.contains("a=group:BUNDLE 0 1 2 3 4 5 6\r\n"));
        assert!(section(&answers[4].sdp, "2").starts_with("audio 0 "));
        assert!(answers[4].sdp.contains("a=group:BUNDLE 0 1 4 5 6\r\n"));
        assert!(answers[5].sdp.contains("a=group:BUNDLE 0 1 7 8 4 5 6\r\n"));
    }
}

#[test]
fn an_ice_restart_gets_new_credentials_and_changes_nothing_else() {
    for series in SERIES {
        let answers = answers(&series);
        let credentials: Vec<&IceCredentials> = answers.iter().map(|a| &a.connection.local).collect();
        assert!(credentials[..6].iter().all(|c| *c == credentials[0]));
        assert_ne!(credentials[6].ufrag, credentials[0].ufrag);
        assert_ne!(credentials[6].pwd, credentials[0].pwd);
        assert_eq!(IceCredentials::shard_of(&credentials[6].ufrag), Some(3));
        assert_eq!(answers[6].media, answers[5].media);
        assert_eq!(answers[6].connection.fingerprint, answers[0].connection.fingerprint);
    }
}

#[test]
fn a_stopped_line_keeps_no_payload_types() {
    for series in SERIES {
        let stopped = answers(&series[..5]);
        let seat: Vec<_> = stopped[4].media.downlinks.iter().filter(|d| !d.active).collect();
        assert_eq!(seat.len(), 2);
        assert!(seat.iter().all(|d| d.payloads.is_empty()));
    }
}

#[test]
fn a_role_is_free_again_when_its_line_was_stopped() {
    let mut rng = StdRng::seed_from_u64(1);
    let mut session = session(&mut rng);
    let first = session.answer(WHIP[2], &server(), &mut rng).unwrap();
    let (head, video) = WHIP[2].split_at(WHIP[2].find("m=video").unwrap());
    let stopped = format!("{}{}", with(head, "BUNDLE 0 1", "BUNDLE 0"), with(video, "video 57249", "video 0"));
    let second = session.answer(&stopped, &server(), &mut rng).unwrap();
    assert!(!second.media.uplinks[1].active);
    let replaced = format!("{}{}", with(head, "BUNDLE 0 1", "BUNDLE 0 9"), with(video, "a=mid:1", "a=mid:9"));
    let third = session.answer(&replaced, &server(), &mut rng).unwrap();
    assert_eq!(third.media.uplinks.len(), 2);
    assert_eq!(third.media.uplinks[1].role, first.media.uplinks[1].role);
    assert!(third.media.uplinks[1].active);
    assert_eq!(third.media.uplinks[1].mid.as_str(), "9");
}

#[test]
fn a_refused_offer_changes_nothing() {
    let mut rng = StdRng::seed_from_u64(7);
    let mut session = session(&mut rng);
    let first = session.answer(SERIES[0][0], &server(), &mut rng).unwrap();
    let few = ServerSide { max_seats: 1, ..server() };
    assert_eq!(session.answer(SERIES[0][1], &few, &mut rng), Err(SdpError::TooManySeats { offered: 2, most: 1 }));
    assert_eq!(session.answer(SERIES[0][0], &server(), &mut rng).unwrap(), first);
}
