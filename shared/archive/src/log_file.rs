//! What a log file is called in the archive: short, and different for different files.

use sha2::{Digest as _, Sha256};

/// The most bytes of a file's own name that are kept.
const KEPT_BYTES: usize = 80;
/// From where on the path of a file is the same wherever it was copied to: Azure's diagnostic logs, Google's sinks.
const ROOTS: [&str; 2] = ["resourceId=", "cloudaudit.googleapis.com/"];

/// Returns the name of a log file in the archive, from its key in a bucket or its path in a folder.
///
/// Files of CloudTrail have names of their own, which are kept. Others are called the same in many folders (`PT1H.json`), so their path
/// stands before the name, as the first 64 bits of its SHA-256 in hexadecimal: from `resourceId=` or `cloudaudit.googleapis.com/` on,
/// where it has them, else the whole of it as it was given.
#[must_use]
pub fn log_file_name(path: &str) -> String {
    let own = path.rsplit(['/', '\\']).next().unwrap_or(path);
    if own.contains("_CloudTrail_") && own.len() <= 2 * KEPT_BYTES {
        return own.to_owned();
    }
    let from = ROOTS.iter().find_map(|root| path.find(root)).unwrap_or_default();
    let told = path.get(from..).unwrap_or(path).replace('\\', "/");
    let kept = own.char_indices().find(|(index, _)| own.len() - index <= KEPT_BYTES).map_or(0, |(index, _)| index);
    format!("{}-{}", short_digest(told.as_bytes()), own.get(kept..).unwrap_or_default())
}

/// Returns the first 64 bits of a text's SHA-256, in hexadecimal.
pub(crate) fn short_digest(text: &[u8]) -> String {
    let digest = Sha256::digest(text);
    let first = digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    format!("{first:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_cloudtrail_keep_their_names_and_others_are_told_apart_by_their_folders() {
        let trail = "111122223333_CloudTrail_eu-central-1_20261120T0900Z_AbCdEfGhIjKlMnOp.json.gz";
        assert_eq!(log_file_name(&format!("AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/20/{trail}")), trail);
        let [first, second] = ["h=09", "h=10"].map(|hour| log_file_name(&format!("resourceId=/A/VAULTS/V/y=2026/{hour}/m=00/PT1H.json")));
        assert!(first.ends_with("-PT1H.json") && second.ends_with("-PT1H.json"), "{first} {second}");
        assert_ne!(first, second);
        assert_eq!(first, log_file_name("/home/me/copy/resourceId=/A/VAULTS/V/y=2026/h=09/m=00/PT1H.json"), "wherever it was copied to");
        let long = log_file_name(&format!("{}.json", "ä".repeat(300)));
        assert!(long.len() < 100 && long.ends_with("ä.json"), "{long}");
    }
}
