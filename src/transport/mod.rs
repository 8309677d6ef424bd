//! One browser's connection: ICE-lite, DTLS, SRTP, SCTP. Pure: time and randomness are parameters, no sockets.
//!
//! Never imports `media`'s tracks and slots, `net`, `room` or `signal`; of `media` only `media::spec` and the drop
//! reasons.

pub mod data;
pub mod dtls;
pub mod ice;
pub mod spec;
pub mod srtp;

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::media::drop::DropReason;
use crate::media::outgoing::Outgoing;
use data::Data;
use dtls::{Certificate, Dtls, DtlsState};
use ice::Ice;
use spec::{ConnectionSpec, Lane, Path, TransportState};
use srtp::{Admitted, Srtp};

/// Silence after which a connection counts as disconnected. Chromium checks every 2.5 s and Firefox every 5 s, so this
/// survives one lost check of either.
const SILENCE: Duration = Duration::from_secs(7);

/// Where a transport's own datagrams go: the caller's batch of outgoing packets.
pub trait TransportOut {
    fn send(&mut self, path: Path, bytes: &[u8]);
}

/// What an incoming datagram was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Incoming {
    /// The transport's own business, done.
    Consumed,
    /// An RTP packet: the datagram's first so many octets, decrypted in place.
    Rtp(usize),
    /// A compound RTCP packet: the datagram's first so many octets, decrypted in place.
    Rtcp(usize),
}

/// One browser's connection.
pub struct Transport {
    ice: Ice,
    dtls: Dtls,
    srtp: Option<Srtp>,
    data: Option<Data>,
    /// Where the latest DTLS datagram came from: browsers may start DTLS before they nominate.
    dtls_path: Option<Path>,
    /// When something authenticated came last.
    last_alive: Option<Instant>,
    /// Nothing came for [`SILENCE`].
    silent: bool,
}

impl Transport {
    /// A transport that waits for its browser.
    pub fn new(spec: &ConnectionSpec, certificate: &Certificate) -> Transport {
        Transport {
            ice: Ice::new(certificate.provider().clone(), spec),
            dtls: Dtls::new(certificate, &spec.fingerprint),
            srtp: None,
            data: spec.sctp.map(Data::new),
            dtls_path: None,
            last_alive: None,
            silent: false,
        }
    }

    /// Takes over a new answer: a changed ufrag is an ICE restart. DTLS and its keys stay; a browser with another
    /// certificate is another transport. Data channels may come with any answer, and then stay.
    pub fn update(&mut self, spec: &ConnectionSpec) {
        self.ice.update(spec);
        if self.data.is_none() {
            self.data = spec.sctp.map(Data::new);
        }
    }

    pub fn state(&self) -> TransportState {
        match (self.dtls.state(), self.last_alive) {
            (DtlsState::Ended, _) => TransportState::Failed,
            (_, None) => TransportState::New,
            _ if self.silent => TransportState::Disconnected,
            (DtlsState::Established, _) => TransportState::Connected,
            (DtlsState::Handshaking, _) => TransportState::Connecting,
        }
    }

    /// Where packets for the browser go now: the path it nominated last; before that, where it speaks from.
    pub fn send_path(&self) -> Option<&Path> {
        self.ice.nominated().or(self.dtls_path.as_ref()).or_else(|| self.ice.latest())
    }

    /// Forgets a path that leads nowhere any more. Media goes by another that was checked, or waits for one.
    pub fn path_closed(&mut self, path: Path) {
        self.ice.path_closed(path);
        self.dtls_path = self.dtls_path.filter(|known| *known != path);
    }

    /// Handles one datagram (RFC 7983). RTP and RTCP are authenticated and decrypted in place and handed back; on
    /// error the datagram's content is unspecified.
    pub fn handle(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &mut [u8],
        out: &mut impl TransportOut,
    ) -> Result<Incoming, DropReason> {
        match datagram.first() {
            Some(0..=3) => self.handle_stun(now, path, datagram, out),
            Some(20..=63) => self.handle_dtls(now, path, datagram, out),
            Some(128..=191) => self.handle_srtp(now, path, datagram),
            _ => Err(DropReason::UnknownProtocol),
        }
    }

    fn handle_stun(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        out: &mut impl TransportOut,
    ) -> Result<Incoming, DropReason> {
        if self.dtls.state() == DtlsState::Ended {
            return Err(DropReason::NotConnected);
        }
        if let Some(answer) = self.ice.handle(now, path, datagram)? {
            self.alive(now);
            out.send(path, &answer);
        }
        Ok(Incoming::Consumed)
    }

    fn handle_dtls(
        &mut self,
        now: Instant,
        path: Path,
        datagram: &[u8],
        out: &mut impl TransportOut,
    ) -> Result<Incoming, DropReason> {
        if !self.ice.knows(path) {
            return Err(DropReason::UnknownAddress);
        }
        self.dtls.receive(now, datagram)?;
        self.dtls_path = Some(path);
        self.after_dtls(now, out);
        Ok(Incoming::Consumed)
    }

    fn handle_srtp(&mut self, now: Instant, path: Path, datagram: &mut [u8]) -> Result<Incoming, DropReason> {
        if !self.ice.knows(path) {
            return Err(DropReason::UnknownAddress);
        }
        let srtp = self.srtp.as_mut().ok_or(DropReason::NotReady)?;
        // RFC 5761 §4: these second octets are RTCP packet types.
        let incoming = match datagram.get(1) {
            Some(192..=223) => Incoming::Rtcp(srtp.open_rtcp(datagram)?),
            _ => Incoming::Rtp(srtp.open_rtp(datagram)?),
        };
        self.alive(now);
        Ok(incoming)
    }

    fn alive(&mut self, now: Instant) {
        self.last_alive = Some(now);
        self.silent = false;
    }

    /// Whether a handshake step waits. One costs up to 0.5 ms, so run at most one per turn of the shard.
    pub fn wants_step(&self) -> bool {
        self.dtls.wants_step()
    }

    /// Whether the handshake got its first answer.
    pub fn has_begun(&self) -> bool {
        self.dtls.has_answered()
    }

    /// Runs one handshake step.
    pub fn step(&mut self, now: Instant, out: &mut impl TransportOut) {
        self.dtls.step(now);
        self.after_dtls(now, out);
    }

    /// Collects what DTLS has to say after any input.
    fn after_dtls(&mut self, now: Instant, out: &mut impl TransportOut) {
        if let Some(keys) = self.dtls.take_keys() {
            self.srtp = Some(keys);
            self.alive(now);
        }
        while let Some(packet) = self.dtls.poll_data() {
            self.alive(now);
            if let Some(data) = &mut self.data {
                data.receive(now, packet.freeze());
            }
        }
        self.flush(now, out);
    }

    fn flush(&mut self, now: Instant, out: &mut impl TransportOut) {
        if let (DtlsState::Established, Some(data)) = (self.dtls.state(), &mut self.data) {
            while let Some(packets) = data.poll_transmit(now) {
                for packet in packets {
                    self.dtls.send_data(now, &packet);
                }
            }
        }
        let path = self.send_path().copied();
        while let Some(datagram) = self.dtls.poll_transmit() {
            if let Some(path) = path {
                out.send(path, &datagram);
            }
        }
        if self.dtls.state() == DtlsState::Ended {
            self.srtp = None;
            self.data = None;
        }
    }

    /// When [`Transport::handle_timeout`] wants to be called next.
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.dtls.state() == DtlsState::Ended {
            return None;
        }
        let silence = self.last_alive.filter(|_| !self.silent).map(|at| at + SILENCE);
        let data = self.data.as_ref().and_then(Data::next_timeout);
        silence.into_iter().chain(self.dtls.next_timeout()).chain(data).min()
    }

    /// Does what is due. Calling it early is harmless.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut impl TransportOut) {
        self.silent = self.last_alive.is_some_and(|at| now >= at + SILENCE);
        self.dtls.handle_timeout(now);
        if let Some(data) = &mut self.data {
            data.handle_timeout(now);
        }
        self.after_dtls(now, out);
    }

    /// Octets that sealing adds to an RTP packet; 0 before the keys are known.
    pub fn rtp_overhead(&self) -> usize {
        self.srtp.as_ref().map_or(0, |srtp| srtp.profile().rtp_overhead())
    }

    /// Something will be sent soon.
    pub fn prefetch(&self) {
        self.ice.prefetch();
        if let Some(srtp) = &self.srtp {
            srtp.prefetch();
        }
    }

    /// A packet of `stream` will be sealed next.
    pub fn prefetch_stream(&self, stream: usize) {
        if let Some(srtp) = &self.srtp {
            srtp.prefetch_stream(stream);
        }
    }

    /// Whether an RTP packet may be sealed: see [`Srtp::admit_rtp`]. `NotConnected` without keys.
    #[inline(always)]
    pub fn admit_rtp(&mut self, outgoing: &Outgoing, buf: &[u8]) -> Result<Admitted, DropReason> {
        let Outgoing { stream, ssrc, seq, header_len, len, .. } = *outgoing;
        let srtp = self.srtp.as_mut().ok_or(DropReason::NotConnected)?;
        srtp.admit_rtp(stream, ssrc, seq, header_len, buf, len)
    }

    /// Seals an RTP packet that was admitted, in place: see [`Srtp::encrypt_rtp`]. `NotConnected` without keys.
    pub fn encrypt_rtp(&mut self, admitted: Admitted, buf: &mut [u8]) -> Result<usize, DropReason> {
        self.srtp.as_mut().ok_or(DropReason::NotConnected)?.encrypt_rtp(admitted, buf)
    }

    /// Seals a compound RTCP packet in place: see [`Srtp::seal_rtcp`]. `NotConnected` without keys.
    pub fn seal_rtcp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, DropReason> {
        self.srtp.as_mut().ok_or(DropReason::NotConnected)?.seal_rtcp(buf, len)
    }

    /// Sends one message to the browser: see [`Data::send`].
    pub fn send_data(
        &mut self,
        now: Instant,
        lane: Lane,
        payload: &[u8],
        out: &mut impl TransportOut,
    ) -> Result<(), DropReason> {
        self.data.as_mut().ok_or(DropReason::NotConnected)?.send(now, lane, payload)?;
        self.flush(now, out);
        Ok(())
    }

    /// The next message from the browser. To be emptied after each [`Transport::handle`]: the queue is short.
    pub fn poll_data(&mut self) -> Option<(Lane, Bytes)> {
        self.data.as_mut()?.poll()
    }

    /// Ends the connection and tells the browser.
    pub fn close(&mut self, now: Instant, out: &mut impl TransportOut) {
        self.dtls.close(now);
        self.flush(now, out);
    }
}

#[cfg(test)]
mod tests;
