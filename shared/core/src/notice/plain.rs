//! Texts of unknown origin made fit to be shown: one line, nothing that steers a display, no live links, of bounded length.

/// The longest sentence or line of a list, in characters.
pub(super) const SENTENCE_LIMIT: usize = 1_000;

/// The longest value of a fact, in characters. An ARN is shorter.
pub(super) const VALUE_LIMIT: usize = 300;

/// The longest name of a person, role or key, in characters.
pub(super) const NAME_LIMIT: usize = 128;

const LEFT_OUT: &str = "...";

/// Returns the text on one line of at most `limit` characters. What cannot be shown as it is becomes `?`; links are made dead,
/// because mail and chat clients turn whatever looks like one into one.
pub(super) fn line(text: &str, limit: usize) -> String {
    let shown: String = text.chars().map(|c| if is_shown(c) { c } else { '?' }).collect();
    let shown = shown.replace("://", "[:]//");
    if shown.chars().count() <= limit {
        return shown;
    }
    let kept: String = shown.chars().take(limit.saturating_sub(LEFT_OUT.len())).collect();
    format!("{kept}{LEFT_OUT}")
}

/// Controls, line separators, and characters that are invisible or reorder what stands around them are not shown.
fn is_shown(c: char) -> bool {
    let steers = matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    );
    !c.is_control() && !steers
}
