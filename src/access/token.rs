//! Access tokens: what they hold, how they are minted, and how one is checked.

use std::fmt;
use std::time::{Duration, SystemTime};

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Grants, KindSet, Role, RoomPattern, hmac};

/// Longest token in bytes: metadata, a long room pattern and all claims, in base64.
const MAX_TOKEN: usize = 8 * 1024;
/// Largest metadata in bytes of JSON: everybody in the room is sent it.
const MAX_METADATA: usize = 1024;
/// Longest subject in bytes.
const MAX_SUBJECT: usize = 256;
/// By how much the clocks of issuer and server may differ, in seconds.
const LEEWAY: u64 = 10;
/// Shortest secret in bytes: as long as the hash (RFC 7518 §3.2).
const MIN_SECRET: usize = 32;

/// A key that signs tokens. Never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Secret(String);

impl Secret {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl TryFrom<String> for Secret {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.len() < MIN_SECRET {
            return Err(format!(
                "a secret has at least {MIN_SECRET} bytes, and this one has {}; `openssl rand -hex 32` makes one",
                text.len()
            ));
        }
        Ok(Secret(text))
    }
}

impl std::str::FromStr for Secret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Secret::try_from(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The payload of a token. What is left out has the default that its line names.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    /// Which room, or a pattern such as `team-*`. Required, but for administrators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomPattern>,
    /// Host when `moderate` is granted, else member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<KindSet>,
    /// True.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscribe: Option<bool>,
    /// True.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<bool>,
    /// True for hosts, else false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moderate: Option<bool>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub hidden: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub record: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub admin: bool,
    /// The display name, which its bearer then cannot change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whatever the issuer wants everybody in the room to know of the bearer; at most 1 KiB of JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// Who the bearer is to the issuer; bans hold on to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// Unix time in seconds until which one may enter with it. Required.
    pub exp: u64,
    /// Unix time in seconds from which on it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Claims {
    /// Claims that hold for `time` from now on.
    pub fn lasting(time: Duration) -> Claims {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Claims { exp: now.saturating_add(time).as_secs(), ..Claims::default() }
    }

    /// Reads what the claims come to. The error names the claim.
    fn read(self) -> Result<Pass, TokenError> {
        let bad = |claim, problem: &str| Err(TokenError::Claim { claim, problem: problem.to_owned() });
        let room = match self.room {
            Some(room) => room,
            None if self.admin => RoomPattern::any(),
            None => return bad("room", "missing; name a room, a pattern such as team-*, or *"),
        };
        let moderate = self.moderate.unwrap_or(self.role == Some(Role::Host));
        let role = self.role.unwrap_or(if moderate { Role::Host } else { Role::Member });
        if role == Role::Host && !moderate {
            return bad("role", "a host needs the grant `moderate`");
        }
        if self.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            return bad("name", "empty; leave it out where the bearer may choose");
        }
        if self.sub.as_ref().is_some_and(|sub| sub.is_empty() || sub.len() > MAX_SUBJECT) {
            return bad("sub", "not 1 to 256 bytes");
        }
        let metadata = self.metadata.filter(|metadata| !metadata.is_null());
        if metadata.as_ref().is_some_and(|metadata| metadata.to_string().len() > MAX_METADATA) {
            return bad("metadata", "more than 1024 bytes of JSON");
        }
        let grants = Grants {
            room,
            role,
            publish: self.publish.unwrap_or(KindSet::ALL),
            subscribe: self.subscribe.unwrap_or(true),
            chat: self.chat.unwrap_or(true),
            moderate,
            hidden: self.hidden,
            record: self.record,
            admin: self.admin,
        };
        Ok(Pass { grants, name: self.name, metadata, subject: self.sub, expires: self.exp })
    }
}

/// What a checked token says.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Pass {
    pub grants: Grants,
    /// The display name, when the issuer fixed it.
    pub name: Option<String>,
    pub metadata: Option<Value>,
    pub subject: Option<String>,
    /// Unix time in seconds.
    pub expires: u64,
}

/// Why a token does not count. Each is a sentence for developers.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    #[error("this server has no access.secrets to check a token with")]
    NoSecrets,
    #[error("{0}")]
    Malformed(String),
    #[error("signed with none of this server's access.secrets")]
    Signature,
    #[error("expired; ask whoever gave it for a new one")]
    Expired,
    #[error("not valid yet (nbf); compare the clocks of issuer and server")]
    NotYet,
    #[error("{claim}: {problem}")]
    Claim { claim: &'static str, problem: String },
}

/// Checks and mints tokens. Cheap to share.
#[derive(Clone, Debug, Default)]
pub struct Access {
    secrets: Vec<Secret>,
    required: bool,
}

impl Access {
    /// The first secret mints, all of them count: a new one is put in front, and the old one taken away when its last
    /// token has expired.
    pub fn new(secrets: Vec<Secret>, required: bool) -> Access {
        hmac::install();
        Access { secrets, required }
    }

    /// Whether nobody enters a room without a token.
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// Checks a token's form, signature, time and claims. Not for which room it is: see [`RoomPattern::matches`].
    ///
    /// # Errors
    ///
    /// [`TokenError`] says what is wrong; a token of more than 8 KiB is malformed.
    pub fn verify(&self, token: &str) -> Result<Pass, TokenError> {
        if self.secrets.is_empty() {
            return Err(TokenError::NoSecrets);
        }
        if token.len() > MAX_TOKEN {
            return Err(TokenError::Malformed(format!("longer than {MAX_TOKEN} bytes")));
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.validate_aud = false;
        let mut error = TokenError::Signature;
        for secret in &self.secrets {
            let key = DecodingKey::from_secret(secret.0.as_bytes());
            match jsonwebtoken::decode::<Claims>(token, &key, &validation) {
                Ok(decoded) => return decoded.claims.read(),
                Err(problem) => error = explain(&problem),
            }
            if error != TokenError::Signature {
                break;
            }
        }
        Err(error)
    }

    /// Signs claims with the first secret.
    ///
    /// # Errors
    ///
    /// No secret, or claims that [`Access::verify`] would refuse.
    pub fn mint(&self, claims: &Claims) -> Result<String, TokenError> {
        let secret = self.secrets.first().ok_or(TokenError::NoSecrets)?;
        claims.clone().read()?;
        let key = EncodingKey::from_secret(secret.0.as_bytes());
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key);
        token.map_err(|error| TokenError::Malformed(error.to_string()))
    }
}

fn explain(error: &Error) -> TokenError {
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::ImmatureSignature => TokenError::NotYet,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => {
            TokenError::Malformed("signed by another algorithm; tokens are HS256".to_owned())
        }
        ErrorKind::Json(problem) => TokenError::Malformed(format!("header or claims: {problem}")),
        ErrorKind::MissingRequiredClaim(claim) => TokenError::Malformed(format!("the claim `{claim}` is missing")),
        ErrorKind::InvalidClaimFormat(claim) => {
            TokenError::Malformed(format!("the claim `{claim}` is not what it should be"))
        }
        _ => TokenError::Malformed("not a JSON Web Token of three parts".to_owned()),
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
