//! A browser's side of a connection, for tests: checks, DTLS, SRTP and SCTP over a network in memory.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc_crypto::default_provider;
use rtc_datachannel::message::Message as Dcep;
use rtc_datachannel::message::message_channel_open::{ChannelType, DataChannelOpen};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_sctp::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier as Ppi, ReliabilityType, StreamEvent, TransportConfig,
};
use rtc_shared::TransportProtocol;
use rtc_shared::marshal::Marshal;
use rtc_stun::attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};

use crate::media::drop::DropReason;
use crate::transport::dtls::tests::{Client, certificate, cut};
use crate::transport::spec::{ConnectionSpec, IceCredentials, Path, Protocol, SctpSpec};
use crate::transport::srtp::Srtp;
use crate::transport::{Incoming, Transport, TransportOut};

pub(super) fn credentials(name: &str) -> IceCredentials {
    IceCredentials { ufrag: format!("{name}ufrag"), pwd: format!("{name}-password-of-many-letters") }
}

pub(super) fn path(port: u16) -> Path {
    Path { protocol: Protocol::Udp, local: ([192, 0, 2, 1], 3478).into(), remote: ([198, 51, 100, 7], port).into() }
}

#[derive(Default)]
pub(super) struct Sent(pub(super) VecDeque<(Path, Vec<u8>)>);

impl TransportOut for Sent {
    fn send(&mut self, path: Path, bytes: &[u8]) {
        self.0.push_back((path, bytes.to_vec()));
    }
}

pub(super) struct Call {
    pub(super) now: Instant,
    pub(super) spec: ConnectionSpec,
    pub(super) transport: Transport,
    pub(super) sent: Sent,
    pub(super) client: Client,
    /// Where the browser sends from.
    pub(super) path: Path,
    /// Fragments of the ClientHello.
    pub(super) fragment: Option<usize>,
    pub(super) sctp: Sctp,
}

impl Call {
    pub(super) fn new(profiles: &[SrtpProtectionProfile]) -> Call {
        let now = Instant::now();
        let client = Client::new(now, profiles);
        let spec = ConnectionSpec {
            local: credentials("sfu"),
            remote: credentials("web"),
            fingerprint: client.fingerprint.clone(),
            sctp: Some(SctpSpec { port: 5000, max_message_size: 0 }),
        };
        Call {
            now,
            transport: Transport::new(&spec, certificate()),
            spec,
            sent: Sent::default(),
            client,
            path: path(1),
            fragment: None,
            sctp: Sctp::new(now),
        }
    }

    pub(super) fn connected(profiles: &[SrtpProtectionProfile]) -> Call {
        let mut call = Call::new(profiles);
        call.check(call.path, true).unwrap();
        call.run(20);
        assert!(call.client.complete);
        call
    }

    /// Sends a connectivity check by the spec's credentials.
    pub(super) fn check(&mut self, path: Path, nominate: bool) -> Result<Incoming, DropReason> {
        let mut message = check(&self.spec, nominate);
        self.transport.handle(self.now, path, &mut message, &mut self.sent)
    }

    pub(super) fn handle(&mut self, path: Path, datagram: &[u8]) -> Result<Incoming, DropReason> {
        self.transport.handle(self.now, path, &mut datagram.to_vec(), &mut self.sent)
    }

    /// Lets both sides talk for some steps of 10 ms.
    pub(super) fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.sctp.flush(self.now, &mut self.client);
            while let Some(datagram) = self.client.poll() {
                let pieces = match self.fragment {
                    Some(size) if datagram.get(13) == Some(&1) => cut(&datagram, size),
                    _ => vec![datagram.to_vec()],
                };
                for piece in pieces {
                    let _ = self.handle(self.path, &piece);
                }
            }
            if self.transport.wants_step() {
                self.transport.step(self.now, &mut self.sent);
            }
            self.transport.handle_timeout(self.now, &mut self.sent);
            while let Some((to, datagram)) = self.sent.0.pop_front() {
                if to == self.path && matches!(datagram[0], 20..=63) {
                    self.client.read(self.now, &datagram);
                }
            }
            for packet in std::mem::take(&mut self.client.data) {
                self.sctp.receive(self.now, packet.freeze());
            }
            self.now += Duration::from_millis(10);
            self.client.tick(self.now);
            self.sctp.tick(self.now);
        }
    }

    pub(super) fn keys(&self) -> Srtp {
        self.client.keys()
    }
}

/// A check as the browser of `spec` sends it.
pub(super) fn check(spec: &ConnectionSpec, nominate: bool) -> Vec<u8> {
    let provider = default_provider().unwrap();
    let mut message = Message::new();
    message.write_header();
    BINDING_REQUEST.add_to(&mut message).unwrap();
    TransactionId([3; 12]).add_to(&mut message).unwrap();
    message.add(ATTR_USERNAME, format!("{}:{}", spec.local.ufrag, spec.remote.ufrag).as_bytes());
    if nominate {
        message.add(ATTR_USE_CANDIDATE, &[]);
    }
    MessageIntegrity::new_raw_integrity_with_provider(&spec.local.pwd[..], provider.crypto())
        .add_to(&mut message)
        .unwrap();
    FINGERPRINT.add_to(&mut message).unwrap();
    message.raw
}

/// The browser's SCTP, idle until told to connect.
pub(super) struct Sctp {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    pub(super) connected: bool,
    /// The verification tag of what it sends (RFC 9260 §3.1).
    pub(super) tag: [u8; 4],
    pub(super) received: Vec<(u16, Ppi, Vec<u8>)>,
}

impl Sctp {
    fn new(_now: Instant) -> Sctp {
        let address = ([192, 0, 2, 9], 9).into();
        Sctp {
            endpoint: Endpoint::new(address, TransportProtocol::UDP, Arc::new(EndpointConfig::new()), None),
            association: None,
            connected: false,
            tag: [0; 4],
            received: Vec::new(),
        }
    }

    pub(super) fn connect(&mut self, now: Instant) {
        let config = ClientConfig::new(TransportConfig::default());
        self.association = Some(self.endpoint.connect(now, config, ([192, 0, 2, 8], 8).into()).unwrap());
    }

    pub(super) fn open(&mut self, now: Instant, id: u16, label: &str, channel_type: ChannelType) {
        let open = Dcep::DataChannelOpen(DataChannelOpen {
            channel_type,
            priority: 0,
            reliability_parameter: 0,
            label: label.into(),
            protocol: Vec::new(),
        });
        let (_, association) = self.association.as_mut().unwrap();
        let mut stream = association.open_stream(id, Ppi::Binary).unwrap();
        stream.write_with_ppi(now, &open.marshal().unwrap(), Ppi::Dcep).unwrap();
        if channel_type == ChannelType::PartialReliableRexmitUnordered {
            stream.set_reliability_params(true, ReliabilityType::Rexmit, 0).unwrap();
        }
    }

    pub(super) fn write(&mut self, now: Instant, id: u16, payload: &[u8], ppi: Ppi) {
        let (_, association) = self.association.as_mut().unwrap();
        association.stream(id).unwrap().write_with_ppi(now, payload, ppi).unwrap();
    }

    fn receive(&mut self, now: Instant, packet: Bytes) {
        let Some((_, association)) = &mut self.association else { return };
        if let Some((_, DatagramEvent::AssociationEvent(event))) =
            self.endpoint.handle(now, ([192, 0, 2, 8], 8).into(), None, packet)
        {
            association.handle_event(event);
        }
        while let Some(event) = association.poll() {
            match event {
                Event::Connected => self.connected = true,
                Event::Stream(StreamEvent::Readable { id }) => {
                    while let Ok(Some(chunks)) = association.stream(id).and_then(|mut stream| stream.read_sctp()) {
                        let payload = chunks.to_payload(1 << 20).unwrap().to_vec();
                        self.received.push((id, chunks.ppi, payload));
                    }
                }
                _ => {}
            }
        }
    }

    fn flush(&mut self, now: Instant, client: &mut Client) {
        let Some((_, association)) = &mut self.association else { return };
        while let Some(transmit) = association.poll_transmit(now) {
            if let Payload::RawEncode(packets) = transmit.message {
                for packet in packets {
                    self.tag.copy_from_slice(&packet[4..8]);
                    client.write(now, &packet);
                }
            }
        }
    }

    fn tick(&mut self, now: Instant) {
        if let Some((_, association)) = &mut self.association {
            association.handle_timeout(now);
        }
    }
}
