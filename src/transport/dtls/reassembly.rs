//! What of a browser's DTLS datagrams reaches the handshake: whole messages in order, once, in one record each.
//!
//! Reassembles fragmented handshake messages (RFC 6347 §4.2.3) because today's browsers always fragment the
//! ClientHello and re-cut it when they repeat it. Bounds everything that a peer could make the handshake store, and
//! keeps unauthenticated alerts away from it.

use bytes::{BufMut, BytesMut};

/// Record header: type, version, epoch, sequence number, length (RFC 6347 §4.1).
const RECORD_HEADER: usize = 13;
/// Handshake header: type, length, message sequence, fragment offset, fragment length (RFC 6347 §4.2.2).
const HANDSHAKE_HEADER: usize = 12;

/// Largest handshake message taken. A ClientHello with a post-quantum key share has 1.5 KB, a certificate chain less
/// than 4 KB.
const MAX_MESSAGE: usize = 8_192;
/// Messages of a client's handshake before Finished: two ClientHello, Certificate, ClientKeyExchange,
/// CertificateVerify. Some room, because a second ClientHello may restart the count.
const MAX_MESSAGES: usize = 8;
/// ChangeCipherSpec records let through: one, and its repetitions.
const MAX_CIPHER_CHANGES: u32 = 16;
/// Encrypted handshake records let through: Finished, and its repetitions. Each may make us repeat our last flight.
const MAX_FINISHED: u32 = 64;
/// An encrypted Finished has 61 octets. The cap keeps anything else from piling up as fragments.
const MAX_FINISHED_RECORD: usize = 160;
/// Encrypted alerts let through.
const MAX_ALERTS: u32 = 8;

mod content {
    pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
    pub(super) const ALERT: u8 = 21;
    pub(super) const HANDSHAKE: u8 = 22;
    pub(super) const APPLICATION_DATA: u8 = 23;
}

mod message {
    pub(super) const CLIENT_HELLO: u8 = 1;
    pub(super) const CERTIFICATE: u8 = 11;
    pub(super) const CERTIFICATE_VERIFY: u8 = 15;
    pub(super) const CLIENT_KEY_EXCHANGE: u8 = 16;
}

/// What one datagram came to.
#[derive(Debug, Default)]
pub struct Filtered {
    /// Records to hand to the handshake, as one datagram. Empty when nothing is complete yet.
    pub records: BytesMut,
    /// `records` is the first ClientHello of the connection and nothing else.
    pub first_hello: bool,
    /// The latest ClientHello came again, whole: our answer to it was lost.
    pub repeated_hello: bool,
    /// Something in the datagram was of use, if only a fragment.
    pub useful: bool,
    /// `records` has a message that was never handed out before, or an alert.
    pub news: bool,
    /// `records` has a Finished, or a repetition of it: being encrypted, they cannot be told apart.
    pub finished: bool,
}

/// One handshake message in the making.
#[derive(Debug)]
struct Partial {
    kind: u8,
    data: Vec<u8>,
    filled: Vec<bool>,
    missing: usize,
}

impl Partial {
    fn new(fragment: &Fragment<'_>) -> Partial {
        Partial {
            kind: fragment.kind,
            data: vec![0; fragment.message_len],
            filled: vec![false; fragment.message_len],
            missing: fragment.message_len,
        }
    }

    fn is_of(&self, fragment: &Fragment<'_>) -> bool {
        self.kind == fragment.kind && self.data.len() == fragment.message_len
    }

    fn fill(&mut self, fragment: &Fragment<'_>) {
        let to = self.data.iter_mut().zip(&mut self.filled).skip(fragment.offset);
        for ((byte, filled), new) in to.zip(fragment.body) {
            if !*filled {
                *byte = *new;
                *filled = true;
                self.missing -= 1;
            }
        }
    }
}

/// One fragment of a handshake message.
struct Fragment<'a> {
    kind: u8,
    message_len: usize,
    sequence: u16,
    offset: usize,
    body: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// Takes the first fragment off `rest`.
    fn take(rest: &mut &'a [u8]) -> Option<Fragment<'a>> {
        let [kind, l0, l1, l2, s0, s1, o0, o1, o2, f0, f1, f2] = *rest.first_chunk::<HANDSHAKE_HEADER>()?;
        let u24 = |a, b, c| u32::from_be_bytes([0, a, b, c]) as usize;
        let (message_len, offset, len) = (u24(l0, l1, l2), u24(o0, o1, o2), u24(f0, f1, f2));
        let body = rest.get(HANDSHAKE_HEADER..HANDSHAKE_HEADER + len)?;
        *rest = rest.get(HANDSHAKE_HEADER + len..)?;
        (offset + len <= message_len).then_some(Fragment {
            kind,
            message_len,
            sequence: u16::from_be_bytes([s0, s1]),
            offset,
            body,
        })
    }
}

/// The filter in front of one DTLS server handshake.
#[derive(Debug, Default)]
pub struct Reassembly {
    /// Messages not delivered yet, by message sequence.
    partials: [Option<Partial>; MAX_MESSAGES],
    /// The message sequence to be delivered next.
    next: u16,
    /// Message sequence of the latest ClientHello delivered, while nothing came after it.
    hello: Option<u16>,
    /// The repetition of that ClientHello, as far as it came.
    repeat: Option<Partial>,
    /// Next record sequence number of epoch 0. Our own count: fragments of one message have several.
    record: u64,
    cipher_changes: u32,
    finished: u32,
    alerts: u32,
}

impl Reassembly {
    pub fn new() -> Reassembly {
        Reassembly::default()
    }

    /// Takes one datagram apart. `established` = the handshake is complete. `None` when it is not DTLS.
    pub fn filter(&mut self, datagram: &[u8], established: bool) -> Option<Filtered> {
        let mut filtered = Filtered::default();
        let was_started = self.next > 0;
        let mut rest = datagram;
        while !rest.is_empty() {
            let [kind, major, _, e0, e1, _, _, _, _, _, _, l0, l1] = *rest.first_chunk::<RECORD_HEADER>()?;
            let len = RECORD_HEADER + usize::from(u16::from_be_bytes([l0, l1]));
            let (record, behind) = rest.split_at_checked(len)?;
            if major != 0xFE || len == RECORD_HEADER {
                return None;
            }
            rest = behind;
            match u16::from_be_bytes([e0, e1]) {
                0 if !established => self.take_clear(kind, record, &mut filtered),
                1 if self.admits(kind, len, established) => {
                    filtered.useful = true;
                    filtered.news |= kind == content::ALERT;
                    filtered.finished |= kind == content::HANDSHAKE;
                    filtered.records.extend_from_slice(record);
                }
                _ => {}
            }
        }
        filtered.first_hello = !was_started && self.next == 1 && self.hello == Some(0);
        Some(filtered)
    }

    /// Whether an encrypted record may pass.
    fn admits(&mut self, kind: u8, len: usize, established: bool) -> bool {
        let (count, limit) = match kind {
            content::APPLICATION_DATA => return established,
            content::HANDSHAKE if len <= MAX_FINISHED_RECORD => (&mut self.finished, MAX_FINISHED),
            content::ALERT if len <= MAX_FINISHED_RECORD => (&mut self.alerts, MAX_ALERTS),
            _ => return false,
        };
        *count += u32::from(*count < limit + 1);
        *count <= limit
    }

    /// A record of epoch 0. Alerts are not believed: anybody could have sent them (RFC 6347 §4.1.2.7).
    fn take_clear(&mut self, kind: u8, record: &[u8], filtered: &mut Filtered) {
        let mut body = record.get(RECORD_HEADER..).unwrap_or(&[]);
        match kind {
            content::HANDSHAKE => {
                while let Some(fragment) = Fragment::take(&mut body) {
                    self.take_fragment(&fragment, filtered);
                }
            }
            content::CHANGE_CIPHER_SPEC if body == [1] && self.cipher_changes < MAX_CIPHER_CHANGES => {
                self.cipher_changes += 1;
                filtered.useful = true;
                self.write_record(kind, body, &mut filtered.records);
            }
            _ => {}
        }
    }

    fn take_fragment(&mut self, fragment: &Fragment<'_>, filtered: &mut Filtered) {
        let expected = matches!(
            fragment.kind,
            message::CLIENT_HELLO | message::CERTIFICATE | message::CERTIFICATE_VERIFY | message::CLIENT_KEY_EXCHANGE
        );
        if !expected || fragment.message_len == 0 || fragment.message_len > MAX_MESSAGE {
            return;
        }
        if fragment.sequence < self.next {
            self.take_repetition(fragment, filtered);
            return;
        }
        let Some(slot) = self.partials.get_mut(usize::from(fragment.sequence)) else { return };
        filtered.useful = true;
        let partial = match slot.take() {
            Some(partial) if partial.is_of(fragment) => slot.insert(partial),
            // Of two messages with one number the later is the more likely to be the browser's.
            _ => slot.insert(Partial::new(fragment)),
        };
        partial.fill(fragment);
        self.deliver(filtered);
    }

    /// Hands out what is complete, in order.
    fn deliver(&mut self, filtered: &mut Filtered) {
        while let Some(slot) = self.partials.get_mut(usize::from(self.next)) {
            let Some(message) = slot.take_if(|partial| partial.missing == 0) else { return };
            let mut body = BytesMut::with_capacity(HANDSHAKE_HEADER + message.data.len());
            let len = (message.data.len() as u32).to_be_bytes();
            body.put_u8(message.kind);
            body.put_slice(&len[1..]);
            body.put_u16(self.next);
            body.put_slice(&[0; 3]);
            body.put_slice(&len[1..]);
            body.put_slice(&message.data);
            self.write_record(content::HANDSHAKE, &body, &mut filtered.records);
            filtered.news = true;
            self.hello = (message.kind == message::CLIENT_HELLO).then_some(self.next);
            self.repeat = None;
            self.next += 1;
        }
    }

    fn take_repetition(&mut self, fragment: &Fragment<'_>, filtered: &mut Filtered) {
        if self.hello != Some(fragment.sequence) || fragment.kind != message::CLIENT_HELLO {
            return;
        }
        filtered.useful = true;
        let repeat = match self.repeat.take() {
            Some(repeat) if repeat.is_of(fragment) => self.repeat.insert(repeat),
            _ => self.repeat.insert(Partial::new(fragment)),
        };
        repeat.fill(fragment);
        if repeat.missing == 0 {
            self.repeat = None;
            filtered.repeated_hello = true;
        }
    }

    fn write_record(&mut self, kind: u8, body: &[u8], to: &mut BytesMut) {
        to.put_u8(kind);
        // DTLS 1.2, epoch 0.
        to.put_slice(&[0xFE, 0xFD, 0, 0]);
        to.put_slice(&self.record.to_be_bytes()[2..]);
        to.put_u16(body.len() as u16);
        to.put_slice(body);
        self.record += 1;
    }
}

const _: () = assert!(MAX_MESSAGE + HANDSHAKE_HEADER < u16::MAX as usize, "a whole message must fit one record");

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fragment(kind: u8, sequence: u16, message: &[u8], from: usize, to: usize) -> Vec<u8> {
        let len = (message.len() as u32).to_be_bytes();
        let mut body = vec![kind, len[1], len[2], len[3]];
        body.extend(sequence.to_be_bytes());
        body.extend(&(from as u32).to_be_bytes()[1..]);
        body.extend(&((to - from) as u32).to_be_bytes()[1..]);
        body.extend(&message[from..to]);
        record(content::HANDSHAKE, 0, &body)
    }

    fn record(kind: u8, epoch: u16, body: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 0xFE, 0xFD];
        record.extend(epoch.to_be_bytes());
        record.extend([0, 0, 0, 0, 0, 9]);
        record.extend((body.len() as u16).to_be_bytes());
        record.extend(body);
        record
    }

    fn hello() -> Vec<u8> {
        (0..1_500u32).map(|i| i as u8).collect()
    }

    #[test]
    fn a_fragmented_hello_comes_out_whole() {
        let (mut filter, hello) = (Reassembly::new(), hello());
        let second = filter.filter(&fragment(1, 0, &hello, 1_000, 1_500), false).unwrap();
        assert!(second.useful && second.records.is_empty());
        let first = filter.filter(&fragment(1, 0, &hello, 0, 1_000), false).unwrap();
        assert!(first.first_hello);
        assert_eq!(&first.records[25..], &hello[..]);
        assert_eq!(first.records.len(), 13 + 12 + 1_500);
    }

    #[test]
    fn a_re_cut_repetition_is_told_once_whole() {
        let (mut filter, hello) = (Reassembly::new(), hello());
        filter.filter(&fragment(1, 0, &hello, 0, 1_500), false).unwrap();
        assert!(!filter.filter(&fragment(1, 0, &hello, 0, 900), false).unwrap().repeated_hello);
        let last = filter.filter(&fragment(1, 0, &hello, 700, 1_500), false).unwrap();
        assert!(last.repeated_hello && !last.first_hello && last.records.is_empty());
        assert!(!filter.filter(&fragment(1, 0, &hello, 700, 1_500), false).unwrap().repeated_hello);
    }

    #[test]
    fn messages_come_out_in_order() {
        let (mut filter, hello) = (Reassembly::new(), hello());
        filter.filter(&fragment(1, 0, &hello, 0, 1_500), false).unwrap();
        assert!(filter.filter(&fragment(16, 2, &[7; 40], 0, 40), false).unwrap().records.is_empty());
        let both = filter.filter(&fragment(11, 1, &[5; 60], 0, 60), false).unwrap().records;
        assert_eq!(both.len(), 2 * 25 + 100);
        assert!(!filter.filter(&fragment(1, 0, &hello, 0, 1_500), false).unwrap().repeated_hello);
    }

    #[test]
    fn a_clear_alert_is_not_believed() {
        let mut filter = Reassembly::new();
        let filtered = filter.filter(&record(content::ALERT, 0, &[2, 40]), false).unwrap();
        assert!(!filtered.useful && filtered.records.is_empty());
    }

    #[test]
    fn what_a_peer_can_make_us_keep_is_bounded() {
        let mut filter = Reassembly::new();
        for sequence in 0..1_000 {
            filter.filter(&fragment(1, sequence, &[0; MAX_MESSAGE], 1, 2), false);
            filter.filter(&fragment(1, sequence, &[0; MAX_MESSAGE + 1], 1, 2), false);
        }
        let kept: usize = filter.partials.iter().flatten().map(|partial| partial.data.len()).sum();
        assert!(kept <= MAX_MESSAGES * MAX_MESSAGE);
        let finished = record(content::HANDSHAKE, 1, &[0; 48]);
        let passed = (0..1_000).filter(|_| filter.filter(&finished, false).unwrap().useful).count();
        assert_eq!(passed, MAX_FINISHED as usize);
    }

    proptest! {
        #[test]
        fn any_cut_of_a_hello_gives_the_same_message(cuts in prop::collection::vec((0usize..1_500, 1usize..700), 1..20)) {
            let (mut filter, hello) = (Reassembly::new(), hello());
            let mut out = BytesMut::new();
            for (from, len) in cuts {
                let piece = fragment(1, 0, &hello, from, (from + len).min(1_500));
                out.extend_from_slice(&filter.filter(&piece, false).unwrap().records);
            }
            for from in (0..1_500).step_by(300) {
                let piece = fragment(1, 0, &hello, from, from + 300);
                out.extend_from_slice(&filter.filter(&piece, false).unwrap().records);
            }
            prop_assert_eq!(&out[25..], &hello[..]);
        }

        #[test]
        fn hostile_records_never_panic(
            records in prop::collection::vec((20u8..25, 0u16..3, prop::collection::vec(any::<u8>(), 0..60)), 0..20),
            junk in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let mut filter = Reassembly::new();
            let mut datagram: Vec<u8> = records.iter().flat_map(|(kind, epoch, body)| record(*kind, *epoch, body)).collect();
            filter.filter(&datagram, false);
            datagram.extend(junk);
            filter.filter(&datagram, false);
            filter.filter(&datagram, true);
        }
    }
}
