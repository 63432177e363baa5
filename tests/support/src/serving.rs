//! A function that listens: starts the real binary, posts to it, and keeps what it answers and what it writes.
//!
//! The caller says which variables lead it to a cloud; where that is a port on which nothing listens, whatever it calls fails at once.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::lambda::readers;

/// How long the binary may take to listen, and for each answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a binary came to.
#[derive(Debug)]
pub struct Served {
    /// What it answered to each request: status line, headers and body.
    pub answers: Vec<String>,
    /// What it wrote to standard output and standard error.
    pub written: String,
}

/// One request: the path, headers beyond those of every request, and the body.
pub type Posted<'a> = (&'a str, &'a [(&'a str, &'a str)], String);

/// Starts a binary with these variables, of which `port` names the one for the port, and posts to it.
///
/// # Panics
/// Where the binary cannot be started, does not listen, or does not answer in time.
pub fn posted_to(binary: &str, port: &str, variables: &[(&str, &str)], requests: &[Posted<'_>]) -> Served {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).expect("a port is free").port();
    let mut command = Command::new(binary);
    command.env_clear().envs(variables.iter().copied()).env(port, free.to_string());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary can be started");
    let readers = readers(&mut child);
    let is_up = listens(free);
    let answers = if is_up { requests.iter().map(|request| answer(free, request)).collect() } else { Vec::new() };
    child.kill().expect("the binary is ours");
    child.wait().expect("the binary is ours");
    let written: String = readers.into_iter().map(|reader| reader.join().expect("a reader ends")).collect();
    assert!(is_up, "the binary does not listen: {written}");
    Served { answers, written }
}

fn listens(port: u16) -> bool {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

fn answer(port: u16, (path, headers, body): &Posted<'_>) -> String {
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the binary listens");
    connection.set_read_timeout(Some(PATIENCE)).expect("a connection can wait");
    let more = headers.iter().fold(String::new(), |more, (name, value)| more + name + ": " + value + "\r\n");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{more}Connection: close\r\n\r\n",
        body.len()
    );
    // What is too large is answered before all of it is read, and the rest of it is not taken.
    connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body.as_bytes())).ok();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).ok();
    String::from_utf8_lossy(&answer).into_owned()
}
