//! Where the demo is shown.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

/// Prints a line; colours only where they are wanted.
pub(crate) fn say(line: &str) -> Result<()> {
    Ok(writeln!(anstream::stdout(), "{line}")?)
}

/// Where the demo is shown.
pub(crate) struct Screen {
    pub(crate) width: usize,
    is_terminal: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let is_terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
        let size = terminal_size::terminal_size().filter(|_| is_terminal);
        let width = size.map_or(100, |(width, _)| usize::from(width.0));
        Self { width: width.clamp(30, 110), is_terminal }
    }

    pub(crate) fn spinner(&self) -> ProgressBar {
        if !self.is_terminal {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new_spinner();
        // A template that cannot be read would show the default.
        if let Ok(style) = ProgressStyle::with_template("  {spinner:.cyan} {elapsed} {wide_msg:.dim}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }
}
