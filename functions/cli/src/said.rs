//! What is said of an error: the whole chain in one line, each part once, and of a file what is wrong with it in words of people.

use std::io::{self, ErrorKind};

/// Writes an error with its causes.
pub(crate) fn said(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let part = cause.downcast_ref::<io::Error>().and_then(of_file).map_or_else(|| cause.to_string(), str::to_owned);
        // Some errors quote their cause in their own sentence.
        if text.contains(&part) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&part);
    }
    text
}

/// Says what the operating system found wrong, and what to do; `None` where its own words say more.
#[expect(clippy::wildcard_enum_match_arm, reason = "of the many kinds, these are what people meet and can mend")]
fn of_file(error: &io::Error) -> Option<&'static str> {
    // Of those that the operating system made alone: what others put into an error stands for itself.
    error.raw_os_error()?;
    Some(match error.kind() {
        ErrorKind::NotFound => "there is no such file or folder; check the name",
        ErrorKind::PermissionDenied => "permission denied; ask its owner, or run as somebody who may",
        ErrorKind::IsADirectory => "it is a folder; name a file",
        ErrorKind::NotADirectory => "a part of the path is a file, not a folder; check the name",
        ErrorKind::AlreadyExists => "a file of that name is in the way; name another place",
        ErrorKind::StorageFull => "the disk is full; make room, or name another place",
        ErrorKind::ReadOnlyFilesystem => "nothing can be written there; name another place",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_missing_file_is_told_in_words_and_what_was_tried_comes_first() {
        let error = std::fs::read("/nowhere").context("`/nowhere` cannot be read").map(|_| ());
        let told = error.err().map(|error| said(&error));
        assert_eq!(told.as_deref(), Some("`/nowhere` cannot be read: there is no such file or folder; check the name"));
    }

    #[test]
    fn what_an_error_quotes_of_its_cause_is_not_said_twice() {
        let error = anyhow::anyhow!("expected value").context("these are no prices: expected value; write others");
        assert_eq!(said(&error), "these are no prices: expected value; write others");
    }

    #[test]
    fn an_error_that_somebody_made_up_keeps_its_words() {
        let error = anyhow::Error::new(io::Error::new(ErrorKind::NotFound, "the object is gone")).context("reading failed");
        assert_eq!(said(&error), "reading failed: the object is gone");
    }
}
