//! What the page is told, in its own words (`@socket.io/admin-ui` 0.5, `lib/typed-events.ts`).

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::ser::SerializeTuple;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

/// A socket.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SocketView {
    pub(super) id: String,
    pub(super) client_id: String,
    pub(super) transport: &'static str,
    pub(super) nsp: &'static str,
    pub(super) data: Value,
    pub(super) handshake: Value,
    pub(super) rooms: BTreeSet<String>,
}

/// Figures of this server.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServerStats {
    pub(super) server_id: String,
    pub(super) hostname: String,
    pub(super) pid: u32,
    /// Seconds.
    pub(super) uptime: f64,
    pub(super) clients_count: usize,
    pub(super) polling_clients_count: usize,
    pub(super) namespaces: Vec<NamespaceStats>,
    pub(super) aggregated_events: Vec<Aggregated>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NamespaceStats {
    pub(super) name: &'static str,
    pub(super) sockets_count: usize,
}

/// What happened how often in one second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Aggregated {
    /// Unix time in milliseconds, of a whole second.
    pub(super) timestamp: u64,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sub_type: Option<&'static str>,
    pub(super) count: u64,
}

/// The arguments of one event, as many as there are: socketioxide takes a tuple for several.
pub(super) struct Arguments(pub(super) Vec<Value>);

impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for argument in &self.0 {
            tuple.serialize_element(argument)?;
        }
        tuple.end()
    }
}

/// Headers that hold secrets.
const SECRET: [&str; 3] = ["cookie", "authorization", "proxy-authorization"];

/// How a socket came, without what could open its session or its user's others.
pub(super) fn handshake(parts: &http::request::Parts, address: Option<std::net::IpAddr>, secure: bool) -> Value {
    let shown = |name: &str| !SECRET.contains(&name);
    let headers: Map<String, Value> = parts
        .headers
        .iter()
        .filter(|(name, _)| shown(name.as_str()))
        .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    let pairs = || parts.uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let kept = || pairs().filter(|(key, _)| *key != "sid");
    let query: Map<String, Value> = kept().map(|(key, value)| (key.to_owned(), json!(value))).collect();
    let text: Vec<String> = kept().map(|(key, value)| format!("{key}={value}")).collect();
    json!({
        "address": address.map(|address| address.to_string()).unwrap_or_default(),
        "headers": headers,
        "query": query,
        "issued": unix_ms(),
        "secure": secure,
        "time": iso(SystemTime::now()),
        "url": format!("{}?{}", parts.uri.path(), text.join("&")),
        "xdomain": parts.headers.contains_key(http::header::ORIGIN),
    })
}

pub(super) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// ISO 8601 in UTC with milliseconds, as JavaScript writes it.
pub(super) fn iso(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Days since 1 March of year 0 (H. Hinnant, "chrono-compatible low-level date algorithms").
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600, seconds % 3_600 / 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_javascript_writes_them() {
        let at = |ms| iso(UNIX_EPOCH + Duration::from_millis(ms));
        assert_eq!(at(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(at(951_782_400_123), "2000-02-29T00:00:00.123Z");
        assert_eq!(at(1_795_634_869_007), "2026-11-25T19:27:49.007Z");
    }

    #[test]
    fn a_handshake_keeps_its_secrets() {
        let request = http::Request::builder()
            .uri("/socket.io/?EIO=4&transport=websocket&sid=secret")
            .header("cookie", "session=secret")
            .header("authorization", "Bearer secret")
            .header("user-agent", "test");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let shown = handshake(&parts, None, false).to_string();
        assert!(!shown.contains("secret"), "{shown}");
        assert!(shown.contains("EIO=4&transport=websocket") && shown.contains("user-agent"));
    }
}
