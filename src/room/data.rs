//! How data-channel messages name their recipient and their sender.
//!
//! Client to server: `0`, payload (to all), or `1`, length, that many bytes of a member's id, payload (to one).
//! Server to client: length, that many bytes of the sender's id, payload.

use bytes::{BufMut, Bytes, BytesMut};

use crate::id::MemberId;

/// To whom a message goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recipient {
    All,
    One(MemberId),
}

/// Reads a client's message. `None` when it is malformed.
pub fn parse(message: &Bytes) -> Option<(Recipient, Bytes)> {
    match message.split_first()? {
        (0, _) => Some((Recipient::All, message.slice(1..))),
        (1, rest) => {
            let (length, rest) = rest.split_first()?;
            let id = rest.get(..usize::from(*length))?;
            let id = MemberId(std::str::from_utf8(id).ok()?.to_owned());
            Some((Recipient::One(id), message.slice(2 + usize::from(*length)..)))
        }
        _ => None,
    }
}

/// A message as its recipients get it. `None` when the id is longer than a length byte can say.
pub fn frame(sender: &MemberId, payload: &[u8]) -> Option<Bytes> {
    let length = u8::try_from(sender.0.len()).ok()?;
    let mut message = BytesMut::with_capacity(1 + sender.0.len() + payload.len());
    message.put_u8(length);
    message.put_slice(sender.0.as_bytes());
    message.put_slice(payload);
    Some(message.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_all_or_one() {
        assert_eq!(parse(&Bytes::from_static(b"\0hi")), Some((Recipient::All, Bytes::from_static(b"hi"))));
        let one = parse(&Bytes::from_static(b"\x01\x02abhi"));
        assert_eq!(one, Some((Recipient::One(MemberId("ab".into())), Bytes::from_static(b"hi"))));
    }

    #[test]
    fn malformed_messages_are_refused() {
        for bad in [&b""[..], b"\x02", b"\x01", b"\x01\x05ab", b"\x01\x01\xFF"] {
            assert_eq!(parse(&Bytes::copy_from_slice(bad)), None, "{bad:?}");
        }
    }

    #[test]
    fn a_frame_carries_the_sender() {
        assert_eq!(frame(&MemberId("ab".into()), b"hi"), Some(Bytes::from_static(b"\x02abhi")));
        assert_eq!(frame(&MemberId("x".repeat(256)), b""), None);
    }
}
