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
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::access::TrackKind;

    const HOUR: Duration = Duration::from_secs(3600);

    fn secret(letter: char) -> Secret {
        String::from(letter).repeat(MIN_SECRET).parse().unwrap()
    }

    fn access(letters: &str) -> Access {
        Access::new(letters.chars().map(secret).collect(), true)
    }

    fn room(name: &str) -> Claims {
        Claims { room: Some(name.parse().unwrap()), ..Claims::lasting(HOUR) }
    }

    #[test]
    fn a_minted_token_says_what_was_put_in() {
        let claims = Claims {
            role: Some(Role::Viewer),
            publish: Some(KindSet::NONE.with(TrackKind::Microphone)),
            subscribe: Some(false),
            hidden: true,
            name: Some("이서연".into()),
            metadata: Some(json!({"seat": 7})),
            sub: Some("u1".into()),
            ..room("team-*")
        };
        let pass = access("a").verify(&access("a").mint(&claims).unwrap()).unwrap();
        let grants = Grants {
            room: "team-*".parse().unwrap(),
            role: Role::Viewer,
            publish: KindSet::NONE.with(TrackKind::Microphone),
            subscribe: false,
            chat: true,
            moderate: false,
            hidden: true,
            record: false,
            admin: false,
        };
        assert_eq!(pass.grants, grants);
        assert_eq!((pass.name.as_deref(), pass.subject.as_deref()), (Some("이서연"), Some("u1")));
        assert_eq!((pass.metadata, pass.expires), (claims.metadata, claims.exp));
    }

    #[test]
    fn what_is_left_out_is_a_member_that_may_publish_and_not_moderate() {
        let pass = access("a").verify(&access("a").mint(&room("r")).unwrap()).unwrap();
        assert_eq!((pass.grants.role, pass.grants.publish), (Role::Member, KindSet::ALL));
        assert!(pass.grants.subscribe && pass.grants.chat && !pass.grants.moderate && !pass.grants.admin);
        let host = Claims { role: Some(Role::Host), ..room("r") };
        assert!(access("a").verify(&access("a").mint(&host).unwrap()).unwrap().grants.moderate);
        let moderator = Claims { moderate: Some(true), ..room("r") };
        assert_eq!(access("a").verify(&access("a").mint(&moderator).unwrap()).unwrap().grants.role, Role::Host);
        let admin = Claims { admin: true, ..Claims::lasting(HOUR) };
        assert!(access("a").verify(&access("a").mint(&admin).unwrap()).unwrap().grants.admin);
    }

    #[test]
    fn a_new_secret_goes_in_front_and_the_old_ones_tokens_still_count() {
        let old = access("a").mint(&room("r")).unwrap();
        assert!(access("ba").verify(&old).is_ok());
        assert_eq!(access("b").verify(&old), Err(TokenError::Signature));
        assert_eq!(access("").verify(&old), Err(TokenError::NoSecrets));
    }

    #[test]
    fn time_counts() {
        let past = Claims { exp: Claims::lasting(Duration::ZERO).exp - 60, ..room("r") };
        assert_eq!(access("a").verify(&access("a").mint(&past).unwrap()), Err(TokenError::Expired));
        let future = Claims { nbf: Some(Claims::lasting(HOUR).exp), ..room("r") };
        assert_eq!(access("a").verify(&access("a").mint(&future).unwrap()), Err(TokenError::NotYet));
    }

    #[test]
    fn claims_that_make_no_sense_are_named() {
        for (claims, name) in [
            (Claims::lasting(HOUR), "room"),
            (Claims { role: Some(Role::Host), moderate: Some(false), ..room("r") }, "role"),
            (Claims { name: Some(" ".into()), ..room("r") }, "name"),
            (Claims { sub: Some(String::new()), ..room("r") }, "sub"),
            (Claims { metadata: Some(json!("x".repeat(MAX_METADATA))), ..room("r") }, "metadata"),
        ] {
            let refused = access("a").mint(&claims).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("{name}: ")), "{refused}");
        }
    }

    /// Signs whatever is given, as an issuer with its own code might.
    fn forge(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| {
            use std::fmt::Write;
            let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']).collect();
            let mut text = String::new();
            for chunk in value.to_string().as_bytes().chunks(3) {
                let bits =
                    chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
                for index in 0..=chunk.len() {
                    let _ = write!(text, "{}", alphabet[(bits >> (18 - 6 * index) & 63) as usize]);
                }
            }
            text
        };
        let message = format!("{}.{}", part(header), part(claims));
        let key = EncodingKey::from_secret(secret('a').0.as_bytes());
        let tag = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{message}.{tag}")
    }

    #[test]
    fn foreign_algorithms_and_types_are_refused_in_words() {
        let access = access("a");
        let exp = Claims::lasting(HOUR).exp;
        let hs256 = json!({"alg": "HS256", "typ": "JWT"});
        assert!(access.verify(&forge(&hs256, &json!({"room": "r", "exp": exp}))).is_ok());
        // Claims of others' may be there too.
        assert!(access.verify(&forge(&hs256, &json!({"room": "r", "exp": exp, "iss": "x", "aud": "y"}))).is_ok());
        for (header, claims, word) in [
            (json!({"alg": "none"}), json!({"room": "r", "exp": exp}), "`none`"),
            (json!({"alg": "HS512"}), json!({"room": "r", "exp": exp}), "HS256"),
            (hs256.clone(), json!({"room": "r"}), "exp"),
            (hs256.clone(), json!({"room": "r", "exp": exp.to_string()}), "claims"),
            (hs256.clone(), json!({"room": "r", "exp": exp, "nbf": "soon"}), "claims"),
            (hs256.clone(), json!({"room": 7, "exp": exp}), "claims"),
            (hs256, json!({"room": "r", "exp": exp, "publish": ["voice"]}), "voice"),
        ] {
            let refused = access.verify(&forge(&header, &claims)).unwrap_err().to_string();
            assert!(refused.contains(word), "{header} {claims}: {refused}");
        }
    }

    #[test]
    fn a_short_secret_is_refused_and_none_is_ever_printed() {
        let refused = Secret::try_from("short".to_owned()).unwrap_err();
        assert!(refused.contains("32 bytes") && !refused.contains("short"));
        assert!(!format!("{:?}", access("a")).contains("aaa"));
    }

    proptest! {
        #[test]
        fn no_change_of_a_token_is_ever_accepted(at in any::<proptest::sample::Index>(), letter in "[A-Za-z0-9_.-]") {
            let access = access("a");
            let token = access.mint(&room("r")).unwrap();
            let at = at.index(token.len());
            let changed = format!("{}{letter}{}", &token[..at], &token[at + 1..]);
            // The last letter of base64 has bits that say nothing.
            prop_assume!(changed != token && at != token.len() - 1);
            prop_assert!(access.verify(&changed).is_err());
        }

        #[test]
        fn no_bytes_are_a_token(text in ".{0,200}") {
            prop_assert!(access("a").verify(&text).is_err());
        }
    }
}
