//! Names that people type: rooms, members, chat.

use unicode_normalization::UnicodeNormalization;

use crate::id::RoomId;
use crate::signal::protocol::{ErrorBody, ErrorCode};

/// Longest room or display name in characters, after normalisation.
pub(super) const MAX_NAME: usize = 64;

/// Bytes beyond which a name is refused before normalising it: 64 characters of four bytes, each with combining marks.
const MAX_BYTES: usize = 2048;

/// A display name in NFC, trimmed.
pub(super) fn display_name(text: &str) -> Result<String, ErrorBody> {
    normalise(text).ok_or_else(|| {
        ErrorBody::new(ErrorCode::BadName, "name: 1 to 64 visible characters, no control or direction characters")
    })
}

/// A room name in NFC, trimmed, that can stand behind `/r/` in a link.
pub(super) fn room_name(text: &str) -> Result<RoomId, ErrorBody> {
    normalise(text).filter(|name| !name.contains(['/', '\\']) && name != "." && name != "..").map(RoomId).ok_or_else(
        || ErrorBody::new(ErrorCode::BadName, "room: 1 to 64 visible characters, no slash or control character"),
    )
}

fn normalise(text: &str) -> Option<String> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let name: String = text.nfc().collect::<String>().trim().to_owned();
    let length = name.chars().count();
    let visible = name.chars().any(|c| !is_blank(c));
    let safe = !name.chars().any(|c| c.is_control() || is_direction(c));
    (visible && safe && length <= MAX_NAME).then_some(name)
}

/// Characters without a glyph, of which alone no name can be made.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}' | '\u{00AD}' | '\u{3164}')
}

/// Embeddings and isolates: they could turn the text around a name.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decomposed_hangul_is_composed_and_trimmed() {
        assert_eq!(display_name("  \u{1112}\u{1161}\u{11AB} "), Ok("한".to_owned()));
    }

    #[test]
    fn invisible_overlong_and_turning_names_are_refused() {
        for name in ["", "  ", "\u{200B}", "a\nb", "a\u{202E}b", &"x".repeat(65), &"x".repeat(10_000)] {
            assert!(display_name(name).is_err(), "{name:?}");
        }
        assert!(display_name(&"가".repeat(64)).is_ok());
    }

    #[test]
    fn a_room_name_fits_its_link() {
        assert!(room_name("회의 1").is_ok());
        for name in ["a/b", "..", "."] {
            assert!(room_name(name).is_err());
        }
    }
}
