//! A function as a process of its own: started, fed, and asked of the kernel what it took.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use crate::event::{REGION, Scheduled};
use crate::functions::{Expected, Function};
use crate::runtime::{Report, RuntimeApi};
use crate::stub::{KeyState, Stub, Trace};

/// How long one answer may take; a function under a quota starts for seconds.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long after its next poll a function is left alone before it is asked what it took: the kernel then has counted all of it.
const SETTLES: Duration = Duration::from_millis(15);

/// A running function.
pub(crate) struct Running<'a> {
    function: &'a Function,
    stub: &'a Stub,
    api: RuntimeApi,
    child: Child,
    log: PathBuf,
    started: Instant,
    /// When it first asked for an event.
    first_poll: Option<Instant>,
}

/// How one event was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    /// When the event was handed out, and when it was answered.
    pub(crate) handed: Instant,
    pub(crate) done: Instant,
    pub(crate) trace: Trace,
}

impl Answered {
    /// From the event being handed out to its answer.
    pub(crate) fn wait_milliseconds(&self) -> f64 {
        milliseconds(self.done - self.handed)
    }

    /// From the event being handed out to the key being usable.
    pub(crate) fn usable_milliseconds(&self) -> Option<f64> {
        self.trace.usable.map(|(at, _)| milliseconds(at - self.handed))
    }
}

/// What the kernel says of a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu_milliseconds: f64,
    pub(crate) peak_kib: u64,
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

impl<'a> Running<'a> {
    /// Starts the function, under a quota of processor time where there is one.
    pub(crate) fn start(function: &'a Function, stub: &'a Stub, folder: &Path, quota: Option<&Path>) -> Self {
        let api = RuntimeApi::start();
        let log = folder.join(format!("{}.log", function.name.replace(' ', "-")));
        let mut command = match quota {
            None => Command::new(&function.program),
            Some(processes) => {
                let mut command = Command::new("/bin/sh");
                command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(processes).arg(&function.program);
                command
            }
        };
        let output = File::create(&log).expect("room for a log");
        command
            .args(&function.arguments)
            .env_clear()
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", api.address.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/21/[1]bench"),
                ("AWS_REGION", REGION),
                ("AWS_DEFAULT_REGION", REGION),
                ("AWS_ACCESS_KEY_ID", "ASIAEXAMPLEEXAMPLE12"),
                ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjEXAMPLE"),
                ("AWS_ENDPOINT_URL", stub.url.as_str()),
                ("LANG", "en_US.UTF-8"),
                ("TZ", ":UTC"),
            ])
            .envs(function.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&function.folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a file can be shared"))
            .stderr(output);
        let started = Instant::now();
        let child = command.spawn().unwrap_or_else(|error| panic!("{} does not start: {error}", function.name));
        Self { function, stub, api, child, log, started, first_poll: None }
    }

    /// Prepares an event and hands it out at the next poll; waits until it is answered and asked for the next, and checks what was done.
    pub(crate) fn answer(&mut self, scheduled: &Scheduled) -> Result<Answered, String> {
        self.stub.schedule(scheduled);
        self.api.give(&scheduled.event);
        let (mut handed, mut answered) = (None, None);
        loop {
            match self.report()? {
                Report::Polled(at) => {
                    self.first_poll.get_or_insert(at);
                    if let (Some(handed), Some(answered)) = (handed, answered) {
                        let trace = self.check(scheduled)?;
                        return Ok(Answered { handed, done: answered, trace });
                    }
                }
                Report::Handed(at) => handed = Some(at),
                Report::Answered(at) => answered = Some(at),
                Report::Failed(what) => return Err(self.wrong(&what)),
            }
        }
    }

    fn report(&mut self) -> Result<Report, String> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.api.reports.recv_timeout(Duration::from_millis(250)) {
                Ok(report) => return Ok(report),
                Err(RecvTimeoutError::Timeout) if Instant::now() < until => {
                    if let Ok(Some(status)) = self.child.try_wait() {
                        return Err(self.wrong(&format!("it ended: {status}")));
                    }
                }
                Err(_) => return Err(self.wrong(&format!("no answer within {PATIENCE:?}"))),
            }
        }
    }

    /// What it says when something is wrong, with the end of its log.
    fn wrong(&self, what: &str) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n    ");
        let faults = self.stub.world().faults.join("; ");
        format!("{what}\n    the stub could not answer: {faults}\n    its log ends: {end}")
    }

    /// Looks at the key, and at who was told.
    fn check(&self, scheduled: &Scheduled) -> Result<Trace, String> {
        let (key, trace) = {
            let world = self.stub.world();
            (world.keys.get(&scheduled.key_id).copied().expect("the key was made"), world.trace.clone())
        };
        let is_told = trace.notices.iter().any(|notice| notice.contains(&scheduled.key_id));
        let wrong = match self.function.expected {
            Expected::Restored { .. } if key.state != KeyState::Enabled => Some(format!("the key is {}", key.state.name())),
            Expected::Restored { .. } if !is_told => Some("nobody was told".to_owned()),
            Expected::Restored { records } if trace.objects.len() != records => {
                Some(format!("{} records were kept, and not {records}", trace.objects.len()))
            }
            Expected::Tagged if !key.is_tagged => Some("the key was not tagged".to_owned()),
            Expected::Restored { .. } | Expected::Tagged => None,
        };
        match wrong {
            Some(wrong) => Err(self.wrong(&format!("{wrong}; it called {:?}", trace.calls))),
            None => Ok(trace),
        }
    }

    /// From its start to its first poll, and to the answer.
    pub(crate) fn since_start(&self, answered: &Answered) -> (f64, f64) {
        let poll = self.first_poll.expect("it answered, so it polled");
        (milliseconds(poll - self.started), milliseconds(answered.done - self.started))
    }

    /// Asks the kernel what the process took so far.
    pub(crate) fn usage(&self) -> Usage {
        std::thread::sleep(SETTLES);
        let id = self.child.id();
        let tasks = std::fs::read_dir(format!("/proc/{id}/task")).expect("the process runs, and /proc tells of it");
        let nanoseconds: u64 = tasks
            .flatten()
            .filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok()?.split_whitespace().next()?.parse::<u64>().ok())
            .sum();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("the process runs");
        let peak =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        assert!(nanoseconds > 0, "the kernel counts no processor time by thread (CONFIG_SCHED_INFO)");
        Usage { cpu_milliseconds: Duration::from_nanos(nanoseconds).as_secs_f64() * 1e3, peak_kib: peak.expect("/proc tells the peak") }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
