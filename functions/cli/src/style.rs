//! Line breaks and colours that all verbs share. Colours vanish where the output is no terminal, or `NO_COLOR` is set.

use owo_colors::OwoColorize as _;

/// The width of a line, in characters.
pub(crate) const WIDTH: usize = 100;

/// Breaks a text into lines of at most `width` characters, at spaces; a word that is longer has a line of its own.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line_is_full = |line: &String| !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width;
        if lines.last().is_some_and(line_is_full) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// Sets what stands in backticks off in colour.
pub(crate) fn highlight(line: &str) -> String {
    if line.matches('`').count() % 2 == 1 {
        return line.to_owned();
    }
    line.split('`').enumerate().map(|(index, part)| if index % 2 == 1 { part.cyan().to_string() } else { part.to_owned() }).collect()
}
