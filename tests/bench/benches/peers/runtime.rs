//! The Lambda Runtime API for one process: hands out events, and says when each was answered.

use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::wire::{self, Request};

/// What a function may take for an event, as it is told.
const TIME_OUT: Duration = Duration::from_mins(1);

/// What the function did.
#[derive(Debug)]
pub(crate) enum Report {
    /// It asked for an event.
    Polled(Instant),
    /// It was handed one.
    Handed(Instant),
    /// It answered it.
    Answered(Instant),
    /// It said that it failed.
    Failed(String),
}

/// The Runtime API; ends when dropped.
pub(crate) struct RuntimeApi {
    /// `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) address: String,
    events: Sender<Vec<u8>>,
    pub(crate) reports: Receiver<Report>,
    is_over: Arc<AtomicBool>,
}

#[derive(Clone)]
struct Desk {
    events: Arc<Mutex<Receiver<Vec<u8>>>>,
    reports: Sender<Report>,
}

impl RuntimeApi {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let (events, to_hand_out) = channel();
        let (sender, reports) = channel();
        let desk = Desk { events: Arc::new(Mutex::new(to_hand_out)), reports: sender };
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = is_over.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let desk = desk.clone();
                // A connection that breaks off is the end of the process, which the other side notices.
                std::thread::spawn(move || desk.serve(stream).ok());
            }
        });
        Self { address, events, reports, is_over }
    }

    /// Hands out an event at the next poll.
    pub(crate) fn give(&self, event: &[u8]) {
        self.events.send(event.to_vec()).expect("the desk is open");
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        TcpStream::connect(&self.address).ok();
    }
}

impl Desk {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        while let Some(request) = Request::read(&mut stream)? {
            let now = Instant::now();
            let stream = stream.get_mut();
            if request.method == "GET" && request.path.ends_with("/invocation/next") {
                self.report(Report::Polled(now));
                let Ok(event) = self.events.lock().expect("no thread panics").recv() else { return Ok(()) };
                let deadline = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970") + TIME_OUT;
                let deadline = deadline.as_millis().to_string();
                let headers = [
                    ("content-type", "application/json"),
                    ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
                    ("lambda-runtime-deadline-ms", &deadline),
                    ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:111122223333:function:bench"),
                    ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0"),
                ];
                self.report(Report::Handed(Instant::now()));
                wire::answer(stream, 200, &headers, &event)?;
                continue;
            }
            if request.path.ends_with("/response") {
                self.report(Report::Answered(now));
            } else {
                let said = String::from_utf8_lossy(&request.body);
                self.report(Report::Failed(format!("it reports at `{}`: {said}", request.path)));
            }
            wire::answer(stream, 202, &[], b"")?;
        }
        Ok(())
    }

    fn report(&self, report: Report) {
        // Where nobody listens any more, the measure is over.
        self.reports.send(report).ok();
    }
}
