//! The last lines of a room's chat, and the memory that makes a retried line safe. Pure.

use std::collections::VecDeque;

use unicode_normalization::UnicodeNormalization;

use crate::id::MemberId;
use crate::signal::protocol::{ChatLine, ChatSent};

/// Lines that a room remembers for newcomers, and acknowledgements that a member's retries find.
pub(super) const REMEMBERED: usize = 64;
/// Bytes of text that a room remembers: what everybody is sent on joining.
const REMEMBERED_BYTES: usize = 64 * 1024;

/// A line as it is shown: NFC, trimmed, without control characters but line ends and tabs.
pub(super) fn clean(text: &str) -> String {
    let text: String = text.nfc().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    text.trim().to_owned()
}

/// A room's newest lines.
#[derive(Debug, Default)]
pub(super) struct History {
    lines: VecDeque<ChatLine>,
    last: u64,
    /// Of all lines' texts.
    bytes: usize,
}

impl History {
    /// The next line's number, counted from 1.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn remember(&mut self, line: ChatLine) {
        self.bytes += line.text.len();
        self.lines.push_back(line);
        while self.lines.len() > REMEMBERED || self.bytes > REMEMBERED_BYTES && self.lines.len() > 1 {
            self.bytes -= self.lines.pop_front().map_or(0, |line| line.text.len());
        }
    }

    /// What concerns `member`: lines to everybody, and those that it sent or was sent alone.
    pub(super) fn told(&self, member: &MemberId) -> Vec<ChatLine> {
        let concerns = |line: &&ChatLine| line.from == *member || line.to.as_ref().is_none_or(|to| to == member);
        self.lines.iter().filter(concerns).cloned().collect()
    }
}

/// The acknowledgements of one member's latest lines by their request ids.
#[derive(Debug, Default)]
pub(super) struct Receipts(VecDeque<(String, ChatSent)>);

impl Receipts {
    pub(super) fn find(&self, request: &str) -> Option<ChatSent> {
        self.0.iter().find(|(id, _)| id == request).map(|(_, sent)| *sent)
    }

    pub(super) fn keep(&mut self, request: String, sent: ChatSent) {
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((request, sent));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: u64, to: Option<&str>, text: &str) -> ChatLine {
        let to = to.map(|id| MemberId(id.into()));
        ChatLine { id, from: MemberId("a".into()), name: "A".into(), text: text.into(), to, at: 5 }
    }

    #[test]
    fn everybody_is_told_what_was_said_to_all_and_nobody_what_was_said_to_another() {
        let mut history = History::default();
        for line in [line(1, None, "t"), line(2, Some("b"), "t"), line(3, Some("c"), "t"), line(4, None, "t")] {
            history.remember(line);
        }
        let ids = |who: &str| history.told(&MemberId(who.into())).iter().map(|l| l.id).collect::<Vec<_>>();
        assert_eq!((ids("b"), ids("a"), ids("z")), (vec![1, 2, 4], vec![1, 2, 3, 4], vec![1, 4]));
    }

    #[test]
    fn long_lines_leave_less_to_remember() {
        let mut history = History::default();
        for id in 1..=20 {
            history.remember(line(id, None, &"x".repeat(10_000)));
        }
        assert_eq!(
            history.told(&MemberId("z".into())).iter().map(|l| l.id).collect::<Vec<_>>(),
            [15, 16, 17, 18, 19, 20]
        );
    }

    #[test]
    fn only_the_newest_are_remembered() {
        let (mut history, mut receipts) = (History::default(), Receipts::default());
        for n in 0..=REMEMBERED as u64 {
            history.remember(line(n, None, "t"));
            receipts.keep(n.to_string(), ChatSent { id: n, at: 0 });
        }
        assert_eq!(history.told(&MemberId("z".into())).first().map(|l| l.id), Some(1));
        assert_eq!((receipts.find("0"), receipts.find("1").map(|s| s.id)), (None, Some(1)));
    }
}
