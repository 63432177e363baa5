//! The bytes of a log file, inflated where they are gz: as many members as there are, told by the first bytes and not by a name.
//!
//! A file that breaks off or is damaged gives all that comes before, and then says so.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;

use crate::input::Input;

/// By so many bytes at most it is told what something is.
const TELLING_BYTES: usize = 4;

/// Says why a file was not read to its end, or not at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The gz stream breaks off.
    #[error("the file breaks off in the middle of its gz stream; what comes before was read. Fetch it again")]
    CutShort,
    /// The gz stream is damaged.
    #[error("the gz stream is damaged ({0}); what comes before was read. Fetch it again")]
    Damaged(String),
    /// Bytes that are no gz follow a gz member.
    #[error("bytes that are no gz follow the gz stream; they were left out")]
    TrailingBytes,
    /// The file is packed in another way.
    #[error("the file is {0}, which is not read here: unpack it first")]
    Packed(&'static str),
    /// The file is text in UTF-16.
    #[error("the file is text in UTF-16: convert it to UTF-8, as with `iconv -f UTF-16 -t UTF-8`")]
    Utf16,
    /// Reading failed.
    #[error("reading failed: {0}")]
    Unreadable(String),
}

enum Stream<R: Read> {
    Plain(Input<R>),
    Gz(Box<GzDecoder<Input<R>>>),
    /// After so many bytes.
    Ended(u64),
}

/// A log file being read.
pub(crate) struct Source<R: Read> {
    stream: Stream<R>,
    /// Why it ended early, where it did.
    pub(crate) fault: Option<Fault>,
}

impl<R: Read> Source<R> {
    /// Looks at the first bytes.
    pub(crate) fn new(inner: R) -> Self {
        let mut input = Input::new(inner);
        let first = match input.peek(TELLING_BYTES) {
            Ok(bytes) => bytes,
            Err(error) => return Self { stream: Stream::Ended(input.bytes_in()), fault: Some(Fault::Unreadable(error.to_string())) },
        };
        let other = match first {
            [0x1f, 0x8b, ..] => return Self { stream: Stream::Gz(Box::new(GzDecoder::new(input))), fault: None },
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Fault::Packed("packed with Zstandard"),
            [b'B', b'Z', b'h', ..] => Fault::Packed("packed with bzip2"),
            [0xfd, b'7', b'z', b'X', ..] => Fault::Packed("packed with xz"),
            [b'P', b'K', 3, 4, ..] => Fault::Packed("a zip archive"),
            [b'P', b'A', b'R', b'1', ..] => Fault::Packed("a Parquet table"),
            [b'O', b'b', b'j', 1, ..] => Fault::Packed("an Avro file"),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Fault::Utf16,
            _ => return Self { stream: Stream::Plain(input), fault: None },
        };
        Self { stream: Stream::Ended(input.bytes_in()), fault: Some(other) }
    }

    /// Fills as much of the buffer as there is input for; fewer bytes than fit mean the end.
    pub(crate) fn fill(&mut self, into: &mut [u8]) -> usize {
        let mut filled = 0;
        while let Some(free) = into.get_mut(filled..).filter(|free| !free.is_empty()) {
            match self.read(free) {
                0 => break,
                read => filled += read,
            }
        }
        filled
    }

    /// Returns how many bytes of the file were read so far, as they lie on disk.
    pub(crate) fn bytes_in(&self) -> u64 {
        match &self.stream {
            Stream::Plain(input) => input.bytes_in(),
            Stream::Gz(decoder) => decoder.get_ref().bytes_in(),
            Stream::Ended(bytes) => *bytes,
        }
    }

    fn read(&mut self, into: &mut [u8]) -> usize {
        loop {
            let read = match &mut self.stream {
                Stream::Plain(input) => input.read(into),
                Stream::Gz(decoder) => decoder.read(into),
                Stream::Ended(_) => return 0,
            };
            match read {
                Ok(0) => self.next_member(),
                Ok(read) => return read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.end(fault_of(&error)),
            }
        }
    }

    /// Goes on with the gz member that follows, where one does.
    fn next_member(&mut self) {
        let ended = Stream::Ended(self.bytes_in());
        let Stream::Gz(decoder) = std::mem::replace(&mut self.stream, ended) else { return };
        let mut input = decoder.into_inner();
        let fault = match input.peek(TELLING_BYTES) {
            Ok([0x1f, 0x8b, ..]) => {
                self.stream = Stream::Gz(Box::new(GzDecoder::new(input)));
                return;
            }
            // Some writers fill up their last block with zeros.
            Ok(bytes) if bytes.iter().all(|byte| *byte == 0) => None,
            Ok(_) => Some(Fault::TrailingBytes),
            Err(error) => Some(fault_of(&error)),
        };
        self.stream = Stream::Ended(input.bytes_in());
        self.fault = fault.or(self.fault.take());
    }

    fn end(&mut self, fault: Fault) {
        self.stream = Stream::Ended(self.bytes_in());
        self.fault = Some(fault);
    }
}

fn fault_of(error: &io::Error) -> Fault {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        Fault::CutShort
    } else if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) {
        Fault::Damaged(error.to_string())
    } else {
        Fault::Unreadable(error.to_string())
    }
}
