//! One synthetic browser without its sockets: checks, handshake, media in both directions.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtc_crypto::default_provider;
use rtc_stun::message::TransactionId;

use super::downlink::Downlink;
use super::dtls::{Agreed, Dtls, GCM, Identity};
use super::ice::{self, Pair};
use super::measure::Figures;
use super::plan::Part;
use super::sdp::Answered;
use super::uplink::Uplink;
use super::wire::{Out, Wire};
use crate::media::rtcp::{self, Rtcp};
use crate::transport::srtp::{Profile, Srtp};

/// Between two checks, until an answer came.
const CHECK_FIRST: Duration = Duration::from_millis(100);
/// Between two checks of a path that works, as browsers check for consent, on average (RFC 7675 §5.1 has 4 to 6 s).
const CHECK_AGAIN: Duration = Duration::from_millis(2_500);
/// After what time a flight of a handshake is first repeated; doubled after that, as browsers do (RFC 6347 §4.2.4.1), and from
/// [`HANDSHAKE_TICK_SLOW`] on tripled. The library repeats at each look at its timers, and gives up after seven, where browsers
/// go on for minutes: so the last comes after 17 s.
const HANDSHAKE_TICK: Duration = Duration::from_millis(50);
const HANDSHAKE_TICK_SLOW: Duration = Duration::from_millis(400);

/// All that a peer is made of.
pub(super) struct Spec {
    /// Counted over all peers of a run.
    pub(super) id: u32,
    pub(super) part: Part,
    pub(super) identity: Identity,
    pub(super) ufrag: String,
    pub(super) pwd: String,
    pub(super) answered: Answered,
    /// Where to send, of the answer's candidates.
    pub(super) candidates: Vec<SocketAddr>,
    /// When it began to connect.
    pub(super) started: Instant,
}

pub(super) struct Peer {
    spec: Spec,
    /// Where the server answered from.
    remote: Option<SocketAddr>,
    checks: Vec<(TransactionId, SocketAddr)>,
    next_check: Instant,
    next_handshake: Option<Instant>,
    /// Until the flight after that.
    handshake_tick: Duration,
    dtls: Option<Dtls>,
    wire: Option<Wire>,
    uplink: Option<Uplink>,
    pub(super) downlink: Downlink,
    epoch: Instant,
    pub(super) failure: Option<String>,
}

impl Peer {
    pub(super) fn new(now: Instant, epoch: Instant, spec: Spec) -> Peer {
        let Part { full, expects_pictures, .. } = spec.part;
        let mut downlink = Downlink::new(epoch, spec.started, &spec.answered, full, expects_pictures);
        downlink.quality.weak = spec.part.weather.is_some();
        Peer {
            remote: None,
            checks: Vec::new(),
            next_check: now,
            next_handshake: None,
            handshake_tick: HANDSHAKE_TICK,
            dtls: Some(Dtls::new(&spec.identity)),
            wire: None,
            uplink: None,
            downlink,
            epoch,
            failure: None,
            spec,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.wire.is_some()
    }

    pub(super) fn part(&self) -> &Part {
        &self.spec.part
    }

    /// Media packets that it sent.
    pub(super) fn sent(&self) -> u64 {
        self.uplink.as_ref().map_or(0, |uplink| uplink.packets)
    }

    /// Takes a datagram, which is opened in place.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &mut [u8],
        figures: &mut Figures,
        out: &mut Out,
    ) {
        out.to = self.remote;
        match (datagram.first(), datagram.get(1)) {
            (Some(0..=3), _) => self.take_check(now, from, datagram, out),
            (Some(20..=63), _) => self.take_handshake(now, datagram, out),
            (Some(128..=191), Some(192..=223)) => self.take_rtcp(now, datagram, out),
            (Some(128..=191), _) => {
                if let Some(wire) = &mut self.wire {
                    self.downlink.receive(now, datagram, wire, figures);
                }
            }
            _ => {}
        }
    }

    fn take_check(&mut self, now: Instant, from: SocketAddr, datagram: &[u8], out: &mut Out) {
        if let Some(answer) = ice::answer(datagram, &self.spec.pwd, from) {
            out.to = Some(from);
            return out.send(&answer);
        }
        let Some(id) = ice::answered(datagram, &self.spec.answered.pwd) else { return };
        if !self.checks.contains(&(id, from)) {
            return;
        }
        self.checks.clear();
        if self.remote.is_some() {
            return;
        }
        self.remote = Some(from);
        self.downlink.quality.checked = true;
        self.next_check = now + CHECK_AGAIN.mul_f64(0.5 + rand::random::<f64>());
        self.next_handshake = Some(now);
        if let Some(Err(error)) = self.dtls.as_mut().map(|dtls| dtls.start(now)) {
            self.failure = Some(error.to_string());
        }
    }

    fn take_handshake(&mut self, now: Instant, datagram: &[u8], out: &mut Out) {
        let Some(dtls) = &mut self.dtls else { return };
        let read = dtls.read(now, datagram);
        self.handshake_tick = HANDSHAKE_TICK;
        self.next_handshake = Some(now + HANDSHAKE_TICK);
        dtls.poll(now).for_each(|datagram| out.send(&datagram));
        match read {
            Ok(Some(agreed)) => self.secure(now, &agreed),
            Ok(None) => {}
            Err(error) => self.failure = Some(error.to_string()),
        }
    }

    /// The keys are known: media may flow.
    fn secure(&mut self, now: Instant, agreed: &Agreed) {
        let profile = if agreed.profile == GCM { Profile::AeadAes128Gcm } else { Profile::Aes128CmHmacSha1_80 };
        let srtp = default_provider()
            .map_err(|error| error.to_string())
            .and_then(|crypto| Srtp::client(crypto.crypto(), profile, &agreed.material).map_err(|e| e.to_string()));
        match srtp {
            Ok(srtp) => self.wire = Some(Wire { srtp, transport_seq: Some(1) }),
            Err(error) => self.failure = Some(error),
        }
        // It keeps no state that is needed: the last flight is the server's.
        (self.dtls, self.next_handshake) = (None, None);
        self.downlink.quality.connected = true;
        let publishing = self.spec.part.publishing.clone();
        self.uplink = publishing.map(|plan| Uplink::new(now, self.epoch, plan, u64::from(self.spec.id)));
    }

    fn take_rtcp(&mut self, now: Instant, datagram: &mut [u8], out: &mut Out) {
        let Some(wire) = &mut self.wire else { return };
        let Ok(len) = wire.srtp.open_rtcp(datagram) else {
            self.downlink.quality.unopened += 1;
            return;
        };
        for packet in rtcp::walk(datagram.get(..len).unwrap_or_default()).flatten() {
            match (&packet, &mut self.uplink) {
                (Rtcp::SenderReport { info, .. }, _) => self.downlink.sender_report(now, info),
                (_, Some(uplink)) => uplink.heed(&packet, wire, out),
                _ => {}
            }
        }
    }

    pub(super) fn next_timeout(&self) -> Instant {
        let mut due = self.next_check;
        if let Some(at) = self.next_handshake {
            due = due.min(at);
        }
        if self.wire.is_some() {
            due = due.min(self.downlink.next_timeout());
            if let Some(uplink) = &self.uplink {
                due = due.min(uplink.next_timeout());
            }
        }
        due
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, out: &mut Out) {
        if self.next_check <= now {
            self.check(now, out);
        }
        out.to = self.remote;
        if self.next_handshake.is_some_and(|due| due <= now)
            && let Some(dtls) = &mut self.dtls
        {
            self.next_handshake = Some(now + self.handshake_tick);
            self.handshake_tick *= if self.handshake_tick < HANDSHAKE_TICK_SLOW { 2 } else { 3 };
            dtls.poll(now).for_each(|datagram| out.send(&datagram));
        }
        if let Some(wire) = &mut self.wire {
            if self.downlink.next_timeout() <= now {
                self.downlink.handle_timeout(now, wire, out);
            }
            if let Some(uplink) = self.uplink.as_mut().filter(|uplink| uplink.next_timeout() <= now) {
                uplink.handle_timeout(now, wire, out);
            }
        }
    }

    fn check(&mut self, now: Instant, out: &mut Out) {
        let again = CHECK_AGAIN.mul_f64(0.8 + 0.4 * rand::random::<f64>());
        self.next_check = now + if self.remote.is_some() { again } else { CHECK_FIRST };
        let Answered { ufrag, pwd, .. } = &self.spec.answered;
        let pair = Pair { remote_ufrag: ufrag, remote_pwd: pwd, ufrag: &self.spec.ufrag };
        let targets = self.remote.map_or_else(|| self.spec.candidates.clone(), |remote| vec![remote]);
        for target in targets {
            let id = TransactionId(rand::random());
            let Some(check) = ice::check(&pair, id) else { return };
            self.checks.push((id, target));
            out.to = Some(target);
            out.send(&check);
        }
    }
}
