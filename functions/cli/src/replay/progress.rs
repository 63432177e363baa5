//! How far the reading is: a bar on standard error, where that is a terminal; and the end of every file when Ctrl-C comes.

use std::io::{self, Read};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::read::STOPPED;
use super::stop::Stop;

/// How often the bar is drawn while nothing comes.
const TICK: Duration = Duration::from_millis(250);

/// Makes a bar of so many bytes; one that is not seen where nobody wants it, or there is no terminal.
pub(super) fn bar(bytes: u64, what: &'static str, is_quiet: bool) -> ProgressBar {
    let target = if is_quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(bytes), target);
    let template = "{prefix} {bar:24} {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left";
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
    pub(super) inner: R,
    pub(super) bar: ProgressBar,
    pub(super) stop: Stop,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_asked() {
            return Err(io::Error::other(STOPPED));
        }
        let read = self.inner.read(into)?;
        self.bar.inc(read as u64);
        Ok(read)
    }
}
