//! Wildcards: `*` stands for any characters, `?` for one. It must not know what is compared.

/// Says whether a text matches a pattern, case and all.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    matches_by(pattern, text, |one, other| one == other)
}

/// Says whether a text matches a pattern, whatever the case of ASCII letters.
pub(super) fn matches_ignoring_case(pattern: &str, text: &str) -> bool {
    matches_by(pattern, text, |one, other| one.eq_ignore_ascii_case(&other))
}

/// Says whether an ARN matches a pattern: each of the six parts for itself, so that `*` never reaches over a colon before the sixth.
pub(super) fn matches_arn(pattern: &str, arn: &str) -> bool {
    let patterns: Vec<&str> = pattern.splitn(6, ':').collect();
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    pattern == "*" || (patterns.len() == parts.len() && patterns.iter().zip(&parts).all(|(pattern, part)| matches(pattern, part)))
}

/// Goes back to the last `*` where the rest does not fit: no recursion, and no more work than pattern times text.
fn matches_by(pattern: &str, text: &str, same: impl Fn(char, char) -> bool) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut retry = None;
    loop {
        let (mut next_pattern, mut next_text) = (pattern.clone(), text.clone());
        match (next_pattern.next(), next_text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                pattern = next_pattern;
                retry = Some((pattern.clone(), text.clone()));
                continue;
            }
            (Some(wanted), Some(found)) if wanted == '?' || same(wanted, found) => {
                (pattern, text) = (next_pattern, next_text);
                continue;
            }
            (None | Some(_), Some(_)) | (Some(_), None) => {}
        }
        let Some((after_star, mut from)) = retry.take() else { return false };
        if from.next().is_none() {
            return false;
        }
        (pattern, text) = (after_star.clone(), from.clone());
        retry = Some((after_star, from));
    }
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
