//! What a seal says of one object, worked out from its bytes.

use std::io::{BufRead as _, BufReader, Read as _};

use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::hash::Hash;
use super::head::{or_none, plain};
use super::tree::Frontier;

/// The most bytes that are inflated of one object. What is larger has no records, so that a small file cannot stop sealing by what is
/// packed into it.
pub const MAX_INFLATED_BYTES: u64 = 256 << 20;
/// The most records of one object, for the same reason.
pub const MAX_RECORDS: u64 = 4 << 20;

/// What a seal says of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedObject {
    /// Its name in the archive.
    pub name: String,
    /// The SHA-256 of its bytes, as they are stored.
    pub sha256: Hash,
    /// Its size in bytes, as stored.
    pub size_bytes: u64,
    /// How many records it holds: the lines of a `.json.gz`, one of a `.json`, none of anything else.
    pub records: u64,
    /// The root of the tree over its records; none where there are none.
    pub records_root: Option<Hash>,
}

impl SealedObject {
    /// Looks at an object.
    #[must_use]
    pub fn measure(name: &str, bytes: &[u8]) -> Self {
        let tree = match Form::of(name) {
            Form::One => one(bytes),
            Form::Lines => lines(bytes, MAX_INFLATED_BYTES, MAX_RECORDS).unwrap_or_default(),
            Form::Opaque => Frontier::default(),
        };
        Self {
            name: name.to_owned(),
            sha256: Hash::of(bytes),
            size_bytes: bytes.len() as u64,
            records: tree.len(),
            records_root: (!tree.is_empty()).then(|| tree.root()),
        }
    }

    /// Returns its leaf in the tree of a seal: six lines, each ended by a line feed.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { name, sha256, size_bytes, records, records_root } = self;
        let (name, records_root) = (plain(name), or_none(records_root.as_ref()));
        format!("reprieve-object\nname:{name}\nsha256:{sha256}\nsize:{size_bytes}\nrecords:{records}\nrecords-root:{records_root}\n")
    }
}

/// Returns the records of an object, as bytes. None where it holds none, or cannot be inflated.
#[must_use]
pub fn records(name: &str, bytes: &[u8]) -> Vec<Vec<u8>> {
    match Form::of(name) {
        Form::One => vec![bytes.to_vec()],
        // The same objects have records here as in `measure`.
        Form::Lines if lines(bytes, MAX_INFLATED_BYTES, MAX_RECORDS).is_some() => {
            BufReader::new(MultiGzDecoder::new(bytes)).split(b'\n').map_while(Result::ok).collect()
        }
        Form::Lines | Form::Opaque => Vec::new(),
    }
}

/// What an object's name says of its records.
enum Form {
    One,
    Lines,
    Opaque,
}

impl Form {
    fn of(name: &str) -> Self {
        if name.strip_suffix(".json.gz").is_some() {
            Self::Lines
        } else if name.strip_suffix(".json").is_some() {
            Self::One
        } else {
            Self::Opaque
        }
    }
}

fn one(bytes: &[u8]) -> Frontier {
    let mut tree = Frontier::default();
    tree.push(Frontier::leaf().chain_update(bytes));
    tree
}

/// Inflates piece by piece. `None` where it cannot be inflated, or is too large.
fn lines(bytes: &[u8], max_bytes: u64, max_records: u64) -> Option<Frontier> {
    let mut inflated = BufReader::with_capacity(64 << 10, MultiGzDecoder::new(bytes).take(max_bytes.saturating_add(1)));
    let (mut tree, mut leaf, mut is_open, mut size) = (Frontier::default(), Frontier::leaf(), false, 0);
    loop {
        let piece = inflated.fill_buf().ok()?;
        if piece.is_empty() {
            break;
        }
        let length = piece.len();
        size += length as u64;
        if size > max_bytes || tree.len() > max_records {
            return None;
        }
        is_open = piece.last() != Some(&b'\n');
        let mut parts = piece.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            leaf.update(part);
            if parts.peek().is_some() {
                tree.push(std::mem::replace(&mut leaf, Frontier::leaf()));
            }
        }
        inflated.consume(length);
    }
    if is_open {
        tree.push(leaf);
    }
    (tree.len() <= max_records).then_some(tree)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn what_is_packed_too_tightly_has_no_records() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&b"{}\n".repeat(100_000)).unwrap();
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < 1_000);
        let count = |max_bytes, max_records| lines(&bomb, max_bytes, max_records).map(|tree| tree.len());
        assert_eq!(count(300_000, 100_000), Some(100_000));
        assert_eq!(count(299_999, 100_000), None);
        assert_eq!(count(300_000, 99_999), None);
    }
}
