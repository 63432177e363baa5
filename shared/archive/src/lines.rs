//! Entries as gz JSON lines of OCSF, and back.

use std::io::{self, BufWriter, Read as _, Write as _};

use flate2::read::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use reprieve_core::AuditEvent;
use reprieve_wire::ocsf::{self, Read};
use serde_json::Value;

/// Level 6 halves what level 1 leaves, for half a millisecond for a thousand entries.
const LEVEL: Compression = Compression::new(6);
/// The most that an object holds when inflated: ten times what the largest portion comes to.
const MOST_INFLATED_BYTES: u64 = 128 << 20;
/// Bytes that are compressed at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// Writes entries, one in a line. The same entries give the same bytes: there is no time and no name in the header.
pub(crate) fn write<'a>(entries: impl Iterator<Item = &'a AuditEvent>) -> io::Result<Vec<u8>> {
    let encoder = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), LEVEL);
    // Each write to the encoder costs as much as thousands of bytes do.
    let mut lines = BufWriter::with_capacity(BUFFER_BYTES, encoder);
    for entry in entries {
        serde_json::to_writer(&mut lines, &ocsf::audit_json(entry))?;
        lines.write_all(b"\n")?;
    }
    lines.into_inner()?.finish()
}

/// Reads the entries of an object of JSON lines.
///
/// # Errors
/// When it is no gz, or larger than any that is written, or a line is no entry; the line is named, from 1.
pub fn read_lines(bytes: &[u8]) -> Result<Vec<AuditEvent>, String> {
    let text = inflated(bytes, MOST_INFLATED_BYTES)?;
    let mut entries = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let told = |why: String| format!("line {}: {why}", index + 1);
        let value: Value = serde_json::from_str(line).map_err(|error| told(error.to_string()))?;
        match ocsf::read(&value).map_err(|error| told(error.to_string()))? {
            Read::Entry(entry) => entries.push(*entry),
            Read::Decision(_) | Read::Finding(_) | Read::Posture(_) => return Err(told("it is no entry of a log".to_owned())),
        }
    }
    Ok(entries)
}

/// Inflates no more than is allowed.
fn inflated(bytes: &[u8], most: u64) -> Result<String, String> {
    let mut text = String::new();
    MultiGzDecoder::new(bytes).take(most + 1).read_to_string(&mut text).map_err(|error| format!("it is no gz of text: {error}"))?;
    if text.len() as u64 > most {
        Err(format!("it inflates to more than {most} bytes, and no object of an archive does"))
    } else {
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Threat B13: an object that somebody put into the archive, and that inflates without end, is named before memory is full of it.
    #[test]
    fn an_object_that_inflates_without_end_is_refused() {
        let mut packed = GzBuilder::new().write(Vec::new(), LEVEL);
        packed.write_all(&vec![b'\n'; 100_000]).unwrap();
        let packed = packed.finish().unwrap();
        assert!(packed.len() < 1_000);
        assert_eq!(inflated(&packed, 100_000).unwrap().len(), 100_000);
        assert_eq!(inflated(&packed, 99_999).unwrap_err(), "it inflates to more than 99999 bytes, and no object of an archive does");
    }
}
