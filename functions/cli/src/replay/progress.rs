//! How far the reading is: a bar on standard error, where that is a terminal; and the end of every file when Ctrl-C comes.

use std::io::{self, Read};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::stop::Stop;

/// How often the bar is drawn while nothing comes.
const TICK: Duration = Duration::from_millis(250);

/// Makes a bar of so many bytes; one that is not seen where nobody wants it, or there is no terminal.
pub(super) fn bar(bytes: u64, what: &'static str, is_quiet: bool) -> ProgressBar {
    let target = if is_quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(bytes), target);
    // In one line of 40 columns, too.
    let template = "{prefix} {wide_bar} {percent} %, {decimal_bytes_per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.set_prefix(what);
    if !bar.is_hidden() {
        bar.enable_steady_tick(TICK);
    }
    bar
}

/// A file that is being read: its bytes are counted, and it ends with an error when Ctrl-C comes.
pub(super) struct Watched<R> {
    inner: R,
    bar: ProgressBar,
    stop: Stop,
    was_stopped: bool,
}

impl<R> Watched<R> {
    pub(super) const fn new(inner: R, bar: ProgressBar, stop: Stop) -> Self {
        Self { inner, bar, stop, was_stopped: false }
    }

    /// Says whether Ctrl-C ended it before its end was read.
    pub(super) const fn was_stopped(&self) -> bool {
        self.was_stopped
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_asked() {
            self.was_stopped = true;
            return Err(io::Error::other("stopped by Ctrl-C"));
        }
        let read = self.inner.read(into)?;
        self.bar.inc(read as u64);
        Ok(read)
    }
}
