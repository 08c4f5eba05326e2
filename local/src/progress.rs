//! How far it has come, for whoever waits at a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on stderr, with the time that is left; nothing where that is no terminal.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// One of so many steps.
    pub(crate) fn new(what: &'static str, steps: usize) -> Self {
        let bar = ProgressBar::new(steps as u64).with_message(what);
        let style = ProgressStyle::with_template("{msg} [{bar:40}] {human_pos} of {human_len}, {eta} left");
        Self(style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style)))
    }

    /// So many are done.
    pub(crate) fn at(&self, step: usize) {
        self.0.set_position(step as u64);
    }

    /// One more is done.
    pub(crate) fn one_more(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
