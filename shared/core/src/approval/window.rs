//! Change windows: ISO 8601 intervals with both ends said in full, and the shorter form that people type.

use std::str::FromStr;

use jiff::{SignedDuration, Span, Timestamp};

/// Says why a text is no change window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// It is of no known form.
    #[error(
        "the window `{0}` is not an ISO 8601 interval `START/END` with a UTC offset or `Z` in both, such as `2026-12-01T22:00:00+01:00/2026-12-02T02:00:00+01:00`"
    )]
    Form(String),
    /// The end is not after the start.
    #[error("the window `{0}` ends before it starts, or as it starts: the end comes second and must be later")]
    Order(String),
    /// The length of the typed form cannot be read.
    #[error("the length `{0}` of the window is no duration such as `2h`, `90m` or `1d`")]
    Length(String),
}

/// A change window: from its start, inclusive, to its end, exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// When it opens.
    pub start: Timestamp,
    /// When it closes.
    pub end: Timestamp,
}

impl Window {
    /// Reads an ISO 8601 interval `START/END`; both ends carry a UTC offset or `Z`. This is the form that is sealed.
    ///
    /// # Errors
    /// When it is not one, or the end is not after the start.
    pub fn parse(text: &str) -> Result<Self, WindowError> {
        let form = || WindowError::Form(text.to_owned());
        let (start, end) = text.split_once('/').ok_or_else(form)?;
        let start: Timestamp = start.parse().map_err(|_| form())?;
        let end: Timestamp = end.parse().map_err(|_| form())?;
        if start < end { Ok(Self { start, end }) } else { Err(WindowError::Order(text.to_owned())) }
    }

    /// Reads what people type: an ISO 8601 interval with two times (`START/END`) or a time and a duration (`START/PT2H`), or
    /// `LENGTH from START`, such as `2h from 2026-12-01T22:00+01:00`.
    ///
    /// # Errors
    /// When it is none of these, or the end is not after the start.
    pub fn parse_typed(text: &str) -> Result<Self, WindowError> {
        let text = text.trim();
        if let Some((length, start)) = text.split_once(" from ") {
            return Self::of_length(text, length.trim(), start.trim());
        }
        match text.split_once('/') {
            Some((start, length)) if length.starts_with('P') => Self::of_length(text, length, start),
            Some(_) | None => Self::parse(text),
        }
    }

    fn of_length(text: &str, length: &str, start: &str) -> Result<Self, WindowError> {
        let start: Timestamp = start.parse().map_err(|_| WindowError::Form(text.to_owned()))?;
        let span = Span::from_str(length).map_err(|_| WindowError::Length(length.to_owned()))?;
        // A day of a change window is 24 hours: it is sealed as two moments, whatever the clocks do in between.
        let length = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| WindowError::Length(length.to_owned()))?;
        let end = start.checked_add(length).map_err(|_| WindowError::Form(text.to_owned()))?;
        if length > SignedDuration::ZERO { Ok(Self { start, end }) } else { Err(WindowError::Order(text.to_owned())) }
    }

    /// Writes the form that is sealed: two times in UTC, to the second where they lie on one.
    #[must_use]
    pub fn to_text(self) -> String {
        format!("{}/{}", self.start, self.end)
    }

    /// Says whether it holds this moment.
    #[must_use]
    pub fn holds(self, time: Timestamp) -> bool {
        self.start <= time && time < self.end
    }

    /// Returns its length.
    #[must_use]
    pub fn length(self) -> SignedDuration {
        self.end.duration_since(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_windows_become_the_form_that_is_sealed() {
        let sealed = "2026-12-01T21:00:00Z/2026-12-01T23:00:00Z";
        for text in [
            "2h from 2026-12-01T22:00+01:00",
            "120m from 2026-12-01T21:00Z",
            "PT2H from 2026-12-01T21:00:00Z",
            "2026-12-01T22:00:00+01:00/PT2H",
            "2026-12-01T22:00:00+01:00/2026-12-02T00:00:00+01:00",
            " 2026-12-01T21:00:00Z/2026-12-01T23:00:00Z ",
        ] {
            let window = Window::parse_typed(text).unwrap();
            assert_eq!(window.to_text(), sealed, "{text}");
            assert_eq!(Window::parse(sealed), Ok(window));
        }
        assert_eq!(Window::parse_typed("1d from 2026-12-01T00:00Z").unwrap().length(), SignedDuration::from_hours(24));
    }

    #[test]
    fn what_is_no_window_is_refused_with_the_reason() {
        for (text, reason) in [
            ("tomorrow", "is not an ISO 8601 interval"),
            ("2026-12-01T22:00:00/2026-12-02T00:00:00", "is not an ISO 8601 interval"),
            ("2h from 2026-12-01T22:00", "is not an ISO 8601 interval"),
            ("2026-12-02T00:00:00Z/2026-12-01T00:00:00Z", "ends before it starts"),
            ("2026-12-01T00:00:00Z/2026-12-01T00:00:00Z", "ends before it starts"),
            ("-2h from 2026-12-01T22:00Z", "ends before it starts"),
            ("soon from 2026-12-01T22:00Z", "is no duration"),
            ("1mo from 2026-12-01T22:00Z", "is no duration"),
        ] {
            let error = Window::parse_typed(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
