//! The head of a seal: all that is signed, and its canonical text.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::SealError;
use super::hash::Hash;

/// The version of the format that this release writes and reads.
pub const VERSION: &str = "v1";
/// ECDSA on P-256 over SHA-256.
pub const ALGORITHM: &str = "ES256";

/// All that is signed of a seal. The tree's root stands for the list of objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The version of the format.
    pub version: String,
    /// Which archive this is, such as the ARN of its bucket.
    pub archive: String,
    /// The number of this seal: 1 for the first of its archive, then one more each.
    pub sequence: u64,
    /// From when on it seals what was written: where the seal before it ends.
    pub from: Timestamp,
    /// Until when, exclusive.
    pub until: Timestamp,
    /// When it was made, by the clock of who made it.
    pub sealed_at: Timestamp,
    /// How many objects it seals.
    pub object_count: u64,
    /// The root of the tree over its list of objects.
    pub merkle_root: Hash,
    /// The hash of the seal before it; none in the first.
    pub previous: Option<Hash>,
    /// The id of the key that signs, such as the ARN of a KMS key.
    pub key_id: String,
    /// The SHA-256 of the public key in DER (`SubjectPublicKeyInfo`): which key verifies.
    pub key_sha256: Hash,
    /// The algorithm of the signature.
    pub algorithm: String,
}

impl Head {
    /// Returns the text that is signed: thirteen lines, each ended by a line feed.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { version, archive, sequence, object_count, merkle_root, key_id, key_sha256, algorithm, .. } = self;
        let [from, until, sealed_at] = [self.from, self.until, self.sealed_at].map(second);
        format!(
            "reprieve-seal\nversion:{}\narchive:{}\nsequence:{sequence}\nfrom:{from}\nuntil:{until}\nsealed-at:{sealed_at}\n\
             objects:{object_count}\nroot:{merkle_root}\nprevious:{}\nkey:{}\nkey-sha256:{key_sha256}\nalgorithm:{}\n",
            plain(version),
            plain(archive),
            or_none(self.previous.as_ref()),
            plain(key_id),
            plain(algorithm),
        )
    }

    /// Checks what can be checked of a head alone.
    pub(super) fn check(&self) -> Result<(), SealError> {
        if self.version != VERSION {
            return Err(SealError::Version(self.version.chars().take(16).collect()));
        }
        if self.algorithm != ALGORITHM {
            return Err(SealError::Algorithm(self.algorithm.chars().take(16).collect()));
        }
        for time in [self.from, self.until, self.sealed_at] {
            if time.subsec_nanosecond() != 0 || time.as_second() < YEAR_0 || time.as_second() >= YEAR_10000 {
                return Err(SealError::Time(time.to_string()));
            }
        }
        if self.from >= self.until {
            return Err(SealError::Interval { from: second(self.from), until: second(self.until) });
        }
        Ok(())
    }
}

/// 0000-01-01T00:00:00Z, in seconds since 1970.
const YEAR_0: i64 = -62_167_219_200;
/// 10000-01-01T00:00:00Z, in seconds since 1970.
const YEAR_10000: i64 = 253_402_300_800;

/// Writes a time to the second.
pub(super) fn second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Writes a hash, or `none`.
pub(super) fn or_none(hash: Option<&Hash>) -> String {
    hash.map_or_else(|| "none".to_owned(), Hash::to_string)
}

/// Writes every byte that is not visible ASCII, and `%`, as `%XX`, so that a text stays in its line and different texts stay different.
pub(super) fn plain(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut plain, byte| {
        if byte.is_ascii_graphic() && byte != b'%' {
            plain.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            write!(plain, "%{byte:02X}").ok();
        }
        plain
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_forge_a_line() {
        assert_eq!(plain("arn:aws:s3:::log/ä b%\nroot:0"), "arn:aws:s3:::log/%C3%A4%20b%25%0Aroot:0");
    }

    #[test]
    fn the_years_of_four_digits_are_those() {
        let year = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
        assert_eq!(YEAR_0, year("0000-01-01T00:00:00Z"));
        // Two days on, beyond what a time can be.
        assert_eq!(YEAR_10000, year("9999-12-30T00:00:00Z").saturating_add(2 * 86_400));
    }
}
