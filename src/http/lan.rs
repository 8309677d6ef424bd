//! HTTPS for a local network: a certificate of our own, kept between runs, and the address as a QR code.

use std::fs;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

/// Apple's limit for server certificates is 825 days, Chromium's for public ones 398; the shorter pleases all.
const VALID: Duration = Duration::from_secs(397 * 24 * 3600);
/// Made anew when older than this, so that nobody meets an expired one in a long run.
const RENEW: Duration = Duration::from_secs(300 * 24 * 3600);
/// For clocks of phones that are behind.
const BACKDATE: Duration = Duration::from_secs(24 * 3600);

/// Why there is no HTTPS for the local network.
#[derive(Debug, thiserror::Error)]
pub enum LanError {
    #[error("--lan: this machine has no address that another device could reach")]
    NoAddress,
    #[error("--lan: cannot keep the certificate in {}: {error}; choose a directory with --state-dir", path.display())]
    State { path: PathBuf, error: io::Error },
    #[error("--lan: cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("--lan: the certificate in {} cannot be used ({problem}); remove it to get a new one", path.display())]
    Unusable { path: PathBuf, problem: String },
}

/// HTTPS for the local network.
pub struct Lan {
    pub acceptor: TlsAcceptor,
    /// What a phone shall open.
    pub url: String,
}

impl Lan {
    /// Prepares HTTPS on `bound` for other devices, which reach this machine by `addresses`.
    pub fn prepare(bound: SocketAddr, addresses: &[IpAddr], state_dir: &Path) -> Result<Lan, LanError> {
        let addresses = if bound.ip().is_unspecified() { addresses } else { &[bound.ip()] };
        let address = addresses.first().ok_or(LanError::NoAddress)?;
        let mut names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        let url = format!("https://{}", SocketAddr::new(*address, bound.port()));
        Ok(Lan { acceptor: acceptor(state_dir, &names)?, url })
    }

    /// The address as a QR code of half blocks, light on dark as terminals are, with its quiet zone.
    pub fn qr_code(&self) -> Option<String> {
        let code = QrCode::new(&self.url).ok()?;
        Some(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
    }
}

fn acceptor(dir: &Path, names: &[String]) -> Result<TlsAcceptor, LanError> {
    let paths = Paths {
        certificate: dir.join("lan-certificate.pem"),
        key: dir.join("lan-key.pem"),
        names: dir.join("lan-names"),
    };
    if !paths.serve(names) {
        paths.create(dir, names)?;
    }
    let unusable = |path: &Path, problem: String| LanError::Unusable { path: path.to_owned(), problem };
    let certificate = CertificateDer::from_pem_file(&paths.certificate)
        .map_err(|error| unusable(&paths.certificate, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&paths.key).map_err(|error| unusable(&paths.key, error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(vec![certificate], key))
        .map_err(|error| unusable(&paths.certificate, error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

struct Paths {
    certificate: PathBuf,
    key: PathBuf,
    /// The names that the certificate is for, one a line: cheaper than to parse it.
    names: PathBuf,
}

impl Paths {
    /// Whether a certificate for all `names` is there and young enough. A phone that has accepted it need not be asked
    /// again, so it is not replaced without need.
    fn serve(&self, names: &[String]) -> bool {
        let Ok(known) = fs::read_to_string(&self.names) else { return false };
        let age = fs::metadata(&self.certificate).and_then(|meta| meta.modified()).map(|then| then.elapsed());
        let young = matches!(age, Ok(Ok(age)) if age < RENEW);
        young && self.key.exists() && names.iter().all(|name| known.lines().any(|line| line == name))
    }

    fn create(&self, dir: &Path, names: &[String]) -> Result<(), LanError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "Plenum on this network");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let now = SystemTime::now();
        params.not_before = (now - BACKDATE).into();
        params.not_after = (now - BACKDATE + VALID).into();
        let certificate = params.self_signed(&key)?;
        let write = || {
            fs::create_dir_all(dir)?;
            // Without it what is there is not used, so a crash half-way leaves no pair that does not fit.
            let _ = fs::remove_file(&self.names);
            write_private(&self.key, &key.serialize_pem())?;
            fs::write(&self.certificate, certificate.pem())?;
            fs::write(&self.names, names.join("\n"))
        };
        write().map_err(|error| LanError::State { path: dir.to_owned(), error })
    }
}

/// Writes what only the owner may read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Dir {
            let path = std::env::temp_dir().join(format!("plenum-lan-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Dir(path)
        }

        fn certificate(&self) -> String {
            fs::read_to_string(self.0.join("lan-certificate.pem")).unwrap()
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn any() -> SocketAddr {
        "0.0.0.0:4000".parse().unwrap()
    }

    fn ips<const N: usize>(texts: [&str; N]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_certificate_is_kept_between_runs_and_replaced_when_the_address_changes() {
        let dir = Dir::new("kept");
        let lan = Lan::prepare(any(), &ips(["192.168.1.5"]), &dir.0).unwrap();
        assert_eq!(lan.url, "https://192.168.1.5:4000");
        let first = dir.certificate();
        Lan::prepare(any(), &ips(["192.168.1.5"]), &dir.0).unwrap();
        assert_eq!(dir.certificate(), first);
        Lan::prepare(any(), &ips(["192.168.7.9"]), &dir.0).unwrap();
        assert_ne!(dir.certificate(), first);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_key() {
        use std::os::unix::fs::PermissionsExt;
        let dir = Dir::new("key");
        Lan::prepare(any(), &ips(["192.168.1.5"]), &dir.0).unwrap();
        assert_eq!(fs::metadata(dir.0.join("lan-key.pem")).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_ipv6_address_is_written_as_urls_want_it_and_has_a_qr_code() {
        let dir = Dir::new("v6");
        let lan = Lan::prepare(any(), &ips(["2001:db8::5"]), &dir.0).unwrap();
        assert_eq!(lan.url, "https://[2001:db8::5]:4000");
        assert!(lan.qr_code().unwrap().lines().count() > 10);
    }

    #[test]
    fn no_address_and_no_directory_are_clear_errors() {
        let dir = Dir::new("none");
        assert!(matches!(Lan::prepare(any(), &[], &dir.0), Err(LanError::NoAddress)));
        let error = Lan::prepare(any(), &ips(["192.168.1.5"]), Path::new("/proc/plenum")).err().unwrap().to_string();
        assert!(error.contains("/proc/plenum") && error.contains("--state-dir"), "{error}");
    }
}
