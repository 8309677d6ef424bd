//! Reads Socket.IO messages: `["event", payload]` with attachments. A malformed payload is an error that names the
//! field, never more.

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::protocol::*;

/// One event of a client, still unread.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// The JSON array.
    pub(super) text: String,
    pub(super) attachments: Vec<Bytes>,
}

impl Message {
    /// The event's name. `None` when the array does not begin with one.
    pub(super) fn event(&self) -> Option<String> {
        serde_json::from_str::<EventName>(&self.text).ok().map(|EventName(name)| name)
    }

    /// The payload; no payload reads as `{}`.
    pub(super) fn payload<T: DeserializeOwned>(&self) -> Result<T, ErrorBody> {
        let mut json = serde_json::Deserializer::from_str(&self.text);
        let Arguments(payload) = serde_path_to_error::deserialize(&mut json).map_err(|error| name_field(&error))?;
        match payload {
            Some(payload) => Ok(payload),
            None => serde_json::from_str("{}").map_err(|error| bad_request(error.to_string())),
        }
    }

    /// The payload of `app`, with its attachments in place.
    pub(super) fn app(self) -> Result<App, ErrorBody> {
        let mut app: App = self.payload()?;
        let mut attachments: Vec<_> = self.attachments.into_iter().map(Some).collect();
        let placed = app.args.iter_mut().try_for_each(|arg| arg.attach(&mut attachments));
        placed.map_err(|error| bad_request(format!("args: {error}")))?;
        Ok(app)
    }
}

/// Reads a message as the request that its event names, and forgets it: what a fuzzer can reach from outside.
#[doc(hidden)]
pub fn read_request(text: &str, attachments: Vec<Bytes>) -> Result<(), ErrorBody> {
    let message = Message { text: text.to_owned(), attachments };
    match message.event().as_deref() {
        Some("join") => message.payload::<Join>().map(drop),
        Some("leave") => message.payload::<Leave>().map(drop),
        Some("snapshot") => message.payload::<Snapshot>().map(drop),
        Some("offer") => message.payload::<Offer>().map(drop),
        Some("media") => message.payload::<Media>().map(drop),
        Some("wishes") => message.payload::<Wishes>().map(drop),
        Some("viewing") => message.payload::<Viewing>().map(drop),
        Some("rename") => message.payload::<Rename>().map(drop),
        Some("hand") => message.payload::<Hand>().map(drop),
        Some("chat") => message.payload::<ChatSend>().map(drop),
        Some("react") => message.payload::<React>().map(drop),
        Some("settings") => message.payload::<Settings>().map(drop),
        Some("role") => message.payload::<ChangeRole>().map(drop),
        Some("mute") => message.payload::<Mute>().map(drop),
        Some("allow") => message.payload::<Allow>().map(drop),
        Some("remove") => message.payload::<Remove>().map(drop),
        Some("end") => message.payload::<End>().map(drop),
        Some("admit") => message.payload::<Admit>().map(drop),
        Some("deny") => message.payload::<Deny>().map(drop),
        Some("app") => message.app().map(drop),
        Some("lobby") => message.payload::<Lobby>().map(drop),
        _ => Err(ErrorBody::new(ErrorCode::UnknownEvent, "no such event")),
    }
}

fn bad_request(message: impl Into<String>) -> ErrorBody {
    ErrorBody::new(ErrorCode::BadRequest, message)
}

/// The error with the path of its field: `sources[0].width: invalid value …`.
fn name_field(error: &serde_path_to_error::Error<serde_json::Error>) -> ErrorBody {
    let path = error.path().to_string();
    // The payload is the array's second element.
    let field = path.strip_prefix("[1]").unwrap_or(&path).trim_start_matches('.');
    let reason = error.inner().to_string();
    // Positions in the array are of no use to who wrote an object.
    let reason = reason.split(" at line ").next().unwrap_or_default();
    bad_request(if field.is_empty() || field == "?" { reason.to_owned() } else { format!("{field}: {reason}") })
}

struct EventName(String);

impl<'de> Deserialize<'de> for EventName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl<'de> Visitor<'de> for Name {
            type Value = EventName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array that begins with the event's name")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<EventName, A::Error> {
                let name = seq.next_element()?.ok_or_else(|| serde::de::Error::invalid_length(0, &self))?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(EventName(name))
            }
        }
        deserializer.deserialize_seq(Name)
    }
}

/// Everything behind the event's name: at most one payload.
struct Arguments<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Arguments<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Payload<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Payload<T> {
            type Value = Arguments<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one payload object")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Arguments<T>, A::Error> {
                seq.next_element::<IgnoredAny>()?;
                let payload = seq.next_element()?;
                if seq.next_element::<IgnoredAny>()?.is_some() {
                    return Err(serde::de::Error::custom("an event carries one payload object"));
                }
                Ok(Arguments(payload))
            }
        }
        deserializer.deserialize_seq(Payload(PhantomData))
    }
}

/// The first argument of an acknowledgement; null when there is none.
#[derive(Debug)]
pub(super) struct Acknowledgement(pub(super) Payload);

impl<'de> Deserialize<'de> for Acknowledgement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Arguments;
        impl<'de> Visitor<'de> for Arguments {
            type Value = Acknowledgement;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an acknowledgement's arguments")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Acknowledgement, A::Error> {
                let first = seq.next_element()?.unwrap_or_default();
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Acknowledgement(first))
            }
        }
        // As a tuple: Socket.IO's parser then gives all arguments, however many, and not the first of at least one.
        deserializer.deserialize_tuple(1, Arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::protocol::{Join, Leave, Wishes};

    fn message(text: &str) -> Message {
        Message { text: text.to_owned(), attachments: Vec::new() }
    }

    fn refusal<T: DeserializeOwned>(text: &str) -> String {
        message(text).payload::<T>().err().map(|error| error.message).unwrap_or_default()
    }

    #[test]
    fn a_malformed_payload_names_its_field() {
        let refused = refusal::<Wishes>(r#"["wishes",{"sources":[{"source":1,"width":-1,"height":1,"priority":1}]}]"#);
        assert!(refused.starts_with("sources[0].width: "), "{refused}");
        let refused = refusal::<Join>(r#"["join",{"room":"r"}]"#);
        assert_eq!(refused, "missing field `name`");
        let refused = refusal::<Join>(r#"["join",{"room":"r","name":"n","nom":1}]"#);
        assert!(refused.contains("`nom`"), "{refused}");
        assert!(!refusal::<Join>(r#"["join",7]"#).is_empty());
        assert!(!refusal::<Join>(r#"["join",{"room":"r","name":"n"},1]"#).is_empty());
    }

    #[test]
    fn of_an_acknowledgement_the_first_argument_counts_if_there_is_one() {
        let read = |text| serde_json::from_str::<Acknowledgement>(text).unwrap().0;
        assert_eq!(read("[]"), Payload::Null);
        assert_eq!(read(r#"[true,{"more":1}]"#), Payload::Bool(true));
    }

    #[test]
    fn no_payload_is_an_empty_one() {
        assert!(message(r#"["leave"]"#).payload::<Leave>().is_ok());
        assert!(refusal::<Join>(r#"["join"]"#).contains("`room`"));
    }

    #[test]
    fn only_an_array_that_begins_with_a_name_is_an_event() {
        assert_eq!(message(r#"["a b",1,2]"#).event().as_deref(), Some("a b"));
        for text in ["[]", "[1]", "{}", "", "[\"a\""] {
            assert_eq!(message(text).event(), None, "{text}");
        }
    }

    #[test]
    fn an_application_event_gets_its_attachments() {
        let text = r#"["app",{"event":"x","args":[1,{"b":{"_placeholder":true,"num":0}}]}]"#;
        let with = Message { text: text.to_owned(), attachments: vec![Bytes::from_static(b"hi")] };
        let bytes = Payload::Object(vec![("b".to_owned(), Payload::Bytes(Bytes::from_static(b"hi")))]);
        assert_eq!(with.app().map(|app| app.args), Ok(vec![Payload::Number(1.into()), bytes]));
        assert!(message(text).app().is_err());
    }
}
