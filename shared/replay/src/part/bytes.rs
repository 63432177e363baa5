//! A part as bytes: gz, and in it two items of CBOR, the format with its version, then what the part holds. The same part always comes to
//! the same bytes. What is read is checked: foreign, damaged or newer bytes are refused with what is wrong.

use std::collections::BTreeSet;
use std::io::{Cursor, Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use reprieve_scan::Counts;
use serde::{Deserialize, Serialize};

use super::{Gathered, Identities, Part, Problem};
use crate::act::Act;

const FORMAT: &str = "reprieve-replay";
const VERSION: u32 = 1;
/// The most bytes that a part has when inflated: far more than any that was written.
const MOST_BYTES: u64 = 1 << 30;

/// Why bytes are no part.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// They are of another kind, or damaged.
    #[error("these {length} bytes are no part of a replay: {message}; write it again with `reprieve replay --save FILE`")]
    Foreign {
        /// How many bytes there are.
        length: usize,
        /// What was found.
        message: String,
    },
    /// A newer version wrote them.
    #[error("the part is of version {found}, and this version of Reprieve reads {VERSION}: update Reprieve, or read the logs again")]
    Version {
        /// The version.
        found: u32,
    },
}

#[derive(Serialize, Deserialize)]
struct Head {
    format: String,
    version: u32,
}

/// What a part is written as. Nothing of it is copied.
#[derive(Serialize)]
struct Saving<'a> {
    files: u64,
    counts: [u64; 7],
    level: u32,
    #[serde(with = "digests")]
    identities: &'a [u64],
    acts: Vec<&'a Act>,
    problems: u64,
    named: &'a BTreeSet<Problem>,
}

/// The same, as it is read.
#[derive(Deserialize)]
struct Saved {
    files: u64,
    counts: [u64; 7],
    level: u32,
    #[serde(with = "digests")]
    identities: Vec<u64>,
    acts: Vec<Act>,
    problems: u64,
    named: Vec<Problem>,
}

impl Part {
    /// Returns the part as bytes.
    ///
    /// # Errors
    /// Never for what was read of a log: only where there is no memory left to write to.
    pub fn to_bytes(&self) -> std::io::Result<Vec<u8>> {
        let Counts { bytes_in, bytes_inflated, records, candidates, entries, not_ours, unreadable } = self.counts;
        let Gathered { files, acts, problems, named } = &self.gathered;
        let saving = Saving {
            files: *files,
            counts: [bytes_in, bytes_inflated, records, candidates, entries, not_ours, unreadable],
            level: self.identities.level(),
            identities: self.identities.kept(),
            acts: acts.values().collect(),
            problems: *problems,
            named,
        };
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        let head = Head { format: FORMAT.to_owned(), version: VERSION };
        ciborium::into_writer(&head, &mut gz).map_err(std::io::Error::other)?;
        ciborium::into_writer(&saving, &mut gz).map_err(std::io::Error::other)?;
        gz.flush()?;
        gz.finish()
    }

    /// Reads a part.
    ///
    /// # Errors
    /// When the bytes are no part, or of a newer version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PartError> {
        let foreign = |message: String| PartError::Foreign { length: bytes.len(), message };
        let mut rest = Cursor::new(inflated(bytes, MOST_BYTES).map_err(&foreign)?);
        let head: Head = ciborium::from_reader(&mut rest).map_err(|error| foreign(error.to_string()))?;
        if head.format != FORMAT {
            return Err(foreign(format!("they are `{}`", head.format)));
        }
        if head.version > VERSION {
            return Err(PartError::Version { found: head.version });
        }
        let saved: Saved = ciborium::from_reader(&mut rest).map_err(|error| foreign(error.to_string()))?;
        let [bytes_in, bytes_inflated, records, candidates, entries, not_ours, unreadable] = saved.counts;
        Ok(Self {
            gathered: Gathered::of(saved.files, saved.acts, saved.problems, saved.named),
            counts: Counts { bytes_in, bytes_inflated, records, candidates, entries, not_ours, unreadable },
            identities: Identities::of(saved.level, saved.identities),
        })
    }
}

/// Inflates no more than is allowed.
fn inflated(bytes: &[u8], most: u64) -> Result<Vec<u8>, String> {
    let mut inflated = Vec::new();
    GzDecoder::new(bytes).take(most.saturating_add(1)).read_to_end(&mut inflated).map_err(|error| error.to_string())?;
    if inflated.len() as u64 > most { Err(format!("they inflate to more than {most} bytes, and no part does")) } else { Ok(inflated) }
}

/// Digests as one item of bytes, eight each, the most significant first.
mod digests {
    use std::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(digests: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = digests.iter().flat_map(|digest| digest.to_be_bytes()).collect();
        serializer.serialize_bytes(&bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
        deserializer.deserialize_byte_buf(Digests)
    }

    struct Digests;

    impl Visitor<'_> for Digests {
        type Value = Vec<u64>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("digests of eight bytes each")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
            let (digests, rest) = bytes.as_chunks::<8>();
            if !rest.is_empty() {
                return Err(E::invalid_length(bytes.len(), &self));
            }
            Ok(digests.iter().map(|digest| u64::from_be_bytes(*digest)).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Threat P8: what inflates without end is refused with the limit, before memory is full of it.
    #[test]
    fn a_part_that_inflates_without_end_is_refused() {
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(&vec![0; 100_000]).unwrap();
        let packed = gz.finish().unwrap();
        assert!(packed.len() < 1_000);
        assert_eq!(inflated(&packed, 100_000).unwrap().len(), 100_000);
        assert_eq!(inflated(&packed, 99_999).unwrap_err(), "they inflate to more than 99999 bytes, and no part does");
    }
}
