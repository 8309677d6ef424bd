//! What administrators do to sockets: emit, join, leave, disconnect.

use std::sync::Arc;

use serde_json::Value;

use super::monitor::{Monitor, PeerFacts};
use super::views::Arguments;

/// A command of the page, read.
#[derive(Debug, PartialEq)]
enum Command {
    Emit {
        event: String,
        arguments: Vec<Value>,
    },
    Join(String),
    Leave(String),
    /// With whether the connection ends, too.
    Disconnect(bool),
}

/// A namespace, a room or id in it (`None` = all), and what to do there.
type Order = (String, Option<String>, Command);

/// Carries out a command; what is none is ignored, as Node's server does.
pub(super) fn carry_out(monitor: &Monitor, text: &str) {
    let Some((nsp, filter, command)) = read(text) else { return };
    for facts in monitor.chosen(&nsp, filter.as_deref()) {
        apply(monitor, &facts, &command);
    }
}

/// Reads `[name, nsp, …]`. Trailing arguments that JavaScript left undefined are null or missing.
fn read(text: &str) -> Option<Order> {
    let Value::Array(mut words) = serde_json::from_str(text).ok()? else { return None };
    let word = |index: usize| words.get(index).and_then(Value::as_str).map(str::to_owned);
    let (name, nsp) = (word(0)?, word(1)?);
    match name.as_str() {
        "emit" => {
            let (filter, event) = (word(2), word(3)?);
            Some((nsp, filter, Command::Emit { event, arguments: words.split_off(4.min(words.len())) }))
        }
        "join" => Some((nsp, word(3), Command::Join(word(2)?))),
        "leave" => Some((nsp, word(3), Command::Leave(word(2)?))),
        "_disconnect" => {
            let close = words.get(2).and_then(Value::as_bool).unwrap_or(false);
            Some((nsp, word(3), Command::Disconnect(close)))
        }
        _ => None,
    }
}

fn apply(monitor: &Monitor, facts: &Arc<PeerFacts>, command: &Command) {
    match command {
        Command::Join(room) => monitor.joined(facts, room.clone()),
        Command::Leave(room) => monitor.left(facts, room),
        Command::Emit { event, arguments } => {
            if let Some(socket) = facts.socket() {
                // One that is full is about to be cut by what else it is sent.
                let _ = socket.emit(event, &Arguments(arguments.clone()));
                monitor.sent(facts, event, arguments);
            }
        }
        Command::Disconnect(close) => {
            let Some(socket) = facts.socket() else { return };
            let session = socket.id.to_string();
            let kill = socket.req_parts().extensions.get::<crate::signal::PeerInfo>().map(|info| info.kill.clone());
            // Fails only when the outbound queue is full, and then the kill switch is the way.
            let refused = socket.disconnect().is_err();
            if let Some(kill) = kill.filter(|_| refused || *close) {
                kill.kill(&session);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn commands_are_read_with_and_without_a_filter() {
        let some = |text: &str| Some(text.to_owned());
        let slash = || "/".to_owned();
        assert_eq!(read(r#"["join","/","r"]"#), Some((slash(), None, Command::Join("r".into()))));
        assert_eq!(read(r#"["leave","/","r","id"]"#), Some((slash(), some("id"), Command::Leave("r".into()))));
        assert_eq!(read(r#"["_disconnect","/",true,null]"#), Some((slash(), None, Command::Disconnect(true))));
        let emit = Command::Emit { event: "e".into(), arguments: vec![json!(1), json!({"a": []})] };
        assert_eq!(read(r#"["emit","/","r","e",1,{"a":[]}]"#), Some((slash(), some("r"), emit)));
        for bad in ["", "{}", "[]", r#"["emit","/"]"#, r#"["join",1,"r"]"#, r#"["drop","/"]"#] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
