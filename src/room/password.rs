//! A room's password, kept as a hash, and how often one may guess it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use ring::pbkdf2;
use unicode_normalization::UnicodeNormalization;

use super::waiting::household;

/// Longest password in characters.
pub(super) const MAX_PASSWORD: usize = 128;
/// Rounds of PBKDF2: some milliseconds. It lives as long as its room and in memory only, and guesses are counted.
const ROUNDS: NonZeroU32 = NonZeroU32::new(10_000).unwrap();
/// Wrong guesses that one address has within [`FORGOTTEN`].
const GUESSES: u32 = 10;
const FORGOTTEN: Duration = Duration::from_secs(60);
/// Addresses whose guesses are counted at once.
const ADDRESSES: usize = 1024;

pub(super) struct Password {
    salt: [u8; 16],
    hash: [u8; 32],
}

impl Password {
    pub(super) fn new(text: &str) -> Password {
        let mut password = Password { salt: rand::random(), hash: [0; 32] };
        let Password { salt, hash } = &mut password;
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt, typed(text).as_bytes(), hash);
        password
    }

    /// In a time that does not tell how much of it is right.
    pub(super) fn is(&self, text: &str) -> bool {
        let text = typed(text);
        pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &self.salt, text.as_bytes(), &self.hash).is_ok()
    }
}

/// The same letters, whichever keyboard composed them.
fn typed(text: &str) -> String {
    text.chars().take(MAX_PASSWORD + 1).nfc().collect()
}

/// Counts wrong guesses by address.
#[derive(Debug, Default)]
pub(super) struct Guesses(HashMap<Option<IpAddr>, (u32, Instant)>);

impl Guesses {
    /// Whether one more guess is allowed.
    pub(super) fn allows(&mut self, address: Option<IpAddr>, now: Instant) -> bool {
        self.0.retain(|_, (_, since)| now.saturating_duration_since(*since) < FORGOTTEN);
        match self.0.get(&address.map(household)) {
            Some((guesses, _)) => *guesses < GUESSES,
            None => self.0.len() < ADDRESSES,
        }
    }

    pub(super) fn count(&mut self, address: Option<IpAddr>, now: Instant) {
        self.0.entry(address.map(household)).or_insert((0, now)).0 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_letters_open_it_however_they_were_composed() {
        let password = Password::new("비밀");
        assert!(password.is("비밀") && password.is("비밀".nfd().collect::<String>().as_str()));
        assert!(!password.is("비") && !password.is("") && !password.is("비밀 "));
        assert!(password.salt != Password::new("비밀").salt);
    }

    #[test]
    fn guesses_are_counted_by_address_and_forgotten() {
        let (mut guesses, now) = (Guesses::default(), Instant::now());
        let [one, other] = [1, 2].map(|last| Some(IpAddr::from([192, 0, 2, last])));
        for _ in 0..GUESSES {
            assert!(guesses.allows(one, now));
            guesses.count(one, now);
        }
        assert!(!guesses.allows(one, now) && guesses.allows(other, now));
        assert!(guesses.allows(one, now + FORGOTTEN));
    }
}
