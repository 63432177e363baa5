//! The emulator as a child process: started with an environment of its own, ended by its process id.
//!
//! The child reads its standard input and ends when that ends, so it cannot outlive us, however we end.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::LocalCloudError;

/// The launcher and the modules that it imports, by file name.
const SCRIPTS: [(&str, &str); 14] = [
    ("launch.py", include_str!("../emulator/launch.py")),
    ("alarms.py", include_str!("../emulator/alarms.py")),
    ("authorization.py", include_str!("../emulator/authorization.py")),
    ("decisions.py", include_str!("../emulator/decisions.py")),
    ("executions.py", include_str!("../emulator/executions.py")),
    ("maps.py", include_str!("../emulator/maps.py")),
    ("metrics.py", include_str!("../emulator/metrics.py")),
    ("queries.py", include_str!("../emulator/queries.py")),
    ("resources.py", include_str!("../emulator/resources.py")),
    ("restart.py", include_str!("../emulator/restart.py")),
    ("simulation.py", include_str!("../emulator/simulation.py")),
    ("topics.py", include_str!("../emulator/topics.py")),
    ("trails.py", include_str!("../emulator/trails.py")),
    ("unasked.py", include_str!("../emulator/unasked.py")),
];

/// How long a child may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_millis(1_500);

/// What the emulator is started with.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) interpreter: PathBuf,
    /// Folder for its state, logs and unpacked functions.
    pub(crate) folder: PathBuf,
    /// The address that functions call: the proxy.
    pub(crate) endpoint_url: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) enforce_iam: bool,
    pub(crate) timeout: Duration,
    /// The port of an emulator that saved its state and ended, to go on where it was; a new one takes any port.
    pub(crate) resumes_at: Option<u16>,
}

/// The running emulator.
#[derive(Debug)]
pub(crate) struct Emulator {
    child: Child,
    stdin: Option<ChildStdin>,
    pub(crate) port: u16,
    pub(crate) log: PathBuf,
}

impl Emulator {
    /// Starts the emulator and waits until it listens.
    pub(crate) fn launch(launch: &Launch) -> Result<Self, LocalCloudError> {
        let file = |path: &Path| {
            let path = path.to_owned();
            move |source| LocalCloudError::File { path, source }
        };
        let state = launch.folder.join("state");
        std::fs::create_dir_all(&state).map_err(file(&state))?;
        for (name, text) in SCRIPTS {
            let script = launch.folder.join(name);
            std::fs::write(&script, text).map_err(file(&script))?;
        }
        let log = launch.folder.join("emulator.log");
        let log_file = File::options().create(true).append(true).open(&log).map_err(file(&log))?;

        let mut command = Command::new(&launch.interpreter);
        command.arg(launch.folder.join("launch.py")).current_dir(&launch.folder).env_clear();
        for name in ["PATH", "HOME", "LANG", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_HOST", "127.0.0.1")
            .env("MINISTACK_ACCOUNT_ID", &launch.account)
            .env("MINISTACK_REGION", &launch.region)
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .env("CLOUDTRAIL_RECORDING", "1")
            .env("AUTH", if launch.enforce_iam { "true" } else { "false" })
            .env("STATE_DIR", &state)
            .env("TMPDIR", &state)
            .env("REPRIEVE_LAMBDA_LOGS", launch.folder.join("functions"))
            // Functions inherit what follows.
            .env("AWS_ENDPOINT_URL", &launch.endpoint_url)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file);
        if let Some(port) = launch.resumes_at {
            command.env("GATEWAY_PORT", port.to_string()).env("PERSIST_STATE", "1");
        }
        let mut child =
            command.spawn().map_err(|source| LocalCloudError::Run { program: launch.interpreter.display().to_string(), source })?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines()).map_while(Result::ok) {
                // Only the first line is waited for; the pipe is drained all the same.
                sender.send(line).ok();
            }
        });
        let mut emulator = Self { child, stdin, port: 0, log };
        match receiver.recv_timeout(launch.timeout).ok().as_deref().and_then(port_of) {
            Some(port) => emulator.port = port,
            None => return Err(emulator.not_ready(launch.timeout)),
        }
        Ok(emulator)
    }

    /// Tells whether the process still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Returns the process id.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Makes the error that says that the emulator did not come up, with the end of its log.
    pub(crate) fn not_ready(&self, waited: Duration) -> LocalCloudError {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let mut lines: Vec<&str> = text.lines().rev().filter(|line| !line.trim().is_empty()).take(5).collect();
        lines.reverse();
        LocalCloudError::NotReady { waited_s: waited.as_secs(), log: self.log.clone(), tail: lines.join(" / ") }
    }

    /// Ends the process: politely, then by its id.
    pub(crate) fn end(&mut self) {
        drop(self.stdin.take());
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if !self.is_running() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // An error means that it has ended meanwhile.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads the launcher's first line, `{"port": 4566}`.
fn port_of(line: &str) -> Option<u16> {
    let said: Value = serde_json::from_str(line).ok()?;
    said.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_the_first_line() {
        assert_eq!(port_of(r#"{"port": 4566}"#), Some(4566));
        assert_eq!(port_of(r#"{"port": 99999}"#), None);
        assert_eq!(port_of("Traceback"), None);
    }
}
