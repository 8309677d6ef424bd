//! What tokens are accepted, and in which words the others are refused.

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
            let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
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
