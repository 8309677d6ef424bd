//! What is shown while a test runs: one bar on standard error, if that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new() -> Progress {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(8));
        bar.enable_steady_tick(Duration::from_millis(250));
        Progress(bar)
    }

    /// Another phase of `steps` steps begins.
    pub(super) fn phase(&self, name: &'static str, steps: u64) {
        let style = ProgressStyle::with_template("{prefix:10} [{bar:32}] {pos}/{len} {msg}").ok();
        if let Some(style) = style {
            self.0.set_style(style.progress_chars("=> "));
        }
        self.0.set_prefix(name);
        self.0.set_length(steps.max(1));
        self.0.set_position(0);
        self.0.set_message("");
    }

    pub(super) fn at(&self, step: u64, message: String) {
        self.0.set_position(step);
        self.0.set_message(message);
    }

    /// A line that stays.
    pub(super) fn note(&self, line: &str) {
        self.0.suspend(|| eprintln!("{line}"));
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
