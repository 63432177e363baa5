//! What can go wrong while the local cloud starts or is controlled, said for the person who runs it.

use std::path::PathBuf;

/// Describes why the local cloud could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LocalCloudError {
    /// A program could not be started at all.
    #[error("cannot run `{program}`: install it or put it on the PATH")]
    Run {
        /// The program as it was called.
        program: String,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The Python environment of the emulator could not be made.
    #[error("`{command}` failed: {output}")]
    Install {
        /// The command line.
        command: String,
        /// The end of what it printed.
        output: String,
    },
    /// A file or folder could not be read or written.
    #[error("cannot use `{path}`")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// No port of the loopback interface could be bound.
    #[error("cannot listen on 127.0.0.1")]
    Listen(#[source] std::io::Error),
    /// The emulator ended or stayed silent instead of serving.
    #[error("the emulator did not come up within {waited_s} s; the end of `{log}` says: {tail}")]
    NotReady {
        /// How long was waited, in seconds.
        waited_s: u64,
        /// The emulator's log.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// The emulator could not be reached, or answered something else than it should.
    #[error("the emulator answered `{request}` with: {problem}")]
    Emulator {
        /// What was asked.
        request: String,
        /// What came back, or why nothing did.
        problem: String,
    },
    /// A control call was given something that it cannot use.
    #[error("{0}")]
    Control(String),
}
