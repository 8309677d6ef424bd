//! Damaged offers: never a panic, and what is answered still keeps its promises.

use std::collections::HashSet;
use std::io::Cursor;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rtc_sdp::description::session::SessionDescription;

use super::*;

/// Of the offers damaged in every run.
const SEED: u64 = 0x5D9;

/// One damage to an offer.
#[derive(Clone, Debug)]
enum Damage {
    Remove(usize),
    Repeat(usize),
    Swap(usize, usize),
    Truncate(usize),
    Byte(usize, u8),
    /// Another line's tail after this line's head.
    Splice(usize, usize),
    /// A number becomes a hostile one.
    Number(usize, &'static str),
}

fn damage() -> impl Strategy<Value = Damage> {
    let hostile = prop::sample::select(vec!["0", "-1", "65536", "4294967296", "99999999999999999999", "", "*", "1/2"]);
    prop_oneof![
        any::<usize>().prop_map(Damage::Remove),
        any::<usize>().prop_map(Damage::Repeat),
        any::<(usize, usize)>().prop_map(|(a, b)| Damage::Swap(a, b)),
        any::<usize>().prop_map(Damage::Truncate),
        any::<(usize, u8)>().prop_map(|(at, byte)| Damage::Byte(at, byte)),
        any::<(usize, usize)>().prop_map(|(a, b)| Damage::Splice(a, b)),
        (any::<usize>(), hostile).prop_map(|(at, number)| Damage::Number(at, number)),
    ]
}

/// `index` into something of length `len`, any number being good.
fn within(index: usize, len: usize) -> usize {
    index % len.max(1)
}

fn apply(lines: &mut Vec<String>, damage: &Damage) {
    let len = lines.len();
    if len == 0 {
        return;
    }
    match *damage {
        Damage::Remove(at) => drop(lines.remove(within(at, len))),
        Damage::Repeat(at) => lines.push(lines[within(at, len)].clone()),
        Damage::Swap(a, b) => lines.swap(within(a, len), within(b, len)),
        Damage::Truncate(at) => lines.truncate(within(at, len)),
        Damage::Byte(at, byte) => {
            let line = &mut lines[within(at, len)];
            let mut chars: Vec<char> = line.chars().collect();
            let place = within(at / len, chars.len());
            if let Some(c) = chars.get_mut(place) {
                *c = char::from(byte);
            }
            *line = chars.into_iter().collect();
        }
        Damage::Splice(a, b) => {
            let tail = lines[within(b, len)].split(':').next_back().unwrap_or("").to_owned();
            let line = &mut lines[within(a, len)];
            let head = line.split(':').next().unwrap_or("").to_owned();
            *line = format!("{head}:{tail}");
        }
        Damage::Number(at, number) => {
            let line = &mut lines[within(at, len)];
            let numbers: Vec<&str> = line.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty()).collect();
            if let Some(old) = numbers.get(within(at / len, numbers.len())) {
                *line = line.replacen(*old, number, 1);
            }
        }
    }
}

fn offers() -> impl Strategy<Value = &'static str> {
    let mut all = vec![SAFARI, GSTREAMER_WHEP, CHROMIUM, FIREFOX];
    all.extend(WHIP);
    all.extend(WHEP);
    all.extend(SERIES.concat());
    prop::sample::select(all)
}

fn check(offer: &str, answered: &Answered) {
    let parsed = SessionDescription::unmarshal(&mut Cursor::new(answered.sdp.as_bytes())).unwrap();
    assert_eq!(parsed.media_descriptions.len(), offer.lines().filter(|l| l.starts_with("m=")).count());
    let mut ssrcs = HashSet::new();
    for downlink in &answered.media.downlinks {
        assert!(downlink.ssrc.0 != 0 && ssrcs.insert(downlink.ssrc));
        assert!(downlink.rtx_ssrc.is_none_or(|rtx| rtx.0 != 0 && ssrcs.insert(rtx)));
    }
    for payload in &answered.media.payloads {
        let same = |pt| answered.media.payloads.iter().filter(|p| p.pt == pt || p.rtx == Some(pt)).count();
        assert_eq!(same(payload.pt), 1);
        assert!(payload.rtx.is_none_or(|rtx| same(rtx) == 1));
    }
    let uplinks = answered.media.uplinks.iter().flat_map(|u| &u.payloads);
    let downlinks = answered.media.downlinks.iter().flat_map(|d| &d.payloads);
    assert!(uplinks.chain(downlinks).all(|pt| answered.media.payload(*pt).is_some()));
    assert!(answered.media.uplinks.len() <= 4);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, rng_seed: RngSeed::Fixed(SEED), ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_offer_is_refused_or_answered_whole(
        offer in offers(),
        damages in prop::collection::vec(damage(), 1..12),
        seed in any::<u64>(),
    ) {
        let mut lines: Vec<String> = offer.lines().map(str::to_owned).collect();
        for damage in &damages {
            apply(&mut lines, damage);
        }
        let damaged = lines.join("\r\n") + "\r\n";
        let mut rng = StdRng::seed_from_u64(seed);
        let mut session = session(&mut rng);
        let first = session.answer(&damaged, &server(), &mut rng);
        if let Ok(answered) = &first {
            check(&damaged, answered);
        }
        prop_assert_eq!(session.answer(&damaged, &server(), &mut rng), first);
    }

    #[test]
    fn a_damaged_reoffer_leaves_the_session_usable(
        series in prop::sample::select(SERIES.to_vec()),
        step in 1usize..7,
        damages in prop::collection::vec(damage(), 1..8),
    ) {
        let mut rng = StdRng::seed_from_u64(3);
        let mut session = session(&mut rng);
        for offer in &series[..step] {
            session.answer(offer, &server(), &mut rng).unwrap();
        }
        let mut lines: Vec<String> = series[step].lines().map(str::to_owned).collect();
        for damage in &damages {
            apply(&mut lines, damage);
        }
        let damaged = lines.join("\n");
        match session.answer(&damaged, &server(), &mut rng) {
            Ok(answered) => check(&damaged, &answered),
            Err(_) => check(series[step], &session.answer(series[step], &server(), &mut rng).unwrap()),
        }
    }

    #[test]
    fn any_text_is_refused_or_answered(text in "(v=0\r\n|o=- 1 1 IN IP4 0\r\n|s=-\r\n|t=0 0\r\n|m=audio 9 RTP/SAVPF 0\r\n|a=[a-z:0-9 ]{0,20}\r\n|\\PC{0,12}){0,12}") {
        let _ = answer(&text);
    }
}
