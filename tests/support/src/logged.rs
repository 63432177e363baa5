//! What is logged, as a function of the product logs it: a line of JSON each.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use crate::locked;

#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        locked(&self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Returns what comes of an act, and what it logs on this thread, at every level.
pub fn logged<T>(act: impl FnOnce() -> T) -> (T, String) {
    let log = Log::default();
    let lines = tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let result = tracing::subscriber::with_default(lines, act);
    let bytes = locked(&log.0).clone();
    (result, String::from_utf8(bytes).expect("the log is text"))
}
