//! Patterns of terms: words, phrases and regular expressions that the text of a log event must hold, may not hold, or may hold.

use super::regular::Regular;

/// Terms, in the order of the pattern. None at all matches everything.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Terms {
    pub(super) terms: Vec<(Sign, Term)>,
}

/// What is asked of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// It must be there.
    Include,
    /// `-`: it may not be there.
    Exclude,
    /// `?`: one of those with this sign must be there.
    Optional,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Term {
    /// A word or a phrase. Upper and lower case differ.
    Phrase(String),
    Regular(Regular),
}

impl Terms {
    pub(super) fn matches(&self, text: &str) -> bool {
        if self.only_optional() {
            return self.terms.is_empty() || self.terms.iter().any(|(_, term)| term.is_in(text));
        }
        // "If you combine "?" with other filter patterns, all question mark terms will be ignored" (guide).
        self.terms.iter().all(|(sign, term)| match sign {
            Sign::Include => term.is_in(text),
            Sign::Exclude => !term.is_in(text),
            Sign::Optional => true,
        })
    }

    /// Says which term is both asked for and excluded.
    pub(super) fn contradiction(&self) -> Option<String> {
        let with = |sign: Sign| self.terms.iter().filter(move |(other, _)| *other == sign).map(|(_, term)| term);
        let both = with(Sign::Include).find(|term| with(Sign::Exclude).any(|excluded| excluded == *term))?;
        Some(format!("`{both}` must be and may not be in the text"))
    }

    pub(super) fn only_optional(&self) -> bool {
        self.terms.iter().all(|(sign, _)| *sign == Sign::Optional)
    }
}

impl Term {
    /// A term is found inside words, too: `ERROR` is in `ERRORCODE` (guide, revision of 2021, "Example 2: Single term").
    pub(super) fn is_in(&self, text: &str) -> bool {
        match self {
            // `" "` matches everything (guide, "Match everything"), and so does `""` (revision of 2021, "Match everything").
            Self::Phrase(phrase) => phrase.trim().is_empty() || text.contains(phrase.as_str()),
            Self::Regular(regular) => regular.matches(text),
        }
    }
}
