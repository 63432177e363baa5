//! Ctrl-C: the first ends the reading, so that what was read is told; the second ends the process, and leaves no temporary folder behind.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use super::INTERRUPTED;

/// Says whether somebody pressed Ctrl-C.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    is_asked: AtomicBool,
    /// A folder that has to go, however the process ends.
    folder: Mutex<Option<PathBuf>>,
}

impl Stop {
    /// Waits for Ctrl-C from now on.
    ///
    /// # Errors
    /// When the process cannot wait for it.
    pub(super) fn on_interrupt() -> std::io::Result<Self> {
        let stop = Self::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (ready, is_ready) = mpsc::channel();
        let waiting = stop.clone();
        std::thread::Builder::new().name("ctrl-c".to_owned()).spawn(move || runtime.block_on(waiting.wait(ready)))?;
        is_ready.recv().map_err(std::io::Error::other)?;
        Ok(stop)
    }

    async fn wait(self, ready: mpsc::Sender<()>) {
        let mut first = pin!(tokio::signal::ctrl_c());
        // Looked at once, it waits; before that, Ctrl-C would end the process.
        let seen = futures_util::poll!(&mut first);
        ready.send(()).ok();
        if seen.is_pending() {
            first.await.ok();
        }
        self.shared.is_asked.store(true, Ordering::Relaxed);
        if tokio::signal::ctrl_c().await.is_ok() {
            self.remove_folder();
            // Whoever presses it twice wants no more of it.
            std::process::exit(i32::from(INTERRUPTED));
        }
    }

    /// Says whether it was pressed.
    pub(super) fn is_asked(&self) -> bool {
        self.shared.is_asked.load(Ordering::Relaxed)
    }

    /// Has a folder removed where the process is ended.
    pub(super) fn remove_at_end(&self, folder: PathBuf) {
        *self.shared.folder.lock().unwrap_or_else(PoisonError::into_inner) = Some(folder);
    }

    fn remove_folder(&self) {
        if let Some(folder) = self.shared.folder.lock().unwrap_or_else(PoisonError::into_inner).take() {
            std::fs::remove_dir_all(folder).ok();
        }
    }
}
