//! Whether an approval for this window makes sense now. Pure.

use jiff::Timestamp;
use reprieve_core::approval::window::Window;

use crate::desk::{distance, moment};

/// When the act that is approved happens, or happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// It is to come.
    ToCome,
    /// It happened, and it is known when.
    At(Timestamp),
    /// It happened, and it is not known when.
    AtUnknownTime,
}

/// Returns the moment that the policies are to be asked about, and warnings.
///
/// # Errors
/// Says why such an approval would cover nothing.
pub(super) fn judge(window: Window, act: Act, now: Timestamp) -> anyhow::Result<(Timestamp, Vec<String>)> {
    let ended = || {
        let ago = distance(now, window.end);
        format!(
            "the window is over: it closed at {}, {ago} ago, so the approval would cover nothing that is still to come; give a window that has not ended",
            moment(window.end)
        )
    };
    let is_over = window.end <= now;
    let mut warnings = Vec::new();
    match act {
        Act::At(time) => {
            let holds = window.start <= time && time < window.end;
            anyhow::ensure!(
                holds,
                "it happened at {}, which is outside the window: the approval would not cover it (the time of the act counts, not that of the approval)",
                moment(time)
            );
            return Ok((time, warnings));
        }
        Act::ToCome | Act::AtUnknownTime => anyhow::ensure!(!is_over, "{}", ended()),
    }
    if act == Act::ToCome && window.start < now {
        let opened = distance(now, window.start);
        warnings.push(format!("the window opened {opened} ago: the approval also covers what somebody else did since then"));
    }
    if act == Act::AtUnknownTime {
        warnings.push("the ledger does not say when it happened: the approval covers it only if that was inside the window".to_owned());
    }
    Ok((window.start.max(now), warnings))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(act: Act, now: &str) -> Result<(String, usize), String> {
        let window = Window::parse("2026-12-01T21:00:00Z/2026-12-01T23:00:00Z").unwrap();
        let judged = judge(window, act, now.parse().unwrap());
        judged.map(|(at, warnings)| (at.to_string(), warnings.len())).map_err(|error| error.to_string())
    }

    #[test]
    fn a_window_that_is_still_open_or_to_come_is_judged_at_its_first_moment_left() {
        let at = |time: &str, warnings| Ok((time.to_owned(), warnings));
        assert_eq!(judged(Act::ToCome, "2026-11-20T00:00:00Z"), at("2026-12-01T21:00:00Z", 0));
        assert_eq!(judged(Act::ToCome, "2026-12-01T22:00:00Z"), at("2026-12-01T22:00:00Z", 1));
        assert_eq!(judged(Act::AtUnknownTime, "2026-12-01T22:00:00Z"), at("2026-12-01T22:00:00Z", 1));
    }

    #[test]
    fn what_happened_must_lie_inside_even_where_the_window_is_over() {
        let act = |time: &str| Act::At(time.parse().unwrap());
        assert_eq!(judged(act("2026-12-01T21:00:00Z"), "2026-12-03T00:00:00Z"), Ok(("2026-12-01T21:00:00Z".to_owned(), 0)));
        let error = judged(act("2026-12-01T23:00:00Z"), "2026-12-03T00:00:00Z").unwrap_err();
        assert!(error.starts_with("it happened at 2026-12-01 23:00 UTC, which is outside the window"), "{error}");
    }

    #[test]
    fn a_window_that_is_over_is_refused() {
        for act in [Act::ToCome, Act::AtUnknownTime] {
            let error = judged(act, "2026-12-01T23:00:00Z").unwrap_err();
            assert!(error.starts_with("the window is over: it closed at 2026-12-01 23:00 UTC"), "{error}");
        }
    }
}
