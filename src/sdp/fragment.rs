//! SDP fragments of trickled candidates and ICE restarts (RFC 8840 §9), as WHIP and WHEP carry them.

use crate::transport::spec::IceCredentials;

use super::SdpError;

/// Longest accepted fragment, in bytes: some hundred candidates.
const MAX_FRAGMENT: usize = 64 * 1024;

/// What a client's fragment says. Its candidates are not kept: Plenum is ICE-lite and learns a client's addresses from
/// its connectivity checks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fragment {
    /// The credentials that the candidates belong to.
    pub ice: IceCredentials,
    pub candidates: usize,
}

impl Fragment {
    /// Reads a fragment.
    ///
    /// # Errors
    ///
    /// It is too long, is no list of SDP lines, or lacks `a=ice-ufrag` or `a=ice-pwd`.
    pub fn parse(text: &str) -> Result<Fragment, SdpError> {
        if text.len() > MAX_FRAGMENT {
            return Err(SdpError::TooLong(text.len()));
        }
        let (mut ufrag, mut pwd, mut candidates) = (None, None, 0);
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            let is_line = line.as_bytes().get(1) == Some(&b'=') && !line.chars().any(char::is_control);
            if !is_line {
                return Err(SdpError::Syntax(format!("line {} of the fragment is not an SDP line", number + 1)));
            }
            match line.strip_prefix("a=").and_then(|attribute| attribute.split_once(':')) {
                // RFC 8840 §9: the same on every m-line of a bundle, so the first counts.
                Some(("ice-ufrag", value)) => ufrag = ufrag.or(Some(value.trim())),
                Some(("ice-pwd", value)) => pwd = pwd.or(Some(value.trim())),
                Some(("candidate", _)) => candidates += 1,
                _ => {}
            }
        }
        let bad = || SdpError::BadIce { line: "of the fragment".to_owned() };
        let ufrag = ufrag.filter(|ufrag| is_ice(ufrag, 4)).ok_or_else(bad)?;
        let pwd = pwd.filter(|pwd| is_ice(pwd, 22)).ok_or_else(bad)?;
        Ok(Fragment { ice: IceCredentials { ufrag: ufrag.to_owned(), pwd: pwd.to_owned() }, candidates })
    }

    /// Whether the fragment belongs to the ICE session that `offer` began.
    pub fn continues(&self, offer: &str) -> bool {
        let ufrags = offer.lines().filter_map(|line| line.strip_prefix("a=ice-ufrag:"));
        ufrags.into_iter().any(|ufrag| ufrag.trim() == self.ice.ufrag)
    }
}

/// RFC 8839 §5.4: `least` to 256 ice-chars.
pub(super) fn is_ice(text: &str, least: usize) -> bool {
    let chars = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/');
    (least..=256).contains(&text.len()) && chars
}

/// `offer` as its client would write it after an ICE restart to `ice`: WHIP and WHEP send no second offer.
pub fn with_credentials(offer: &str, ice: &IceCredentials) -> String {
    let mut text = String::with_capacity(offer.len() + 64);
    for line in offer.lines() {
        if line.starts_with("a=ice-ufrag:") {
            text.push_str("a=ice-ufrag:");
            text.push_str(&ice.ufrag);
        } else if line.starts_with("a=ice-pwd:") {
            text.push_str("a=ice-pwd:");
            text.push_str(&ice.pwd);
        } else if line.starts_with("a=candidate:") {
            continue;
        } else {
            text.push_str(line);
        }
        text.push_str("\r\n");
    }
    text
}

/// What a client needs of `answer` after an ICE restart: credentials and candidates, on the first live m-line.
pub fn restart_fragment(answer: &str) -> String {
    let mut session = String::new();
    let mut credentials = String::new();
    let mut section: Option<String> = None;
    for line in answer.lines() {
        if line.starts_with("m=") {
            if section.is_some() {
                break;
            }
            // A rejected m-line has port 0, and no transport.
            let rejected = line.split(' ').nth(1) == Some("0");
            section = (!rejected).then(|| format!("{line}\r\n"));
        } else if let Some(section) = &mut section {
            if ["a=mid:", "a=candidate:", "a=end-of-candidates"].iter().any(|start| line.starts_with(start)) {
                section.push_str(line);
                section.push_str("\r\n");
            }
        } else if line.starts_with("a=ice-ufrag:") || line.starts_with("a=ice-pwd:") {
            credentials.push_str(line);
            credentials.push_str("\r\n");
        } else if line.starts_with("a=ice-") || line.starts_with("a=group:") {
            session.push_str(line);
            session.push_str("\r\n");
        }
    }
    let section = section.unwrap_or_default();
    let head = section.find("\r\n").map_or(0, |end| end + 2);
    let (media, rest) = section.split_at(head);
    format!("{session}{media}{credentials}{rest}")
}
