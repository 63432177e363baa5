//! HTTP/1.1 as far as a bench needs it: requests are read whole, answers written at once. No library, so that little runs beside what is
//! measured.

use std::io::{BufRead as _, BufReader, Error, ErrorKind, Read, Result, Write};

/// The most bytes of a body. Nobody here sends more.
const BODY_LIMIT_BYTES: usize = 16 << 20;

/// A request, read to its end.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Its size as it was sent, without TLS.
    pub(crate) bytes: usize,
}

impl Request {
    /// Reads the next request; `None` where the connection has ended.
    pub(crate) fn read<S: Read + Write>(stream: &mut BufReader<S>) -> Result<Option<Self>> {
        let mut request = Self::default();
        let first = request.line(stream)?;
        if first.is_empty() {
            return Ok(None);
        }
        let mut words = first.split_ascii_whitespace();
        words.next().unwrap_or_default().clone_into(&mut request.method);
        words.next().unwrap_or_default().clone_into(&mut request.path);
        loop {
            let line = request.line(stream)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if request.header("expect").is_some() {
            stream.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        if request.header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
            loop {
                let line = request.line(stream)?;
                let size = line.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
                request.take(stream, size)?;
                request.line(stream)?;
                if size == 0 {
                    break;
                }
            }
        } else if let Some(length) = request.header("content-length") {
            let length = length.parse().map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
            request.take(stream, length)?;
        }
        Ok(Some(request))
    }

    /// Returns a header by its name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    fn line<S: Read>(&mut self, stream: &mut BufReader<S>) -> Result<String> {
        let mut line = String::new();
        self.bytes += stream.read_line(&mut line)?;
        Ok(line)
    }

    fn take<S: Read>(&mut self, stream: &mut BufReader<S>, bytes: usize) -> Result<()> {
        let start = self.body.len();
        if start + bytes > BODY_LIMIT_BYTES {
            return Err(Error::new(ErrorKind::InvalidData, "the body is too long"));
        }
        self.body.resize(start + bytes, 0);
        self.bytes += bytes;
        stream.read_exact(&mut self.body[start..])
    }
}

/// Writes an answer in one piece; returns its size.
pub(crate) fn answer<S: Write>(stream: &mut S, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Result<usize> {
    let mut text = format!("HTTP/1.1 {status} {}\r\ncontent-length: {}\r\n", if status < 300 { "OK" } else { "Error" }, body.len());
    for (name, value) in headers {
        text.push_str(name);
        text.push_str(": ");
        text.push_str(value);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    stream.write_all(&bytes)?;
    stream.flush()?;
    Ok(bytes.len())
}
