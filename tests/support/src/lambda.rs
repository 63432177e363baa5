//! Lambda's side of a function: hands payloads to the real binary one by one, and keeps what it answers and what it writes.
//!
//! The binary has no way to any cloud but to a port on which nothing listens: whatever it calls fails at once, and says so in its log.
//! Nothing here lasts longer than [`PATIENCE`].

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::marked::{messages, shown, unreadable};

/// How long the binary may take for all payloads.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// How long it may take for one.
const INVOCATION_TAKES: Duration = Duration::from_secs(8);

/// What a function came to.
#[derive(Debug)]
pub struct Answered {
    /// What it answered to each payload: whether it succeeded, and the body.
    pub answers: Vec<(bool, String)>,
    /// What it wrote to standard output and standard error: its log and its metrics.
    pub written: String,
}

/// Runs the binary of a function with these variables, and has it answer the payloads in their order.
///
/// # Panics
/// Where the binary cannot be started, or does not answer all payloads in time.
pub fn answers_of(binary: &str, variables: &[(&str, &str)], payloads: &[String]) -> Answered {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("a listener has an address").to_string();
    let mut command = Command::new(binary);
    command.env_clear().envs(variables.iter().copied()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.envs([
        ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
        ("AWS_LAMBDA_FUNCTION_NAME", "reprieve"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "MARKED-SECRET-of-the-role"),
        ("AWS_SESSION_TOKEN", "MARKED-SECRET-of-the-session"),
    ]);
    let mut child = command.spawn().expect("the binary can be started");
    let readers = readers(&mut child);
    let answers = serve(&listener, payloads);
    child.kill().expect("the binary is ours");
    child.wait().expect("the binary is ours");
    let written = readers.into_iter().map(|reader| reader.join().expect("a reader ends")).collect();
    Answered { answers, written }
}

/// Hands the binary of a function marked secrets, in a batch and in what cannot be read, while every call of its fails. Demands that all of
/// it comes again, more than `failed` messages of the batch, and that nothing it wrote or answered shows a secret.
///
/// # Panics
/// Where that is not so.
pub fn shows_no_secret(binary: &str, variables: &[(&str, &str)], failed: usize) {
    let messages = messages("arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let mut payloads = vec![json!({ "Records": messages }).to_string()];
    // Lambda hands over JSON alone.
    payloads.extend(unreadable().into_iter().filter(|text| serde_json::from_str::<Value>(text).is_ok()));
    let answered = answers_of(binary, variables, &payloads);

    let (succeeded, failures) = answered.answers.first().expect("the batch was answered");
    let failures: Value = serde_json::from_str(failures).expect("an answer is JSON");
    let came_again = failures.pointer("/batchItemFailures").and_then(Value::as_array).map_or(0, Vec::len);
    // Nothing could be called: whatever was to be done, and whatever cannot be read, comes again.
    assert!(*succeeded && came_again > failed, "{failures}");
    assert!(answered.answers.iter().skip(1).all(|(succeeded, _)| !succeeded), "{:?}", answered.answers);
    assert!(answered.written.matches("could not be understood").count() >= 10, "{}", answered.written);
    let said = format!("{} {:?}", answered.written, answered.answers);
    assert_eq!(shown(&said), Vec::<&str>::new());
}

pub(crate) fn readers(child: &mut Child) -> Vec<thread::JoinHandle<String>> {
    let (out, errors) = (child.stdout.take(), child.stderr.take());
    let read = |mut from: Box<dyn std::io::Read + Send>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).expect("a pipe can be read");
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    vec![read(Box::new(out.expect("it is a pipe"))), read(Box::new(errors.expect("it is a pipe")))]
}

/// Hands out each payload once, and returns the answers.
fn serve(listener: &TcpListener, payloads: &[String]) -> Vec<(bool, String)> {
    let began = Instant::now();
    listener.set_nonblocking(true).expect("a listener can be told not to wait");
    let (mut handed_out, mut answers) = (0, Vec::new());
    while answers.len() < payloads.len() {
        assert!(began.elapsed() < PATIENCE, "{} of {} payloads were answered in time", answers.len(), payloads.len());
        match listener.accept() {
            Ok((connection, _)) => speak(connection, payloads, &mut handed_out, &mut answers),
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
    answers
}

/// Answers what is asked over one connection, until it is closed or all is answered.
fn speak(connection: TcpStream, payloads: &[String], handed_out: &mut usize, answers: &mut Vec<(bool, String)>) {
    connection.set_nonblocking(false).expect("a connection can wait");
    connection.set_read_timeout(Some(PATIENCE)).expect("a connection can wait");
    let mut writer = connection.try_clone().expect("a connection has two sides");
    let mut reader = BufReader::new(connection);
    while answers.len() < payloads.len() {
        let Some((line, body)) = request(&mut reader) else { return };
        if line.contains("/invocation/next") {
            let Some(payload) = payloads.get(*handed_out) else { return };
            *handed_out += 1;
            let deadline = SystemTime::now() + INVOCATION_TAKES;
            let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970").as_millis();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nLambda-Runtime-Aws-Request-Id: request-{handed_out}\r\nLambda-Runtime-Deadline-Ms: \
                 {deadline}\r\nLambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:111122223333:function:reprieve\r\n\r\n",
                payload.len()
            );
            writer.write_all(format!("{head}{payload}").as_bytes()).expect("the binary listens");
        } else {
            answers.push((line.contains("/response"), body));
            writer.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").expect("the binary listens");
        }
    }
}

/// Reads one request: its first line and its body. `None` where the connection was closed.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let (mut length, mut is_chunked) = (0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(written) = line.strip_prefix("content-length:") {
            length = written.trim().parse().ok()?;
        }
        is_chunked |= line == "transfer-encoding: chunked";
    }
    let mut body = Vec::new();
    if is_chunked {
        while let Some(chunk) = chunk(reader) {
            body.extend(chunk);
        }
    } else {
        body.resize(length, 0);
        reader.read_exact(&mut body).ok()?;
    }
    Some((first, String::from_utf8_lossy(&body).into_owned()))
}

/// Reads one piece of a body; `None` at its end.
fn chunk(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut size = String::new();
    reader.read_line(&mut size).ok()?;
    let size = usize::from_str_radix(size.trim(), 16).ok()?;
    let mut chunk = vec![0; size + 2];
    reader.read_exact(&mut chunk).ok()?;
    chunk.truncate(size);
    Some(chunk).filter(|chunk| !chunk.is_empty())
}
