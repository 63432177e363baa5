//! Wildcards: `*` stands for any characters, `?` for one. It must not know what is compared.

use wildmatch::WildMatch;

/// Says whether a text matches a pattern, case and all.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    WildMatch::new(pattern).matches(text)
}

/// Says whether a text matches a pattern, whatever the case of letters.
pub(super) fn matches_ignoring_case(pattern: &str, text: &str) -> bool {
    WildMatch::new_case_insensitive(pattern).matches(text)
}

/// Says whether an ARN matches a pattern: each of the six parts for itself, so that `*` never reaches over a colon before the sixth.
pub(super) fn matches_arn(pattern: &str, arn: &str) -> bool {
    let patterns: Vec<&str> = pattern.splitn(6, ':').collect();
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    pattern == "*" || (patterns.len() == parts.len() && patterns.iter().zip(&parts).all(|(pattern, part)| matches(pattern, part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_the_guide_says() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("kms:*", "kms:EnableKey", true),
            ("kms:Enable*", "kms:EnableKeyRotation", true),
            ("kms:*Key", "kms:EnableKeyRotation", false),
            ("kms:*Key*on", "kms:EnableKeyRotation", true),
            ("k?s:EnableKey", "kms:EnableKey", true),
            ("kms:EnableKey?", "kms:EnableKey", false),
            ("**", "anything", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "`{pattern}` on `{text}`");
        }
        assert!(matches_ignoring_case("KMS:enable*", "kms:EnableKey") && !matches("KMS:enable*", "kms:EnableKey"));
    }

    #[test]
    fn parts_of_an_arn_are_matched_one_by_one() {
        for (pattern, arn, expected) in [
            ("arn:aws:iam::*:role/Reprieve", "arn:aws:iam::111122223333:role/Reprieve", true),
            ("arn:*:role/Reprieve", "arn:aws:iam::111122223333:role/Reprieve", false),
            ("arn:aws:iam::111122223333:role/*", "arn:aws:iam::111122223333:role/a/b:c", true),
            ("*", "arn:aws:iam::111122223333:role/a", true),
        ] {
            assert_eq!(matches_arn(pattern, arn), expected, "`{pattern}` on `{arn}`");
        }
    }
}
