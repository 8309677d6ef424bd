//! Frames that were left out on purpose, so that what comes late of them does not come alone.

/// Frames remembered: half a second at 30 a second, the longest that a packet comes late and is wanted.
const FRAMES: usize = 16;

/// The publisher's timestamps of the last frames that were left out.
#[derive(Clone, Copy, Default)]
pub(super) struct LeftOut {
    frames: [Option<u32>; FRAMES],
    cursor: usize,
}

impl LeftOut {
    pub(super) fn add(&mut self, timestamp: u32) {
        if !self.contains(timestamp) {
            self.frames[self.cursor] = Some(timestamp);
            self.cursor = (self.cursor + 1) % FRAMES;
        }
    }

    pub(super) fn contains(&self, timestamp: u32) -> bool {
        self.frames.contains(&Some(timestamp))
    }
}
