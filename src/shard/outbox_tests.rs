use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::transport::spec::Protocol;

const ROOM: usize = 1_500;

fn path(port: u16) -> Path {
    let (local, remote) = (([192, 0, 2, 1], 3_478).into(), ([198, 51, 100, 7], port).into());
    Path { protocol: Protocol::Udp, local, remote }
}

/// Writes a datagram of `len` octets for browser `peer`.
fn write(outbox: &mut Outbox, peer: usize, len: usize, octet: u8) {
    let written = outbox.write(peer, &path(peer as u16), ROOM, |buffer| {
        assert_eq!(buffer.len(), ROOM);
        buffer[..len].fill(octet);
        // What is behind the datagram belongs to nobody else either.
        buffer[len..].fill(0xFF);
        Ok::<_, ()>(len)
    });
    assert_eq!(written, Ok(len));
}

/// Runs by browser: octets of each datagram.
fn runs(outbox: &Outbox) -> Vec<(u16, Vec<usize>)> {
    let cut = |(path, bytes, segment): (Path, &[u8], usize)| {
        (path.remote.port(), bytes.chunks(segment).map(<[u8]>::len).collect())
    };
    outbox.runs().map(cut).collect()
}

#[test]
fn a_datagram_is_what_was_written_and_nothing_of_earlier_ones() {
    let mut outbox = Outbox::default();
    outbox.send(path(1), &[20; 100]);
    outbox.clear();
    let written = outbox.write(0, &path(2), 50, |buffer| {
        assert_eq!(buffer.len(), 50);
        buffer[..3].copy_from_slice(b"abc");
        Ok::<_, ()>(3)
    });
    assert_eq!(written, Ok(3));
    assert_eq!(outbox.write(0, &path(3), 50, |_| Err::<usize, _>("refused")), Err("refused"));
    outbox.send(path(4), b"\0\x01");
    let sent: Vec<_> = outbox.iter().map(|(path, datagram)| (path.remote.port(), datagram.to_vec())).collect();
    assert_eq!(sent, [(2, b"abc".to_vec()), (4, vec![0, 1])]);
    let [stun, dtls] = outbox.take_volumes();
    assert_eq!((stun.bytes, dtls.bytes), (2, 100));
}

#[test]
fn packets_of_a_frame_leave_for_each_browser_as_one_run() {
    let mut outbox = Outbox::default();
    outbox.expect(4);
    for len in [1_100, 1_100, 1_100, 700] {
        for peer in 0..3 {
            write(&mut outbox, peer, len, 1);
        }
    }
    assert_eq!(runs(&outbox), [0, 1, 2].map(|peer| (peer, vec![1_100, 1_100, 1_100, 700])));
}

#[test]
fn what_is_larger_than_the_ones_before_it_begins_another_run() {
    let mut outbox = Outbox::default();
    outbox.expect(8);
    for len in [1_000, 1_000, 1_001, 1_001, 80, 80] {
        write(&mut outbox, 0, len, 1);
        write(&mut outbox, 1, len, 1);
    }
    let lens = |peer| runs(&outbox).into_iter().filter(|run| run.0 == peer).map(|run| run.1).collect::<Vec<_>>();
    for peer in [0, 1] {
        assert_eq!(lens(peer), [vec![1_000, 1_000], vec![1_001, 1_001, 80], vec![80]]);
    }
}

#[test]
fn what_nobody_came_between_makes_a_run_unexpected() {
    let mut outbox = Outbox::default();
    for _ in 0..3 {
        write(&mut outbox, 5, 900, 1);
    }
    write(&mut outbox, 6, 900, 1);
    write(&mut outbox, 5, 900, 1);
    assert_eq!(runs(&outbox), [(5, vec![900; 3]), (6, vec![900]), (5, vec![900])]);
}

#[test]
fn what_may_exceed_a_path_leaves_alone() {
    let mut outbox = Outbox::default();
    outbox.expect(3);
    for len in [1_401, 1_401, 1_400, 1_400] {
        write(&mut outbox, 0, len, 1);
    }
    assert_eq!(runs(&outbox), [(0, vec![1_401]), (0, vec![1_401]), (0, vec![1_400; 2])]);
}

#[test]
fn a_browser_that_changes_its_path_gets_a_run_on_each() {
    let mut outbox = Outbox::default();
    outbox.expect(2);
    for port in [1, 2] {
        assert_eq!(outbox.write(0, &path(port), ROOM, |_| Ok::<_, ()>(100)), Ok(100));
    }
    assert_eq!(runs(&outbox), [(1, vec![100]), (2, vec![100])]);
}

#[test]
fn runs_hold_all_datagrams_of_a_browser_in_their_order_whatever_they_are() {
    let mut rng = StdRng::seed_from_u64(7);
    let mut outbox = Outbox::default();
    for _ in 0..200 {
        let mut expected: Vec<Vec<Vec<u8>>> = vec![Vec::new(); 5];
        outbox.expect(rng.random_range(0..20));
        for _ in 0..rng.random_range(0..400) {
            let (peer, octet) = (rng.random_range(0..5), rng.random());
            let len = if rng.random_bool(0.8) { 1_200 } else { rng.random_range(1..=ROOM) };
            write(&mut outbox, peer, len, octet);
            expected[peer].push(vec![octet; len]);
        }
        let mut sent: Vec<Vec<Vec<u8>>> = vec![Vec::new(); 5];
        for (path, bytes, segment) in outbox.runs() {
            assert!(bytes.len() <= MOST_OCTETS && bytes.len().div_ceil(segment) <= MOST_DATAGRAMS);
            sent[usize::from(path.remote.port())].extend(bytes.chunks(segment).map(<[u8]>::to_vec));
        }
        assert_eq!(sent, expected);
        outbox.clear();
        assert!(outbox.is_empty() && outbox.runs().next().is_none());
    }
}
