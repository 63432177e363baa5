//! Cold start, side by side: from `exec` to the first `/next` of the Lambda Runtime API, and the memory at that moment.
//!
//! The guard and a function that does nothing are built with the release profile and started in turns against a Runtime API on
//! loopback that never hands out an event. What counts is the ratio in one run. No AWS is reached: the warm-up of connections
//! meets a local server that answers 404.
//!
//! `cargo bench -p reprieve-bench --bench cold_start`

#![allow(
    clippy::print_stdout,
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench prints, and stops on the first surprise"
)]

mod built;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Starts of each function. Odd, so that the median is one of them.
const STARTS: usize = 31;
/// How long a function may take to poll.
const PATIENCE: Duration = Duration::from_secs(10);

struct Start {
    milliseconds: f64,
    peak_kib: u64,
}

fn main() {
    let package = "aws-cancel-key-deletion";
    let functions = [
        ("guard", built::executable(package, &["--bins"], package)),
        ("hello", built::executable(package, &["--examples"], "hello_function")),
    ];
    let (address, polls) = runtime_api();
    let mut starts: [Vec<Start>; 2] = [Vec::new(), Vec::new()];
    for round in 0..=STARTS {
        for ((_, path), starts) in functions.iter().zip(&mut starts) {
            let start = measure(path, &address, &polls);
            if round > 0 {
                starts.push(start); // The first round fills the page cache.
            }
        }
    }
    println!("{:<7} {:>12} {:>12} {:>12} {:>12}", "", "start ms", "best ms", "peak MiB", "binary MiB");
    let mut medians = Vec::new();
    for ((name, path), starts) in functions.iter().zip(&mut starts) {
        starts.sort_by(|a, b| a.milliseconds.total_cmp(&b.milliseconds));
        let median = starts.get(STARTS / 2).expect("a median").milliseconds;
        let best = starts.first().expect("a best").milliseconds;
        let peak = starts.iter().map(|start| start.peak_kib).max().expect("a peak");
        println!(
            "{name:<7} {median:>12.2} {best:>12.2} {:>12.1} {:>12.1}",
            mib(peak * 1024),
            mib(std::fs::metadata(path).expect("a binary").len())
        );
        medians.push(median);
    }
    if let [guard, hello] = medians.as_slice() {
        println!("guard / hello: {:.2} x (promised: at most 3)", guard / hello);
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn measure(path: &Path, address: &str, polls: &Receiver<Instant>) -> Start {
    while polls.try_recv().is_ok() {}
    let started = Instant::now();
    let mut child = spawn(path, address);
    let polled = polls.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{} did not poll within {PATIENCE:?}", path.display()));
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    child.kill().expect("the function can be stopped");
    child.wait().expect("the function ends");
    Start { milliseconds: polled.duration_since(started).as_secs_f64() * 1e3, peak_kib: peak.expect("/proc tells the peak memory") }
}

fn spawn(path: &Path, address: &str) -> Child {
    let variables = [
        ("AWS_LAMBDA_RUNTIME_API", address),
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("REPRIEVE_LEDGER_TABLE", "ledger"),
        ("REPRIEVE_AUDIT_BUCKET", "audit"),
        ("REPRIEVE_NOTICE_TOPIC_ARN", "arn:aws:sns:eu-central-1:111122223333:notices"),
        ("REPRIEVE_REMEDIATOR_ROLE_ARN", "arn:aws:iam::111122223333:role/guard"),
    ];
    let endpoint = format!("http://{address}");
    Command::new(path)
        .env_clear()
        .envs(variables)
        .env("AWS_ENDPOINT_URL", endpoint)
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", path.display()))
}

/// Serves a Runtime API that never hands out an event; tells when each poll arrived.
fn runtime_api() -> (String, Receiver<Instant>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let (polled, polls) = channel();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let polled = polled.clone();
            std::thread::spawn(move || serve(connection, &polled));
        }
    });
    (address, polls)
}

fn serve(mut connection: TcpStream, polled: &std::sync::mpsc::Sender<Instant>) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = connection.read(&mut buffer) {
        request.extend(buffer.iter().take(read));
        if !request.windows(4).any(|window| window == b"\r\n\r\n") {
            continue;
        }
        if request.starts_with(b"GET /2018-06-01/runtime/invocation/next") {
            // Polled: the function is ready. It waits here until it is stopped.
            if polled.send(Instant::now()).is_err() {
                return;
            }
        } else if connection.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").is_err() {
            return;
        }
        request.clear();
    }
}
