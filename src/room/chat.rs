//! The last lines of a room's chat, and the memory that makes a retried line safe. Pure.

use std::collections::VecDeque;

use unicode_normalization::UnicodeNormalization;

use crate::id::MemberId;
use crate::signal::protocol::{ChatLine, ChatSent};

/// Lines a room remembers for members that come back, and acknowledgements that a member's retries find.
pub(super) const REMEMBERED: usize = 64;

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
}

impl History {
    /// The next line's number, counted from 1.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn remember(&mut self, line: ChatLine) {
        if self.lines.len() >= REMEMBERED {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// What `member`, in the room since `since` (Unix ms), has been told or has said.
    pub(super) fn told(&self, member: &MemberId, since: u64) -> Vec<ChatLine> {
        let concerns = |line: &&ChatLine| {
            line.at >= since && (line.from == *member || line.to.as_ref().is_none_or(|to| to == member))
        };
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

    fn line(id: u64, to: Option<&str>, at: u64) -> ChatLine {
        let to = to.map(|id| MemberId(id.into()));
        ChatLine { id, from: MemberId("a".into()), name: "A".into(), text: "t".into(), to, at }
    }

    #[test]
    fn a_member_that_came_back_is_told_what_concerns_it() {
        let mut history = History::default();
        for line in [line(1, None, 5), line(2, Some("b"), 10), line(3, Some("c"), 10), line(4, None, 11)] {
            history.remember(line);
        }
        let ids = |who: &str| history.told(&MemberId(who.into()), 10).iter().map(|l| l.id).collect::<Vec<_>>();
        assert_eq!((ids("b"), ids("a")), (vec![2, 4], vec![2, 3, 4]));
    }

    #[test]
    fn only_the_newest_are_remembered() {
        let (mut history, mut receipts) = (History::default(), Receipts::default());
        for n in 0..=REMEMBERED as u64 {
            history.remember(line(n, None, 0));
            receipts.keep(n.to_string(), ChatSent { id: n, at: 0 });
        }
        assert_eq!(history.told(&MemberId("z".into()), 0).first().map(|l| l.id), Some(1));
        assert_eq!((receipts.find("0"), receipts.find("1").map(|s| s.id)), (None, Some(1)));
    }
}
