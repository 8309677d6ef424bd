//! What strangers and a hostile member send is dropped, each packet with a counted reason, while another member's call
//! loses nothing.

use std::net::UdpSocket;

use bytes::Bytes;
use plenum::media::drop::DropReason;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rtc_stun::message::TransactionId;

use super::common::browser::{Browser, Shape};
use super::common::dtls::wrong_keys;
use super::common::server::Server;
use super::common::stream::assert_gapless;
use super::common::{connect, offer, picture, until};

/// Of each kind, so many.
const MANY: u64 = 40;

/// RTP as it is before sealing.
fn rtp(pt: u8, seq: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, pt];
    packet.extend(seq.to_be_bytes());
    packet.extend([0, 0, 0, 9]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend([7; 60]);
    packet
}

/// Random octets that begin like the protocols of `first`.
fn noise(rng: &mut StdRng, first: std::ops::RangeInclusive<u8>) -> Vec<u8> {
    let mut datagram = vec![0; rng.random_range(1..200)];
    rng.fill(&mut datagram[..]);
    datagram[0] = rng.random_range(first);
    datagram
}

/// Sends a kind of packet from Eve while Ann publishes to Bea; waits until all were counted as `reason`.
struct Call {
    server: Server,
    ann: Browser,
    bea: Browser,
    eve: Browser,
    sent: Vec<Bytes>,
    number: u64,
}

impl Call {
    async fn start() -> Call {
        let server = Server::start();
        let shape = Shape::default();
        let mut ann = Browser::join(&server, "r", "Ann", &shape, str::to_owned).await;
        let mut bea = Browser::join(&server, "r", "Bea", &shape, str::to_owned).await;
        let mut eve = Browser::join(&server, "r", "Eve", &shape, str::to_owned).await;
        connect(&mut [&mut ann, &mut bea, &mut eve]).await;
        bea.member.watch(ann.member.source()).await;
        bea.member.sees(ann.member.source()).await;
        Call { server, ann, bea, eve, sent: Vec::new(), number: 0 }
    }

    /// `attack` sends the packet of that number.
    async fn suffer(&mut self, reason: DropReason, mut attack: impl FnMut(&mut Browser, u64)) {
        let before = self.server.drops(reason);
        let (mut number, mut attacks) = (self.number, 0);
        let (sent, server) = (&mut self.sent, &self.server);
        let what = format!("{MANY} drops counted as {}", reason.label());
        until(&what, &mut [&mut self.ann, &mut self.bea, &mut self.eve], |all| {
            number += 1;
            if number % 5 == 0 {
                sent.extend(all[0].send_picture(number % 25 == 0, 2));
            }
            if attacks < MANY {
                attack(all[2], attacks);
                attacks += 1;
            }
            attacks == MANY && server.drops(reason) >= before + MANY
        })
        .await;
        self.number = number;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attack_is_counted_and_costs_another_call_nothing() {
    let mut call = Call::start().await;
    let mut rng = StdRng::seed_from_u64(3);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = call.eve.server.unwrap();
    let tell = |datagram: &[u8]| drop(stranger.send_to(datagram, server));

    // Strangers.
    call.suffer(DropReason::UnknownAddress, |_, _| tell(&noise(&mut rng, 0..=255))).await;
    call.suffer(DropReason::UnknownAddress, |eve, _| tell(&eve.wire.last().map_or(vec![0x80; 40], |w| w.to_vec())))
        .await;
    call.suffer(DropReason::BadStun, |eve, n| {
        tell(&eve.check_with("a-password-that-was-guessed", TransactionId([n as u8; 12])));
    })
    .await;
    call.suffer(DropReason::BadStun, |eve, n| {
        // Without integrity: cut behind USERNAME, the length made to fit.
        let check = eve.check_with(&eve.answered.pwd, TransactionId([n as u8; 12]));
        let username = usize::from(u16::from_be_bytes([check[22], check[23]])).next_multiple_of(4);
        let mut cut = check[..24 + username].to_vec();
        cut[2..4].copy_from_slice(&(username as u16 + 4).to_be_bytes());
        tell(&cut);
    })
    .await;
    call.suffer(DropReason::BadStun, |eve, n| {
        let check = eve.check_with(&eve.answered.pwd, TransactionId([n as u8; 12]));
        tell(&check[..check.len() - 1 - n as usize % 30]);
    })
    .await;

    // A member, by its own path.
    let mut rng = StdRng::seed_from_u64(4);
    call.suffer(DropReason::UnknownProtocol, |eve, _| eve.send_raw(&noise(&mut rng, 64..=127))).await;
    call.suffer(DropReason::BadStun, |eve, _| eve.send_raw(&noise(&mut rng, 0..=3))).await;
    call.suffer(DropReason::BadDtls, |eve, _| eve.send_raw(&noise(&mut rng, 28..=63))).await;
    let mut wrong = wrong_keys();
    call.suffer(DropReason::BadAuthentication, |eve, n| {
        eve.send_raw(&wrong.encrypt_rtp(&rtp(offer::VP8, n as u16, 5)).unwrap());
    })
    .await;
    call.suffer(DropReason::MalformedRtp, |eve, n| eve.send_raw(&rtp(offer::VP8, 1, 5)[..1 + n as usize % 11])).await;
    let mut replayed = None;
    call.suffer(DropReason::Replayed, |eve, _| {
        let packet = replayed.get_or_insert_with(|| {
            let packet = eve.seal(&rtp(offer::VP8, 1, 5));
            eve.send_raw(&packet);
            packet
        });
        eve.send_raw(packet);
    })
    .await;
    call.suffer(DropReason::UnknownPayloadType, |eve, n| {
        let packet = eve.seal(&rtp(20, n as u16, 77));
        eve.send_raw(&packet);
    })
    .await;
    call.suffer(DropReason::MalformedRtcp, |eve, n| {
        // A sender report that claims to be longer than it is.
        eve.send_rtcp(&[0x80, 200, 0, 40, 0, 0, 0, n as u8]);
    })
    .await;

    let (sent, bea) = (&call.sent, &mut call.bea);
    let last = sent.last().unwrap();
    until("the last picture", &mut [bea], |all| {
        all[0].on("3").last().is_some_and(|packet| packet.payload.ends_with(last))
    })
    .await;
    let seen = call.bea.on("3");
    assert_gapless(&seen);
    let came: Vec<_> = seen.iter().map(|packet| Bytes::copy_from_slice(picture::body(&packet.payload))).collect();
    assert!(
        call.sent.ends_with(&came) && came.len() > call.sent.len() * 3 / 4,
        "{} of {}",
        came.len(),
        call.sent.len()
    );
    assert!(seen.iter().all(|packet| !packet.repaired));
    assert!(call.ann.is_checked && call.bea.is_checked);
}
