//! Anything that Socket.IO carries: JSON with binary attachments. Used where Plenum relays without looking inside.

use std::fmt;

use bytes::Bytes;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Number;
use ts_rs::TS;

/// A JSON value in which a leaf may also be bytes. The order of an object's keys is kept.
#[derive(Clone, PartialEq, Debug, Default, TS)]
#[ts(type = "unknown")]
pub enum Payload {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    Bytes(Bytes),
    List(Vec<Payload>),
    Object(Vec<(String, Payload)>),
}

/// Why attachments do not fit a payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a binary placeholder names no attachment of this message, or one that is used already")]
pub struct BadAttachment;

impl Payload {
    /// Puts `attachments` where the payload has Socket.IO's placeholders (`{"_placeholder": true, "num": n}`). Each may
    /// be used once, so that a small message cannot grow into a large one.
    pub fn attach(&mut self, attachments: &mut [Option<Bytes>]) -> Result<(), BadAttachment> {
        if let Some(number) = self.placeholder() {
            let slot = number.and_then(|n| attachments.get_mut(n)).ok_or(BadAttachment)?;
            *self = Payload::Bytes(slot.take().ok_or(BadAttachment)?);
            return Ok(());
        }
        match self {
            Payload::List(items) => items.iter_mut().try_for_each(|item| item.attach(attachments)),
            Payload::Object(fields) => fields.iter_mut().try_for_each(|(_, value)| value.attach(attachments)),
            _ => Ok(()),
        }
    }

    /// How many attachments it has when Socket.IO carries it.
    pub fn attachments(&self) -> usize {
        match self {
            Payload::Bytes(_) => 1,
            Payload::List(items) => items.iter().map(Payload::attachments).sum(),
            Payload::Object(fields) => fields.iter().map(|(_, value)| value.attachments()).sum(),
            _ => 0,
        }
    }

    /// `Some` when this is a placeholder, with its number when that is one.
    fn placeholder(&self) -> Option<Option<usize>> {
        let Payload::Object(fields) = self else { return None };
        fields.iter().find(|(key, value)| key == "_placeholder" && *value == Payload::Bool(true))?;
        Some(fields.iter().find_map(|(key, value)| match value {
            Payload::Number(number) if key == "num" => number.as_u64().and_then(|n| usize::try_from(n).ok()),
            _ => None,
        }))
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Payload::Null => serializer.serialize_unit(),
            Payload::Bool(value) => serializer.serialize_bool(*value),
            Payload::Number(value) => value.serialize(serializer),
            Payload::Text(value) => serializer.serialize_str(value),
            Payload::Bytes(value) => serializer.serialize_bytes(value),
            Payload::List(items) => serializer.collect_seq(items),
            Payload::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Payload, D::Error> {
        deserializer.deserialize_any(PayloadVisitor)
    }
}

struct PayloadVisitor;

impl<'de> Visitor<'de> for PayloadVisitor {
    type Value = Payload;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON or bytes")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Payload, E> {
        Ok(Payload::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Payload, E> {
        Ok(Payload::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Payload, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Payload, E> {
        Ok(Payload::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Payload, E> {
        Ok(Payload::Number(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Payload, E> {
        Ok(Payload::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Payload, E> {
        // JSON has no NaN and no infinity; JavaScript's own JSON.stringify makes them null too.
        Ok(Number::from_f64(value).map_or(Payload::Null, Payload::Number))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Payload, E> {
        Ok(Payload::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Payload, E> {
        Ok(Payload::Text(value))
    }

    fn visit_bytes<E: de::Error>(self, value: &[u8]) -> Result<Payload, E> {
        Ok(Payload::Bytes(Bytes::copy_from_slice(value)))
    }

    fn visit_byte_buf<E: de::Error>(self, value: Vec<u8>) -> Result<Payload, E> {
        Ok(Payload::Bytes(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Payload, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Payload::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Payload, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Payload::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Payload {
        serde_json::from_str(json).expect("test data is JSON")
    }

    #[test]
    fn json_passes_unchanged() {
        let json = r#"{"z":[1,-2,0.5,true,null,"글"],"a":{}}"#;
        assert_eq!(serde_json::to_string(&parse(json)).ok().as_deref(), Some(json));
    }

    #[test]
    fn an_attachment_takes_its_placeholders_place_once() {
        let mut payload = parse(r#"[{"_placeholder":true,"num":0}]"#);
        payload.attach(&mut [Some(Bytes::from_static(b"x"))]).expect("fits");
        assert_eq!(payload, Payload::List(vec![Payload::Bytes(Bytes::from_static(b"x"))]));

        let twice = r#"[{"_placeholder":true,"num":0},{"num":0,"_placeholder":true}]"#;
        assert_eq!(parse(twice).attach(&mut [Some(Bytes::new())]), Err(BadAttachment));
        assert_eq!(parse(r#"{"_placeholder":true,"num":7}"#).attach(&mut []), Err(BadAttachment));
        assert_eq!(parse(r#"{"_placeholder":true}"#).attach(&mut []), Err(BadAttachment));
    }
}
