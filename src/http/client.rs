//! Who really asks: the browser behind the proxies that the configuration trusts.

use std::net::{IpAddr, Ipv4Addr};

use http::header::HOST;
use http::{HeaderMap, Uri};

use super::Connection;
use crate::config::Proxy;

/// The browser behind a request, as a request extension.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Client {
    pub address: IpAddr,
    /// Whether the browser spoke HTTPS, to us or to a trusted proxy.
    pub secure: bool,
    /// Host and port as the browser sees them, in lower case.
    pub host: Option<String>,
}

impl Client {
    /// Looks behind trusted proxies. `connection` is `None` only when a router is called without a listener.
    pub(super) fn resolve(
        connection: Option<&Connection>,
        uri: &Uri,
        headers: &HeaderMap,
        proxies: &[Proxy],
    ) -> Client {
        let peer = connection.map_or(IpAddr::from(Ipv4Addr::UNSPECIFIED), |known| known.peer().ip().to_canonical());
        let trusted = |address: &IpAddr| proxies.iter().any(|proxy| proxy.0.contains(address));
        let host =
            headers.get(HOST).and_then(|host| host.to_str().ok()).or_else(|| uri.authority().map(|a| a.as_str()));
        let mut client = Client {
            address: peer,
            secure: connection.is_some_and(Connection::is_encrypted),
            host: host.map(str::to_ascii_lowercase),
        };
        if !trusted(&peer) {
            return client;
        }
        if let Some(address) = farthest_known(headers, trusted) {
            client.address = address;
        }
        if let Some(proto) = first(headers, "x-forwarded-proto") {
            client.secure = proto.eq_ignore_ascii_case("https");
        }
        if let Some(host) = first(headers, "x-forwarded-host") {
            client.host = Some(host.to_ascii_lowercase());
        }
        client
    }
}

/// From the nearest hop outwards, the first that is no proxy of ours: what stands further out, a client can invent.
fn farthest_known(headers: &HeaderMap, trusted: impl Fn(&IpAddr) -> bool) -> Option<IpAddr> {
    let lines: Vec<&str> = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let mut known = None;
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Some(address) = parse_hop(hop.trim()) else { break };
        known = Some(address);
        if !trusted(&address) {
            break;
        }
    }
    known
}

/// An address, perhaps with a port: some proxies write `192.0.2.1:5000` and `[2001:db8::1]:5000`.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let address = hop.parse().or_else(|_| hop.parse::<std::net::SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

fn first<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()?.split(',').next().map(str::trim).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;

    fn resolve(peer: &str, headers: &[(&'static str, &str)]) -> Client {
        let connection = Connection::new(format!("{peer}:5000").parse().unwrap(), false, CancellationToken::new());
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Client::resolve(Some(&connection), &Uri::from_static("/"), &headers, &["10.0.0.0/8".parse().unwrap()])
    }

    #[test]
    fn a_stranger_cannot_invent_an_address_or_a_host() {
        let client = resolve(
            "192.0.2.1",
            &[
                ("host", "Calls.example"),
                ("x-forwarded-for", "198.51.100.1"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "evil.example"),
            ],
        );
        let expected =
            Client { address: "192.0.2.1".parse().unwrap(), secure: false, host: Some("calls.example".to_owned()) };
        assert_eq!(client, expected);
    }

    #[test]
    fn a_trusted_proxy_is_believed_up_to_the_first_stranger() {
        let client = resolve(
            "10.0.0.1",
            &[
                ("host", "127.0.0.1:4000"),
                ("x-forwarded-for", "203.0.113.9, 198.51.100.1:777, 10.0.0.2"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "calls.example"),
            ],
        );
        let expected =
            Client { address: "198.51.100.1".parse().unwrap(), secure: true, host: Some("calls.example".to_owned()) };
        assert_eq!(client, expected);
    }

    #[test]
    fn a_proxy_that_says_nothing_is_the_client() {
        assert_eq!(resolve("10.0.0.1", &[]).address, "10.0.0.1".parse::<IpAddr>().unwrap());
        let broken = resolve("10.0.0.1", &[("x-forwarded-for", "unknown")]);
        assert_eq!(broken.address, "10.0.0.1".parse::<IpAddr>().unwrap());
    }
}
