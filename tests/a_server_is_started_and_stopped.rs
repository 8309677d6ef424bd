//! What an operator sees of a running server: health, metrics, files, HTTPS for the local network, and its end.

use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};

use crate::binary::{PATIENCE, Running, Scratch, converse, run};

#[test]
fn health_readiness_metrics_and_the_page_are_served() {
    let scratch = Scratch::new();
    let server = Running::start(scratch.path(), &[]);
    for path in ["/healthz", "/readyz", "/", "/r/any-room", "/metrics", "/api/info"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
    assert_eq!(server.get("/there-is-nothing").status, 404);
    let metrics = server.get("/metrics").body;
    for name in ["plenum_rooms 0", "plenum_members 0", "plenum_shards 1", "plenum_build_info{"] {
        assert!(metrics.lines().any(|line| line.starts_with(name)), "no {name} in {metrics}");
    }
    assert_eq!(server.get("/public/index.html").status, 404);
}

#[test]
fn a_directory_is_served_at_public_and_nothing_outside_of_it() {
    let scratch = Scratch::new();
    scratch.write("secret.txt", "secret");
    let dir = scratch.path().join("site");
    std::fs::create_dir_all(dir.join("deep")).expect("a directory");
    std::fs::write(dir.join("deep/page.html"), "<p>mine</p>").expect("a file");
    let server = Running::start(scratch.path(), &["--public-dir=site"]);
    let page = server.get("/public/deep/page.html");
    assert_eq!((page.status, page.body.as_str()), (200, "<p>mine</p>"));
    assert!(page.head.contains("content-type: text/html"), "{}", page.head);
    for path in ["/public/../secret.txt", "/public/%2e%2e/secret.txt", "/public/none.html", "/public/..%2fsecret.txt"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
}

/// A member over HTTP long polling: the plainest client there is.
struct Member<'s> {
    server: &'s Running,
    path: String,
}

impl Member<'_> {
    fn join(server: &Running) -> Member<'_> {
        let path = "/socket.io/?EIO=4&transport=polling".to_owned();
        let opened = server.get(&path).body;
        let sid = opened.split('"').nth(3).expect("an open packet names the session").to_owned();
        let member = Member { server, path: format!("{path}&sid={sid}") };
        member.say(r#"40{"protocol":1}"#);
        member.hear(r#"40{"sid""#);
        member.say(r#"420["join",{"room":"last","name":"Ada"}]"#);
        member.hear(r#""ok":true"#);
        member
    }

    fn say(&self, packet: &str) {
        let said = self.server.ask("POST", &self.path, &[("content-type", "text/plain")], packet);
        assert_eq!(said.status, 200, "{said:?}");
    }

    /// Polls until something with `words` in it arrives.
    fn hear(&self, words: &str) {
        for _ in 0..20 {
            let heard = self.server.get(&self.path);
            assert_eq!(heard.status, 200, "while waiting for {words}: {heard:?}");
            if heard.body.contains(words) {
                return;
            }
            if heard.body == "2" {
                self.say("3");
            }
        }
        panic!("never heard {words}");
    }
}

#[test]
fn a_signal_to_end_is_told_to_members_and_ends_with_code_0() {
    for signal in ["TERM", "INT"] {
        let scratch = Scratch::new();
        let mut server = Running::start(scratch.path(), &[]);
        let member = Member::join(&server);
        // A drain is short: whoever polls already hears of it, however busy the machine is.
        let sent = server.signal_meanwhile(signal);
        member.hear(r#"["farewell",{"reason":"draining""#);
        sent.join().expect("the signal is sent");
        assert_eq!(server.line().as_deref(), Some("Stopping. Once more to stop at once."));
        let status = server.ended();
        assert_eq!(status.code(), Some(0), "after SIG{signal}: {status}");
    }
}

#[test]
fn a_page_of_another_origin_may_not_connect() {
    let scratch = Scratch::new();
    let args = ["--public-url=https://calls.example", "--allowed-origins=https://app.example"];
    let server = Running::start(scratch.path(), &args);
    let own = format!("http://{}", server.address);
    let ask = |origin: &str| server.ask("GET", "/socket.io/?EIO=4&transport=polling", &[("origin", origin)], "").status;
    for origin in ["https://calls.example", "https://app.example", &own] {
        assert_eq!(ask(origin), 200, "{origin}");
    }
    for origin in ["https://evil.example", "http://calls.example", "https://calls.example:8443", "null"] {
        assert_eq!(ask(origin), 403, "{origin}");
    }
}

/// Asks over TLS, trusting the certificate of `dir` and no other. Returns the body and the certificate.
fn over_tls(server: &Running, dir: &Scratch) -> (String, CertificateDer<'static>) {
    let certificate = CertificateDer::from_pem_file(dir.path().join("lan-certificate.pem")).expect("it is kept there");
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("it is a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let tls = ClientConnection::new(Arc::new(config), name).expect("a client");
    let tcp = TcpStream::connect(server.address).expect("the server takes connections");
    tcp.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    let answer = converse(StreamOwned::new(tls, tcp), "127.0.0.1", "GET", "/api/info", &[], "");
    assert_eq!(answer.status, 200);
    (answer.body, certificate)
}

#[test]
fn lan_prints_an_address_and_a_qr_code_and_keeps_its_certificate() {
    let (scratch, state) = (Scratch::new(), Scratch::new());
    let state_dir = format!("--state-dir={}", state.path().display());
    let args = ["--lan", "--http-address=0.0.0.0:0", &state_dir];
    let interfaces = plenum::config::interfaces().expect("addresses can be read");
    if plenum::config::lan_addresses(&interfaces).is_empty() {
        let output = run(scratch.path(), &args, &[]);
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains("no address that another device could reach"));
        return;
    }
    let mut certificates = Vec::new();
    for _ in 0..2 {
        let server = Running::start(scratch.path(), &args);
        let url = server.line().expect("the address for this network");
        assert!(url.starts_with("On this network: https://"), "{url}");
        let code: Vec<String> = (0..12).filter_map(|_| server.line()).collect();
        assert!(code.iter().all(|line| line.contains(['█', '▀', '▄'])), "no QR code: {code:?}");
        let (info, certificate) = over_tls(&server, &state);
        assert!(info.contains(r#""secure":true"#), "{info}");
        let plain = server.get("/api/info").body;
        assert!(plain.contains(r#""secure":false"#) && plain.contains("https://"), "{plain}");
        certificates.push(certificate);
    }
    assert_eq!(certificates[0], certificates[1], "the certificate was not kept");
}

#[test]
fn the_stopped_server_lets_go_of_its_port() {
    let scratch = Scratch::new();
    let mut server = Running::start(scratch.path(), &[]);
    let address = server.address;
    assert!(server.greeting.contains("http://127.0.0.1:"), "{}", server.greeting);
    // A connection that says nothing must not keep the server from ending.
    let mut idle = TcpStream::connect(address).expect("the server takes connections");
    idle.set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
    server.signal("TERM");
    assert!(server.ended().success());
    assert!(matches!(idle.read(&mut [0; 16]), Ok(0) | Err(_)));
    assert!(TcpStream::connect(address).is_err(), "something still listens there");
}
