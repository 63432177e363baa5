//! How the results of a run are named. A part's name follows from what it is of, so that whoever reads the same files again finds it.

use reprieve_aws_evidence::REPLAY_PREFIX;
use sha2::{Digest as _, Sha256};

use crate::task::Batch;

/// Bytes of the digest that are in a name.
const DIGEST_BYTES: usize = 16;

/// Returns the name of the part of a batch: the same for the same files of the same sizes, read by the same version.
pub(crate) fn part(batch: &Batch) -> String {
    let mut digest = Sha256::new();
    let mut line = |text: &str| {
        digest.update(text.as_bytes());
        digest.update(b"\n");
    };
    line(env!("CARGO_PKG_VERSION"));
    line(&batch.bucket);
    line(&batch.prefix);
    for file in &batch.files {
        line(&format!("{} {}", file.bytes, file.key));
    }
    let mut name = parts(&batch.run);
    for byte in digest.finalize().iter().take(DIGEST_BYTES) {
        for half in [byte >> 4, byte & 15] {
            name.extend(char::from_digit(half.into(), 16));
        }
    }
    name + ".part"
}

/// Returns below what the parts of a run lie.
pub(crate) fn parts(run: &str) -> String {
    format!("{REPLAY_PREFIX}{run}/parts/")
}

/// Returns below what Step Functions writes what the batches of a run answered.
pub(crate) fn told(run: &str) -> String {
    format!("{REPLAY_PREFIX}{run}/map/")
}

/// Returns the name of the first so many parts of a run, merged.
pub(crate) fn merged(run: &str, parts: u64) -> String {
    format!("{REPLAY_PREFIX}{run}/merged/{parts:08}.part")
}

/// Returns the name of the whole part of a run.
pub(crate) fn result(run: &str) -> String {
    format!("{REPLAY_PREFIX}{run}/result.part")
}

/// Returns the name of the answer of a run.
pub(crate) fn answer(run: &str) -> String {
    format!("{REPLAY_PREFIX}{run}/answer.json")
}
