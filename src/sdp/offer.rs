//! Reads an offer into the few facts that Plenum's answer depends on. Decides nothing.

use std::collections::HashSet;
use std::io::Cursor;

use rtc_sdp::description::common::Attribute;
use rtc_sdp::description::media::MediaDescription;
use rtc_sdp::description::session::SessionDescription;

use crate::transport::spec::{Fingerprint, FingerprintAlgorithm, IceCredentials};

use super::fragment::is_ice;
use super::line::{Known, Line, value, values};
use super::{MAX_LINES, MAX_OFFER, SdpError};

/// A parsed offer.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) ice: IceCredentials,
    pub(super) fingerprint: Fingerprint,
    /// Whether m-lines are grouped. Where they are not there is one.
    pub(super) bundle: bool,
    pub(super) extmap_allow_mixed: bool,
    pub(super) lines: Vec<Line>,
}

impl Offer {
    /// Reads `text`. Never panics, whatever it is.
    pub(super) fn parse(text: &str) -> Result<Offer, SdpError> {
        let parsed = guarded_parse(text)?;
        let bundle: Vec<&str> = values(&parsed.attributes, "group")
            .find_map(|group| {
                let mut words = group.split_ascii_whitespace();
                (words.next() == Some("BUNDLE")).then(|| words.collect())
            })
            .unwrap_or_default();
        // One live m-line has nothing to be bundled with, and some programs then say so by leaving the group out.
        let live = |media: &&MediaDescription| media.media_name.port.value != 0 || media.has_attribute("bundle-only");
        let alone = bundle.is_empty() && parsed.media_descriptions.iter().filter(live).count() == 1;
        let bundled: HashSet<&str> = bundle.iter().copied().collect();
        let mut lines = Vec::with_capacity(parsed.media_descriptions.len());
        let (mut mids, mut known) = (HashSet::new(), Known::default());
        for (index, media) in parsed.media_descriptions.iter().enumerate() {
            let line = Line::read(media, &parsed, index, &mut known)?;
            if let Some(mid) = line.mid {
                let name = mid.to_string();
                if !mids.insert(mid) {
                    return Err(SdpError::DuplicateMid { line: name });
                }
                if !line.stopped && !alone && !bundled.contains(mid.as_str()) {
                    return Err(SdpError::NotBundled { line: name });
                }
            }
            lines.push(line);
        }
        // The transport is described by the m-line that the BUNDLE group names first (RFC 8843 §7.1), and by the
        // first live one where that m-line was given up.
        let tagged = bundle
            .first()
            .and_then(|mid| lines.iter().position(|l| !l.stopped && l.mid.is_some_and(|m| m.as_str() == *mid)))
            .or_else(|| lines.iter().position(|l| !l.stopped))
            .ok_or(SdpError::NoLines)?;
        let media = parsed.media_descriptions.get(tagged).ok_or(SdpError::NoLines)?;
        if parsed.has_attribute("ice-lite") {
            return Err(SdpError::PeerIsLite);
        }
        let transport = Transport { session: &parsed, media, name: line_name(lines.get(tagged), tagged) };
        Ok(Offer {
            ice: transport.ice()?,
            fingerprint: transport.fingerprint()?,
            bundle: !alone,
            extmap_allow_mixed: parsed.has_attribute("extmap-allow-mixed"),
            lines,
        })
    }
}

/// Parses behind a guard: `rtc-sdp` has no limits and keeps control characters inside values.
fn guarded_parse(text: &str) -> Result<SessionDescription, SdpError> {
    if text.len() > MAX_OFFER {
        return Err(SdpError::TooLong(text.len()));
    }
    let mut media = 0;
    for (number, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let plain = line.bytes().all(|octet| (0x20..0x7F).contains(&octet));
        if !plain && line.chars().any(char::is_control) {
            return Err(SdpError::Syntax(format!("line {} holds a control character", number + 1)));
        }
        media += usize::from(line.starts_with("m="));
    }
    match media {
        0 => return Err(SdpError::NoLines),
        1..=MAX_LINES => {}
        _ => return Err(SdpError::TooManyLines),
    }
    SessionDescription::unmarshal(&mut Cursor::new(text.as_bytes())).map_err(|error| {
        // The parser quotes the line, which may be long.
        SdpError::Syntax(error.to_string().chars().take(120).collect())
    })
}

/// How errors name an m-line.
fn line_name(line: Option<&Line>, index: usize) -> String {
    line.and_then(|l| l.mid).map_or_else(|| format!("#{index}"), |mid| mid.to_string())
}

/// The transport attributes of the tagged m-line, which the session level may hold instead.
struct Transport<'a> {
    session: &'a SessionDescription,
    media: &'a MediaDescription,
    name: String,
}

impl<'a> Transport<'a> {
    fn value(&self, key: &str) -> Option<&'a str> {
        value(&self.media.attributes, key).or_else(|| value(&self.session.attributes, key))
    }

    /// RFC 8839 §5.4: 4–256 and 22–256 ice-chars.
    fn ice(&self) -> Result<IceCredentials, SdpError> {
        let token = |key: &str, least: usize| self.value(key).filter(|t| is_ice(t, least)).map(str::to_owned);
        match (token("ice-ufrag", 4), token("ice-pwd", 22)) {
            (Some(ufrag), Some(pwd)) => Ok(IceCredentials { ufrag, pwd }),
            _ => Err(SdpError::BadIce { line: self.name.clone() }),
        }
    }

    /// The first fingerprint that Plenum can check; also checks that the browser may be the DTLS client.
    fn fingerprint(&self) -> Result<Fingerprint, SdpError> {
        if !matches!(self.value("setup"), Some("actpass" | "active")) {
            return Err(SdpError::BadSetup { line: self.name.clone() });
        }
        let at = |attributes: &'a [Attribute]| values(attributes, "fingerprint").find_map(parse_fingerprint);
        at(&self.media.attributes)
            .or_else(|| at(&self.session.attributes))
            .ok_or_else(|| SdpError::BadFingerprint { line: self.name.clone() })
    }
}

/// RFC 8122 §5: `sha-256 AB:CD:…`.
fn parse_fingerprint(text: &str) -> Option<Fingerprint> {
    let (name, hex) = text.split_once(' ')?;
    let (algorithm, len) = match name.to_ascii_lowercase().as_str() {
        "sha-256" => (FingerprintAlgorithm::Sha256, 32),
        "sha-384" => (FingerprintAlgorithm::Sha384, 48),
        "sha-512" => (FingerprintAlgorithm::Sha512, 64),
        _ => return None,
    };
    let byte = |pair: &str| {
        let digits = pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
        digits.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
    };
    let digest: Vec<u8> = hex.trim().split(':').map(byte).collect::<Option<_>>()?;
    (digest.len() == len).then_some(Fingerprint { algorithm, digest })
}
