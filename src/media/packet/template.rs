//! A header that a stream writes again and again: all that stays is there already, and the rest has its place.

use super::read::{FIXED_HEADER, TWO_BYTE_PROFILE};
use super::write::low_24_bits;
use super::{AudioLevel, OutHeader, write_header};
use crate::media::spec::{Extension, ExtensionMap};

/// Room for a source, a mid of sixteen letters and the three values that vary.
const LONGEST: usize = 64;

/// What differs from packet to packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Varying {
    pub marker: bool,
    pub seq: u16,
    pub timestamp: u32,
    pub audio_level: Option<AudioLevel>,
    pub transport_cc: u16,
    /// 24 bits, 6.18 fixed-point seconds; higher bits are ignored.
    pub abs_send_time: u32,
}

/// A header of one stream, and where in it stands what varies.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    octets: [u8; LONGEST],
    len: u8,
    /// Offsets of the values; 0 = the stream has none.
    audio_level: u8,
    transport_cc: u8,
    abs_send_time: u8,
    /// It was made of the header of a packet that tells how loud it is.
    of_sound: bool,
}

impl Template {
    /// A header like `fields`, of which [`Varying`] says the rest. `None` when it is too long, or has extensions that few
    /// packets have: those are written by [`write_header`].
    pub fn new(fields: &OutHeader<'_>, map: &ExtensionMap) -> Option<Template> {
        let rare = fields.orientation.is_some()
            || fields.playout_delay.is_some()
            || fields.content_type.is_some()
            || fields.dependency_descriptor.is_some();
        if rare || fields.padding {
            return None;
        }
        let mut template = Template {
            octets: [0; LONGEST],
            len: 0,
            audio_level: 0,
            transport_cc: 0,
            abs_send_time: 0,
            of_sound: fields.audio_level.is_some(),
        };
        let len = write_header(&mut template.octets, &OutHeader { marker: false, ..*fields }, map)?;
        template.len = len as u8;
        template.locate(fields, map);
        Some(template)
    }

    /// Finds the values in what was written, which is in the order of [`write_header`].
    fn locate(&mut self, fields: &OutHeader<'_>, map: &ExtensionMap) {
        let block = FIXED_HEADER + 4 * usize::from(fields.csrc.is_some());
        let two_byte = self.octets.get(block..block + 2) == Some(&TWO_BYTE_PROFILE.to_be_bytes());
        let head = if two_byte { 2 } else { 1 };
        let mut at = block + 4;
        let mut next = |extension, len: Option<usize>| {
            let Some(len) = len.filter(|_| map.id(extension).is_some()) else { return 0 };
            let value = at + head;
            at = value + len;
            value as u8
        };
        next(Extension::Mid, fields.mid.map(|mid| mid.as_bytes().len()));
        self.audio_level = next(Extension::AudioLevel, fields.audio_level.map(|_| 1));
        self.transport_cc = next(Extension::TransportCc, fields.transport_cc.map(|_| 2));
        self.abs_send_time = next(Extension::AbsSendTime, fields.abs_send_time.map(|_| 3));
    }

    /// Whether its headers have a transport-wide number.
    pub fn is_numbered(&self) -> bool {
        self.transport_cc != 0
    }

    /// Whether its headers say when they left.
    pub fn has_send_time(&self) -> bool {
        self.abs_send_time != 0
    }

    /// Whether it is for packets that tell how loud they are. Others need another one.
    pub fn is_of_sound(&self) -> bool {
        self.of_sound
    }

    /// Writes a header to the start of `out`, and returns its length. `None` when `out` is too small.
    pub fn write(&self, out: &mut [u8], varying: &Varying) -> Option<usize> {
        let len = usize::from(self.len);
        // All of it in one piece of known length: what is too much, the payload overwrites.
        match out.first_chunk_mut::<LONGEST>() {
            Some(room) => *room = self.octets,
            None => out.get_mut(..len)?.copy_from_slice(self.octets.get(..len)?),
        }
        let header = out.get_mut(..len)?;
        let fixed = header.first_chunk_mut::<FIXED_HEADER>()?;
        fixed[1] |= if varying.marker { 0x80 } else { 0 };
        fixed[2..4].copy_from_slice(&varying.seq.to_be_bytes());
        fixed[4..8].copy_from_slice(&varying.timestamp.to_be_bytes());
        put(header, self.transport_cc, varying.transport_cc.to_be_bytes());
        put(header, self.abs_send_time, low_24_bits(varying.abs_send_time));
        if let Some(level) = varying.audio_level {
            put(header, self.audio_level, [level.octet()]);
        }
        Some(len)
    }
}

/// Writes `value` at the offset `at`, when it is one.
fn put<const LEN: usize>(header: &mut [u8], at: u8, value: [u8; LEN]) {
    let at = usize::from(at);
    if at != 0
        && let Some(place) = header.get_mut(at..at + LEN)
    {
        place.copy_from_slice(&value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Pt, SourceId, Ssrc, Token};
    use proptest::prelude::*;

    fn map(first_id: u8) -> ExtensionMap {
        let mut map = ExtensionMap::default();
        let written = [Extension::AbsSendTime, Extension::Mid, Extension::TransportCc, Extension::AudioLevel];
        for (index, extension) in written.into_iter().enumerate() {
            map.set(extension, first_id + index as u8);
        }
        map
    }

    #[test]
    fn what_few_packets_have_is_no_template() {
        let plain = OutHeader { csrc: Some(SourceId(1)), ..OutHeader::default() };
        assert!(Template::new(&plain, &map(1)).is_some());
        for rare in [
            OutHeader { orientation: Some(0), ..plain },
            OutHeader { dependency_descriptor: Some(&[1]), ..plain },
            OutHeader { padding: true, ..plain },
        ] {
            assert!(Template::new(&rare, &map(1)).is_none());
        }
    }

    proptest! {
        #[test]
        fn a_template_writes_what_is_written_without_one(
            first_id in 1_u8..20,
            negotiated in any::<bool>(),
            (pt, ssrc, csrc) in any::<(u8, u32, Option<u32>)>(),
            mid in proptest::option::of("[a-z0-9]{1,16}"),
            has in any::<[bool; 3]>(),
            (marker, seq, timestamp) in any::<(bool, u16, u32)>(),
            (level, voice, transport_cc, send_time) in any::<(u8, bool, u16, u32)>(),
            room in 0_usize..100,
        ) {
            let map = if negotiated { map(first_id) } else { ExtensionMap::default() };
            let [has_level, has_number, has_time] = has;
            let audio_level = has_level.then_some(AudioLevel { level, voice });
            let fields = OutHeader {
                marker, pt: Pt(pt & 127), seq, timestamp, ssrc: Ssrc(ssrc), csrc: csrc.map(SourceId),
                mid: mid.and_then(|mid| Token::new(mid.as_bytes())),
                audio_level,
                transport_cc: has_number.then_some(transport_cc),
                abs_send_time: has_time.then_some(send_time),
                ..OutHeader::default()
            };
            let first = OutHeader {
                marker: !marker, seq: !seq, timestamp: !timestamp,
                audio_level: audio_level.map(|_| AudioLevel { level: 0, voice: false }),
                transport_cc: has_number.then_some(0),
                abs_send_time: has_time.then_some(0),
                ..fields
            };
            let template = Template::new(&first, &map).unwrap();
            prop_assert_eq!(template.is_numbered(), has_number && negotiated);
            prop_assert_eq!(template.has_send_time(), has_time && negotiated);
            prop_assert_eq!(template.is_of_sound(), has_level);
            let varying = Varying { marker, seq, timestamp, audio_level, transport_cc, abs_send_time: send_time };
            let (mut ours, mut theirs) = (vec![0xEE; room], vec![0xEE; room]);
            let len = template.write(&mut ours, &varying);
            prop_assert_eq!(len, write_header(&mut theirs, &fields, &map));
            if let Some(len) = len {
                prop_assert_eq!(&ours[..len], &theirs[..len]);
            }
        }
    }
}
