//! A short digest of a text, for the ids of what no event announced.

use std::hash::Hasher as _;

use fnv::FnvHasher;

/// Returns the FNV-1a of a text. It is the same in every version: part of ids that the memory and the archive keep.
pub(crate) fn digest_of(text: &str) -> u64 {
    let mut hasher = FnvHasher::default();
    hasher.write(text.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::digest_of;

    #[test]
    fn a_digest_stays_what_it_was() {
        assert_eq!(digest_of(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(digest_of("foobar"), 0x8594_4171_f739_67e8);
    }
}
