//! The bytes of a file as they come, some at a time: the next ones can be looked at before they are taken, however few came at once.

use std::io::{self, BufRead, Read};

/// Bytes that are read at once.
const READ_BYTES: usize = 32 * 1024;

/// Reads a file, and counts what is read of it.
#[derive(Debug)]
pub(crate) struct Input<R> {
    inner: R,
    buffer: Box<[u8]>,
    /// What was read and not taken stands in the buffer from here,
    from: usize,
    /// up to here.
    until: usize,
    bytes: u64,
}

impl<R: Read> Input<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, buffer: vec![0; READ_BYTES].into_boxed_slice(), from: 0, until: 0, bytes: 0 }
    }

    /// Returns how many bytes were read so far.
    pub(crate) const fn bytes_in(&self) -> u64 {
        self.bytes
    }

    /// Returns what comes next, without taking it: so many bytes at least, which the buffer holds, unless the file ends before.
    pub(crate) fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.until - self.from < count {
            if self.from > 0 {
                self.buffer.copy_within(self.from..self.until, 0);
                (self.from, self.until) = (0, self.until - self.from);
            }
            match self.read_on() {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.next())
    }

    fn next(&self) -> &[u8] {
        self.buffer.get(self.from..self.until).unwrap_or_default()
    }

    /// Reads once, behind what is in the buffer.
    fn read_on(&mut self) -> io::Result<usize> {
        let read = self.inner.read(self.buffer.get_mut(self.until..).unwrap_or_default())?;
        self.until += read;
        self.bytes += read as u64;
        Ok(read)
    }
}

impl<R: Read> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.from == self.until {
            (self.from, self.until) = (0, 0);
            self.read_on()?;
        }
        Ok(self.next())
    }

    fn consume(&mut self, amount: usize) {
        self.from = self.until.min(self.from + amount);
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // What is as large as the buffer need not go through it.
        if self.from == self.until && into.len() >= self.buffer.len() {
            let read = self.inner.read(into)?;
            self.bytes += read as u64;
            return Ok(read);
        }
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}
