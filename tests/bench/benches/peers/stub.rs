//! A stand-in for AWS on loopback, with TLS: one for each function, so that what is counted is its own.
//!
//! It keeps the state of keys as KMS does, takes what is written, and counts calls, bytes, connections and how many round trips lie in a
//! row. Each answer, and each connection, can be held up as a network would. A call that it does not know is an error, and is told.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::answers;
use crate::event::Scheduled;
use crate::wire::{self, Request};

/// The state of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyState {
    PendingDeletion,
    Disabled,
    Enabled,
}

/// A key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) state: KeyState,
    /// When it will be deleted, where it will.
    pub(crate) deletion_date: Timestamp,
    pub(crate) is_tagged: bool,
}

/// One call, as it was answered.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// As `service:Operation`.
    pub(crate) name: String,
    /// How many round trips lie in a row up to this one. Only meaningful where answers are held up.
    pub(crate) depth: usize,
}

/// What happened since the last event was prepared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    pub(crate) calls: Vec<Call>,
    /// When the key became usable again, and by the how-many-th round trip in a row.
    pub(crate) usable: Option<(Instant, usize)>,
    pub(crate) handshakes: usize,
    pub(crate) bytes_in: usize,
    pub(crate) bytes_out: usize,
    pub(crate) notices: Vec<String>,
    pub(crate) objects: Vec<String>,
    /// The greatest depth among the calls that were answered.
    answered_depth: usize,
}

/// What AWS would know.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) keys: BTreeMap<String, Key>,
    pub(crate) claims: BTreeSet<String>,
    pub(crate) trace: Trace,
    /// Calls that could not be answered.
    pub(crate) faults: Vec<String>,
    delay: Duration,
}

/// The stub; lives as long as the bench.
#[derive(Clone)]
pub(crate) struct Stub {
    /// `AWS_ENDPOINT_URL`.
    pub(crate) url: String,
    world: Arc<Mutex<World>>,
}

impl Stub {
    pub(crate) fn start(server: &Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("https://127.0.0.1:{}", listener.local_addr().expect("an address").port());
        let stub = Self { url, world: Arc::default() };
        let (accepting, server) = (stub.clone(), server.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (stub, server) = (accepting.clone(), server.clone());
                // A connection that breaks off is its client's end.
                std::thread::spawn(move || stub.serve(stream, server).ok());
            }
        });
        stub
    }

    /// Holds up every answer by this much, and every new connection by twice as much: one round trip of TCP, and one of TLS.
    pub(crate) fn hold_up(&self, delay: Duration) {
        self.world().delay = delay;
    }

    /// Schedules a key for deletion, and begins a new trace.
    pub(crate) fn schedule(&self, scheduled: &Scheduled) {
        let key = Key { state: KeyState::PendingDeletion, deletion_date: scheduled.deletion_date, is_tagged: false };
        let mut world = self.world();
        world.keys.insert(scheduled.key_id.clone(), key);
        world.trace = Trace::default();
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no thread panics while it holds the world")
    }

    fn serve(&self, stream: TcpStream, server: Arc<ServerConfig>) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let delay = self.world().delay;
        std::thread::sleep(delay * 2);
        let mut stream = StreamOwned::new(ServerConnection::new(server).map_err(std::io::Error::other)?, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        self.world().trace.handshakes += 1;
        let mut stream = BufReader::new(stream);
        while let Some(request) = Request::read(&mut stream)? {
            let (depth, delay) = {
                let world = self.world();
                (world.trace.answered_depth + 1, world.delay)
            };
            if !delay.is_zero() {
                std::thread::sleep(delay);
            }
            let mut world = self.world();
            let answered = answers::answer(&mut world, &request);
            let trace = &mut world.trace;
            trace.calls.push(Call { name: answered.call.clone(), depth });
            trace.answered_depth = trace.answered_depth.max(depth);
            trace.bytes_in += request.bytes;
            trace.bytes_out += answered.body.len();
            if answered.makes_usable {
                trace.usable = Some((Instant::now(), depth));
            }
            if answered.status == 400 || answered.status == 403 {
                let said = format!("{}: {}", answered.call, String::from_utf8_lossy(&answered.body));
                world.faults.push(said);
            }
            drop(world);
            let headers = [
                ("content-type", answered.content_type),
                ("x-amzn-requestid", "3a1f7c0e-5d8c-4f6b-9a57-0c1f2e3d4b5a"),
                ("date", "Sat, 21 Nov 2026 10:00:00 GMT"),
                ("etag", "\"0123456789abcdef0123456789abcdef\""),
            ];
            let headers = if answered.call.starts_with("s3:") { headers.as_slice() } else { headers.get(..3).expect("three") };
            wire::answer(stream.get_mut(), answered.status, headers, &answered.body)?;
        }
        Ok(())
    }
}
