//! ICE-lite (RFC 8445 §2.5): authenticates connectivity checks, answers them, and knows which 5-tuples are the browser's.
//!
//! Sends no checks and reads no candidates of the peer. Nothing changes state before it is authenticated.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use rtc_crypto::RTCCryptoProvider;
use rtc_stun::attributes::{
    ATTR_FINGERPRINT, ATTR_ICE_CONTROLLED, ATTR_MESSAGE_INTEGRITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType,
};
use rtc_stun::error_code::CODE_ROLE_CONFLICT;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, CLASS_INDICATION, METHOD_BINDING, Message, MessageType, Setter,
    is_stun_message,
};
use rtc_stun::xoraddr::XorMappedAddress;

use super::spec::{ConnectionSpec, IceCredentials, Path};
use crate::media::drop::DropReason;
use crate::prefetch::prefetch;

/// 5-tuples remembered. A browser with several interfaces behind a NAT shows fewer than ten; the longest unseen goes.
const MAX_PATHS: usize = 16;

/// The fragment of ours that a connectivity check is for, unauthenticated: enough to find its transport, and no more.
///
/// `None` when the datagram is no binding request with a USERNAME of two parts (RFC 8445 §7.2.2).
pub fn target_ufrag(datagram: &[u8]) -> Option<&str> {
    if !is_binding_request(datagram) {
        return None;
    }
    let (_, username) = attributes(datagram).find(|(kind, _)| *kind == ATTR_USERNAME)?;
    let (ours, _) = std::str::from_utf8(username).ok()?.split_once(':')?;
    Some(ours)
}

fn is_binding_request(datagram: &[u8]) -> bool {
    is_stun_message(datagram) && datagram.first_chunk() == Some(&BINDING_REQUEST.value().to_be_bytes())
}

/// The attributes of a STUN message in order, as far as they are well formed (RFC 8489 §14).
fn attributes(datagram: &[u8]) -> impl Iterator<Item = (AttrType, &[u8])> {
    let mut rest = datagram.get(20..).unwrap_or(&[]);
    std::iter::from_fn(move || {
        let [t0, t1, l0, l1] = *rest.first_chunk::<4>()?;
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let value = rest.get(4..4 + len)?;
        rest = rest.get(4 + len.next_multiple_of(4)..).unwrap_or(&[]);
        Some((AttrType(u16::from_be_bytes([t0, t1])), value))
    })
}

/// Credentials of one ICE generation, both sides'.
#[derive(Clone)]
struct Generation {
    local: IceCredentials,
    remote_ufrag: String,
}

impl Generation {
    fn new(spec: &ConnectionSpec) -> Generation {
        Generation { local: spec.local.clone(), remote_ufrag: spec.remote.ufrag.clone() }
    }

    /// RFC 8445 §7.2.2: the receiver's fragment, a colon, the sender's.
    fn accepts(&self, username: &[u8]) -> bool {
        let Some(rest) = username.strip_prefix(self.local.ufrag.as_bytes()) else { return false };
        rest.strip_prefix(b":") == Some(self.remote_ufrag.as_bytes())
    }
}

#[derive(Clone, Copy)]
struct KnownPath {
    path: Path,
    last_check: Instant,
}

/// The parts of an authenticated check that matter to a lite agent. Only what MESSAGE-INTEGRITY covers is read.
struct Check {
    use_candidate: bool,
    controlled: bool,
}

/// The ICE-lite agent of one transport.
pub struct Ice {
    provider: Arc<dyn RTCCryptoProvider>,
    current: Generation,
    /// Before a restart. Valid until a path of the current generation is nominated.
    previous: Option<Generation>,
    paths: Vec<KnownPath>,
    nominated: Option<Path>,
}

impl Ice {
    pub fn new(provider: Arc<dyn RTCCryptoProvider>, spec: &ConnectionSpec) -> Ice {
        Ice { provider, current: Generation::new(spec), previous: None, paths: Vec::new(), nominated: None }
    }

    /// Takes over the credentials of a new answer. A changed local fragment is a restart.
    pub fn update(&mut self, spec: &ConnectionSpec) {
        let new = Generation::new(spec);
        if new.local.ufrag == self.current.local.ufrag {
            self.current = new;
        } else {
            self.previous = Some(std::mem::replace(&mut self.current, new));
        }
    }

    /// Whether an authenticated check came this way, so that DTLS and SRTP may.
    pub fn knows(&self, path: Path) -> bool {
        self.nominated == Some(path) || self.paths.iter().any(|known| known.path == path)
    }

    /// Something will be sent soon.
    pub fn prefetch(&self) {
        prefetch(&self.nominated);
    }

    /// The path that the browser chose last.
    pub fn nominated(&self) -> Option<&Path> {
        self.nominated.as_ref()
    }

    /// The path that was checked last: where to answer while none is nominated.
    pub fn latest(&self) -> Option<&Path> {
        self.paths.iter().max_by_key(|known| known.last_check).map(|known| &known.path)
    }

    /// Forgets a path that leads nowhere any more.
    pub fn path_closed(&mut self, path: Path) {
        self.paths.retain(|known| known.path != path);
        self.nominated = self.nominated.filter(|nominated| *nominated != path);
    }

    /// Handles one STUN message and returns the answer to send back the same way. `None` for indications, which want
    /// none and mean nothing here.
    ///
    /// `BadStun` for everything that does not parse or authenticate; nothing has changed then.
    pub fn handle(&mut self, now: Instant, path: Path, datagram: &[u8]) -> Result<Option<Vec<u8>>, DropReason> {
        let mut message = Message::new();
        message.unmarshal_binary(datagram).map_err(|_| DropReason::BadStun)?;
        if datagram.len() != 20 + message.length as usize || !datagram.len().is_multiple_of(4) {
            return Err(DropReason::BadStun);
        }
        if message.typ == MessageType::new(METHOD_BINDING, CLASS_INDICATION) {
            return Ok(None);
        }
        if message.typ != BINDING_REQUEST {
            return Err(DropReason::BadStun);
        }
        let (is_current, check) = self.authenticate(&mut message, datagram).ok_or(DropReason::BadStun)?;
        let local = if is_current { Some(&self.current) } else { self.previous.as_ref() };
        let pwd = local.map(|generation| generation.local.pwd.clone()).ok_or(DropReason::BadStun)?;
        if check.controlled {
            // A lite agent is always controlled (RFC 8445 §6.1.1), so the browser must change its mind (§7.3.1.1).
            return self.reply(&message, BINDING_ERROR, &[&CODE_ROLE_CONFLICT], &pwd).map(Some);
        }
        self.remember(now, path);
        if check.use_candidate {
            self.nominated = Some(path);
            if is_current {
                self.previous = None;
            }
        }
        let ip = match path.remote.ip() {
            IpAddr::V6(ip) => ip.to_canonical(),
            ip => ip,
        };
        let mapped = XorMappedAddress { ip, port: path.remote.port() };
        self.reply(&message, BINDING_SUCCESS, &[&mapped], &pwd).map(Some)
    }

    /// Verifies USERNAME, MESSAGE-INTEGRITY and, if present, FINGERPRINT. True = by the current credentials.
    fn authenticate(&self, message: &mut Message, datagram: &[u8]) -> Option<(bool, Check)> {
        let mut username = None;
        let mut check = Check { use_candidate: false, controlled: false };
        for (kind, value) in attributes(datagram) {
            match kind {
                // What follows is not covered (RFC 8489 §14.5).
                ATTR_MESSAGE_INTEGRITY => break,
                ATTR_USERNAME if username.is_none() => username = Some(value),
                ATTR_USE_CANDIDATE => check.use_candidate = true,
                ATTR_ICE_CONTROLLED => check.controlled = true,
                _ => {}
            }
        }
        let username = username?;
        let (is_current, generation) = if self.current.accepts(username) {
            (true, &self.current)
        } else {
            (false, self.previous.as_ref().filter(|previous| previous.accepts(username))?)
        };
        if message.contains(ATTR_FINGERPRINT) {
            FINGERPRINT.check(message).ok()?;
        }
        MessageIntegrity::check(message, generation.local.pwd.as_bytes(), self.provider.crypto()).ok()?;
        Some((is_current, check))
    }

    fn remember(&mut self, now: Instant, path: Path) {
        if let Some(known) = self.paths.iter_mut().find(|known| known.path == path) {
            known.last_check = now;
            return;
        }
        if self.paths.len() >= MAX_PATHS {
            let nominated = self.nominated;
            let oldest = self.paths.iter().enumerate().filter(|(_, known)| Some(known.path) != nominated);
            if let Some((index, _)) = oldest.min_by_key(|(_, known)| known.last_check) {
                self.paths.swap_remove(index);
            }
        }
        self.paths.push(KnownPath { path, last_check: now });
    }

    fn reply(
        &self,
        request: &Message,
        kind: MessageType,
        attributes: &[&dyn Setter],
        pwd: &str,
    ) -> Result<Vec<u8>, DropReason> {
        let mut reply = Message::new();
        let integrity = MessageIntegrity::new_raw_integrity_with_provider(pwd.as_bytes(), self.provider.crypto());
        reply.reset();
        reply.write_header();
        let setters: [&dyn Setter; 2] = [&kind, &request.transaction_id];
        let trailer: [&dyn Setter; 2] = [&integrity, &FINGERPRINT];
        for setter in setters.iter().chain(attributes).chain(&trailer) {
            setter.add_to(&mut reply).map_err(|_| DropReason::BadStun)?;
        }
        Ok(reply.raw)
    }
}

#[cfg(test)]
mod tests;
