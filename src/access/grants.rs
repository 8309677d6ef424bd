//! What the bearer of a token may do at most, and in which rooms. Pure.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Action, KindSet, Role};

/// Longest pattern in bytes: a room name of 64 characters of four bytes.
const MAX_PATTERN: usize = 256;

/// A room's name, in which each `*` stands for any characters, none included: `weekly`, `team-*`, `*`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomPattern(String);

impl RoomPattern {
    /// Every room.
    pub fn any() -> RoomPattern {
        RoomPattern("*".to_owned())
    }

    /// Whether a room of that name (in NFC) is meant.
    pub fn matches(&self, room: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = room.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some((_, behind)) = rest.split_once(part) else { return false };
            rest = behind;
        }
        rest.ends_with(last)
    }
}

impl TryFrom<String> for RoomPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text: String = unicode_normalization::UnicodeNormalization::nfc(text.trim()).collect();
        if text.is_empty() || text.len() > MAX_PATTERN {
            return Err(format!("a room or a pattern such as team-* has 1 to {MAX_PATTERN} bytes"));
        }
        Ok(RoomPattern(text))
    }
}

impl FromStr for RoomPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        RoomPattern::try_from(text.to_owned())
    }
}

impl From<RoomPattern> for String {
    fn from(pattern: RoomPattern) -> String {
        pattern.0
    }
}

impl fmt::Display for RoomPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The most that a bearer may do. [`Grants::default`] is what everybody has where no token is needed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grants {
    pub room: RoomPattern,
    /// With what it begins; a host may change it within the rest.
    pub role: Role,
    pub publish: KindSet,
    pub subscribe: bool,
    /// Also reactions.
    pub chat: bool,
    /// May be host.
    pub moderate: bool,
    /// Nobody sees it; it publishes and says nothing.
    pub hidden: bool,
    pub record: bool,
    /// May use the REST administration. Says nothing of rooms.
    pub admin: bool,
}

impl Default for Grants {
    fn default() -> Self {
        Grants {
            room: RoomPattern::any(),
            role: Role::Member,
            publish: KindSet::ALL,
            subscribe: true,
            chat: true,
            moderate: true,
            hidden: false,
            record: true,
            admin: false,
        }
    }
}

impl Grants {
    /// Whether an action is granted at all; [`super::Standing`] says whether it is permitted now.
    pub fn allow(&self, action: Action) -> bool {
        match action {
            Action::Publish(kind) => !self.hidden && self.publish.contains(kind),
            Action::Subscribe => self.subscribe,
            Action::Chat | Action::React => !self.hidden && self.chat,
            Action::RaiseHand | Action::Rename | Action::Data => !self.hidden,
            Action::Moderate | Action::Admit | Action::ChangeRoom | Action::ChangeRoles | Action::End => self.moderate,
            Action::Record => self.record,
        }
    }

    /// Whether its bearer can hold a role: a host without the grant could do nothing.
    pub fn can_be(&self, role: Role) -> bool {
        role != Role::Host || self.moderate
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> RoomPattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        for (text, room, expected) in [
            ("weekly", "weekly", true),
            ("weekly", "weekly2", false),
            ("weekly", "my weekly", false),
            ("*", "회의", true),
            ("team-*", "team-", true),
            ("team-*", "team-a", true),
            ("team-*", "xteam-a", false),
            ("*-a", "team-a", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "ac", false),
            ("ab*ba", "aba", false),
            ("a**b", "ab", true),
        ] {
            assert_eq!(pattern(text).matches(room), expected, "{text} {room}");
        }
        assert!(RoomPattern::from_str(" ").is_err());
    }

    proptest! {
        #[test]
        fn a_pattern_matches_as_a_search_for_every_split_says(text in "[ab*]{1,6}", room in "[ab]{0,7}") {
            fn slow(pattern: &[u8], room: &[u8]) -> bool {
                match pattern.split_first() {
                    None => room.is_empty(),
                    Some((b'*', rest)) => (0..=room.len()).any(|skipped| slow(rest, &room[skipped..])),
                    Some((byte, rest)) => room.first() == Some(byte) && slow(rest, &room[1..]),
                }
            }
            prop_assert_eq!(pattern(&text).matches(&room), slow(text.as_bytes(), room.as_bytes()));
        }
    }
}
