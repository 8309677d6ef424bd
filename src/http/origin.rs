//! Which pages may open a Socket.IO connection. Browsers do not protect websockets from other pages; this does.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::ORIGIN;

use super::Client;
use crate::config::Http;

/// Where the Admin UI's makers serve its page.
const ADMIN_PAGE: &str = "https://admin.socket.io";

/// The pages that may connect.
#[derive(Clone, Debug)]
pub(super) struct OriginPolicy {
    /// Scheme, host and port, in lower case.
    allowed: Vec<String>,
    any: bool,
    /// Whether the page's address is known. Then a name that merely leads here (DNS rebinding) is not enough.
    strict: bool,
}

impl OriginPolicy {
    /// `admin`: the Admin UI is on, whose page its makers host, too.
    pub(super) fn new(http: &Http, admin: bool) -> OriginPolicy {
        let allowed = http.allowed_origins.iter().chain(&http.public_url).map(|origin| origin.to_ascii_lowercase());
        OriginPolicy {
            allowed: allowed.chain(admin.then(|| ADMIN_PAGE.to_owned())).collect(),
            any: http.allowed_origins.iter().any(|origin| origin == "*"),
            strict: http.public_url.is_some(),
        }
    }

    /// Whether a request may pass. One without `Origin` may: it comes from no browser, or from our own page.
    pub(super) fn allows(&self, headers: &HeaderMap, client: &Client) -> bool {
        let Some(origin) = headers.get(ORIGIN) else { return true };
        origin.to_str().is_ok_and(|origin| self.allows_origin(&origin.to_ascii_lowercase(), client.host.as_deref()))
    }

    fn allows_origin(&self, origin: &str, host: Option<&str>) -> bool {
        if self.any || self.allowed.iter().any(|allowed| allowed == origin) {
            return true;
        }
        // The scheme is not compared: a proxy or tunnel that ends TLS may be one that we were not told of.
        let Some((_, origin_host)) = origin.split_once("://") else { return false };
        host == Some(origin_host) && (!self.strict || is_fixed(origin_host))
    }
}

/// Whether no foreign DNS server decides where `host` (perhaps with a port) leads.
fn is_fixed(host: &str) -> bool {
    let Ok(authority) = host.parse::<http::uri::Authority>() else { return false };
    let name = authority.host();
    name == "localhost" || name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(public_url: Option<&str>, allowed: &[&str]) -> OriginPolicy {
        let allowed_origins = allowed.iter().map(|origin| (*origin).to_owned()).collect();
        let http = Http { public_url: public_url.map(str::to_owned), allowed_origins, ..Http::default() };
        OriginPolicy::new(&http, false)
    }

    #[test]
    fn our_own_page_may_connect_and_another_may_not() {
        let policy = policy(None, &[]);
        assert!(policy.allows_origin("http://localhost:4000", Some("localhost:4000")));
        assert!(policy.allows_origin("https://my.tunnel.example", Some("my.tunnel.example")));
        assert!(!policy.allows_origin("https://evil.example", Some("calls.example")));
        assert!(!policy.allows_origin("http://localhost:5000", Some("localhost:4000")));
        assert!(!policy.allows_origin("null", Some("localhost:4000")));
        assert!(!policy.allows_origin("https://evil.example", None));
    }

    #[test]
    fn with_a_public_url_a_name_that_merely_leads_here_is_refused() {
        let policy = policy(Some("https://Calls.example"), &["https://app.example"]);
        assert!(policy.allows_origin("https://calls.example", Some("127.0.0.1:4000")));
        assert!(policy.allows_origin("https://app.example", Some("calls.example")));
        assert!(policy.allows_origin("https://192.168.1.5:4000", Some("192.168.1.5:4000")));
        assert!(policy.allows_origin("http://[::1]:4000", Some("[::1]:4000")));
        assert!(!policy.allows_origin("http://rebound.example:4000", Some("rebound.example:4000")));
    }

    #[test]
    fn the_hosted_admin_page_may_connect_while_the_admin_ui_is_on() {
        let allows =
            |admin| OriginPolicy::new(&Http::default(), admin).allows_origin(ADMIN_PAGE, Some("localhost:4000"));
        assert!(allows(true) && !allows(false));
    }

    #[test]
    fn a_star_allows_every_page() {
        assert!(policy(None, &["*"]).allows_origin("https://any.example", Some("calls.example")));
    }
}
