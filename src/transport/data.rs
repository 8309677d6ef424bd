//! Data channels of one connection: SCTP over DTLS (RFC 8261) with DCEP (RFC 8832), as the side that waits.
//!
//! The browser opens the association and two channels, labelled `reliable` and `lossy`; anything else it opens is
//! acknowledged and ignored. Both directions are bounded: what does not fit is dropped and counted.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rtc_datachannel::data_channel::DataChannel;
use rtc_datachannel::message::Message;
use rtc_datachannel::message::message_channel_ack::DataChannelAck;
use rtc_datachannel::message::message_channel_open::DataChannelOpen;
use rtc_sctp::{
    Association, AssociationHandle, DatagramEvent, Endpoint, EndpointConfig, EndpointEvent, Event, Payload,
    PayloadProtocolIdentifier as Ppi, ServerConfig, StreamEvent, StreamId, TransportConfig,
};
use rtc_shared::TransportProtocol;
use rtc_shared::marshal::{Marshal, Unmarshal};

use super::spec::{Lane, SctpSpec};
use crate::media::drop::DropReason;

/// Largest message taken from a browser, in octets: what RFC 8841 §6 has a peer assume unless the SDP says otherwise.
pub const MAX_MESSAGE: usize = 65_536;

/// Octets that may wait for a browser on its reliable channel: four of the largest messages.
const RELIABLE_BUFFER: usize = 4 * MAX_MESSAGE;
/// Octets that may wait on its lossy channel. Less, because what waits there grows stale.
const LOSSY_BUFFER: usize = MAX_MESSAGE;
/// Messages that wait to be taken by [`Data::poll`]. The caller empties it after each datagram; one datagram can
/// complete many small messages, but not more than fit its 1,200 octets with a chunk header of 16 each.
const MAX_INCOMING: usize = 128;
/// Receive window in octets.
const RECEIVE_WINDOW: u32 = 4 * MAX_MESSAGE as u32;
/// Streams a browser may use. Plenum needs two; browsers count in steps of two.
const MAX_STREAMS: u16 = 64;
/// Associations in the making. rtc-sctp makes one for every INIT, so also for a repeated one.
const MAX_ASSOCIATIONS: usize = 4;

/// Both ends as rtc-sctp sees them; the real path is DTLS's matter.
const VIRTUAL: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 1));

/// The data channels of one connection.
pub struct Data {
    endpoint: Endpoint,
    /// The association, or candidates for it until one is established.
    associations: Vec<(AssociationHandle, Association)>,
    established: bool,
    /// The streams of `reliable` and `lossy`.
    lanes: [Option<StreamId>; 2],
    /// Streams with something to read.
    readable: Vec<StreamId>,
    /// Largest message the browser takes.
    max_outgoing: usize,
    incoming: VecDeque<(Lane, Bytes)>,
    shed: u64,
    /// The association is gone for good: see [`Data::guarded`].
    broken: bool,
}

impl Data {
    /// Waits for the browser's association.
    pub fn new(spec: SctpSpec) -> Data {
        let config = TransportConfig::default()
            .with_sctp_port(spec.port)
            .with_max_receive_buffer_size(RECEIVE_WINDOW)
            .with_max_num_inbound_streams(MAX_STREAMS)
            .with_max_num_outbound_streams(MAX_STREAMS);
        let server = Arc::new(ServerConfig::new(config));
        Data {
            endpoint: Endpoint::new(VIRTUAL, TransportProtocol::UDP, Arc::new(EndpointConfig::new()), Some(server)),
            associations: Vec::new(),
            established: false,
            lanes: [None; 2],
            readable: Vec::new(),
            max_outgoing: match spec.max_message_size {
                0 => MAX_MESSAGE,
                size => MAX_MESSAGE.min(size as usize),
            },
            incoming: VecDeque::new(),
            shed: 0,
            broken: false,
        }
    }

    /// Runs what rtc-sctp makes of the browser's packets. 0.21.1 panics at some that only a hostile browser sends, such
    /// as an error cause longer than its chunk: its own data channels end then, and nobody else notices.
    fn guarded<T: Default>(&mut self, run: impl FnOnce(&mut Data) -> T) -> T {
        if self.broken {
            return T::default();
        }
        // Nothing that the panic may have left half done is used again.
        catch_unwind(AssertUnwindSafe(|| run(self))).unwrap_or_else(|_| {
            self.broken = true;
            self.associations.clear();
            self.lanes = [None; 2];
            T::default()
        })
    }

    /// Takes one SCTP packet.
    pub fn receive(&mut self, now: Instant, packet: Bytes) {
        self.guarded(|data| data.take_packet(now, packet));
    }

    fn take_packet(&mut self, now: Instant, packet: Bytes) {
        match self.endpoint.handle(now, VIRTUAL, None, packet) {
            Some((handle, DatagramEvent::NewAssociation(association))) => {
                if self.established || self.associations.len() >= MAX_ASSOCIATIONS {
                    self.endpoint.handle_event(handle, EndpointEvent::drained());
                } else {
                    self.associations.push((handle, association));
                }
            }
            Some((handle, DatagramEvent::AssociationEvent(event))) => {
                if let Some((_, association)) = self.associations.iter_mut().find(|(known, _)| *known == handle) {
                    association.handle_event(event);
                }
            }
            _ => {}
        }
        self.take_events(now);
    }

    fn take_events(&mut self, now: Instant) {
        let mut winner = None;
        for (handle, association) in &mut self.associations {
            while let Some(event) = association.poll() {
                match event {
                    Event::Connected => winner = Some(*handle),
                    Event::Stream(StreamEvent::Readable { id }) if !self.readable.contains(&id) => {
                        self.readable.push(id);
                    }
                    Event::AssociationLost { id, .. } => {
                        for lane in self.lanes.iter_mut().filter(|lane| **lane == Some(id)) {
                            *lane = None;
                        }
                    }
                    _ => {}
                }
            }
            while let Some(event) = association.poll_endpoint_event() {
                self.endpoint.handle_event(*handle, event);
            }
        }
        if let Some(winner) = winner.filter(|_| !self.established) {
            self.established = true;
            for (handle, _) in self.associations.extract_if(.., |(handle, _)| *handle != winner) {
                self.endpoint.handle_event(handle, EndpointEvent::drained());
            }
        }
        if self.established {
            for id in std::mem::take(&mut self.readable) {
                self.read(now, id);
            }
        }
    }

    fn read(&mut self, now: Instant, id: StreamId) {
        while let Some((_, association)) = self.associations.first_mut() {
            let Ok(Some(chunks)) = association.stream(id).and_then(|mut stream| stream.read_sctp()) else { return };
            let ppi = chunks.ppi;
            let Ok(payload) = chunks.to_payload(MAX_MESSAGE) else {
                self.shed += 1;
                continue;
            };
            match ppi {
                Ppi::Dcep => self.take_dcep(now, id, &payload),
                Ppi::String | Ppi::Binary => self.take_message(id, payload.freeze()),
                // One octet stands for none (RFC 8831 §6.6).
                Ppi::StringEmpty | Ppi::BinaryEmpty => self.take_message(id, Bytes::new()),
                _ => self.shed += 1,
            }
        }
    }

    fn take_dcep(&mut self, now: Instant, id: StreamId, mut payload: &[u8]) {
        let Ok(Message::DataChannelOpen(open)) = Message::unmarshal(&mut payload) else { return };
        if self.acknowledge(now, id, &open).is_none() {
            return;
        }
        match open.label.as_slice() {
            b"reliable" => self.lanes[0] = Some(id),
            b"lossy" => self.lanes[1] = Some(id),
            _ => {}
        }
    }

    /// Sends in the same way as the browser does (RFC 8832 §6), and says so.
    fn acknowledge(&mut self, now: Instant, id: StreamId, open: &DataChannelOpen) -> Option<()> {
        let (_, association) = self.associations.first_mut()?;
        let mut stream = association.stream(id).ok()?;
        let (unordered, reliability) = DataChannel::get_reliability_params(open.channel_type);
        let ack = Message::DataChannelAck(DataChannelAck {}).marshal().ok()?;
        // Before the parameters, so that it is ordered and retransmitted.
        stream.write_with_ppi(now, &ack, Ppi::Dcep).ok()?;
        stream.set_reliability_params(unordered, reliability, open.reliability_parameter).ok()
    }

    fn take_message(&mut self, id: StreamId, payload: Bytes) {
        let lane = match self.lanes {
            [Some(reliable), _] if reliable == id => Lane::Reliable,
            [_, Some(lossy)] if lossy == id => Lane::Lossy,
            _ => {
                self.shed += 1;
                return;
            }
        };
        if self.incoming.len() >= MAX_INCOMING {
            self.shed += 1;
        } else {
            self.incoming.push_back((lane, payload));
        }
    }

    /// Queues one message for the browser.
    ///
    /// Refused with `NotConnected` while the channel is not open, `TooLarge` for more than the browser or Plenum takes,
    /// and `QueueFull` when a slow reader left no room.
    pub fn send(&mut self, now: Instant, lane: Lane, payload: &[u8]) -> Result<(), DropReason> {
        let (id, room) = match lane {
            Lane::Reliable => (self.lanes[0], RELIABLE_BUFFER),
            Lane::Lossy => (self.lanes[1], LOSSY_BUFFER),
        };
        let (Some(id), Some((_, association))) = (id, self.associations.first_mut()) else {
            return Err(DropReason::NotConnected);
        };
        if payload.len() > self.max_outgoing {
            return Err(DropReason::TooLarge);
        }
        let mut stream = association.stream(id).map_err(|_| DropReason::NotConnected)?;
        let waiting = stream.buffered_amount().map_err(|_| DropReason::NotConnected)?;
        if waiting + payload.len() > room {
            return Err(DropReason::QueueFull);
        }
        let (payload, ppi) = if payload.is_empty() { (&[0][..], Ppi::BinaryEmpty) } else { (payload, Ppi::Binary) };
        stream.write_with_ppi(now, payload, ppi).map(drop).map_err(|_| DropReason::NotConnected)
    }

    /// The next message from the browser.
    pub fn poll(&mut self) -> Option<(Lane, Bytes)> {
        self.incoming.pop_front()
    }

    /// SCTP packets to send over DTLS.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Vec<Bytes>> {
        self.guarded(|data| {
            data.associations.iter_mut().find_map(|(_, association)| match association.poll_transmit(now)?.message {
                Payload::RawEncode(packets) => Some(packets),
                _ => None,
            })
        })
    }

    /// Whether the browser has opened this channel.
    pub fn is_open(&self, lane: Lane) -> bool {
        match lane {
            Lane::Reliable => self.lanes[0].is_some(),
            Lane::Lossy => self.lanes[1].is_some(),
        }
    }

    /// Incoming messages dropped so far: too large, too many, or on a channel of another name.
    pub fn shed(&self) -> u64 {
        self.shed
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.associations.iter().filter_map(|(_, association)| association.poll_timeout()).min()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.guarded(|data| {
            for (_, association) in &mut data.associations {
                if association.poll_timeout().is_some_and(|at| now >= at) {
                    association.handle_timeout(now);
                }
            }
            data.take_events(now);
        });
    }
}
