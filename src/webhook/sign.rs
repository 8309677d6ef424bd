//! How a receiver knows that an event is ours.

use ring::hmac;

use crate::access::Secret;

/// The value of `Plenum-Signature`: `t=<Unix seconds>,v1=<hex>`, where the hex is HMAC-SHA-256 of `<t>.<body>`. The time is
/// signed too, so that nobody can send an old event again unnoticed.
pub fn sign(secret: &Secret, unix: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{unix}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={unix},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_any_hmac_makes_of_time_and_body() {
        let secret: Secret = "0123456789abcdef0123456789abcdef".parse().unwrap();
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
        let expected = "t=1700000000,v1=417adf36b901772f658597a76d329694e335e65fc0849d7715c3ca33406309b5";
        assert_eq!(sign(&secret, 1_700_000_000, "{}"), expected);
        assert_ne!(sign(&secret, 1_700_000_001, "{}")[13..], expected[13..]);
    }
}
