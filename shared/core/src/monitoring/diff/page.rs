//! A plan's page: lines that fit, what needs a human, and the controls. Those with the same gap stand together, so that a gap which all
//! have does not bury one that a single control has. It renders; it decides nothing.

use super::WIDTH;
use crate::monitoring::finding::{ControlStatus, Finding};

/// Up to so many controls that stand alike are named by title, more by their ids alone.
const TITLED: usize = 5;

/// What stands in place of a name that differs between controls with otherwise the same gap.
const ITS_OWN: &str = "`...`";

/// Behind what a word that is longer than a line is broken.
const BREAKS: [&str; 3] = [",", "||", "&&"];

/// Where the controls stand in their lines, behind what becomes of them.
const INDENT: &str = "       ";

/// Controls that stand alike.
struct Group<'a> {
    /// The gaps that all of them have, without the names that differ.
    gaps: Vec<String>,
    controls: Vec<&'a ControlStatus>,
}

/// Renders what a human must know or do.
pub(super) fn finding(finding: &Finding) -> String {
    let heading = format!("{} ({})", finding.subject, finding.severity.caption());
    [hanging("! ", &heading), hanging("    ", &finding.sentence), hanging("    ", &finding.fix)].join("\n")
}

/// Renders how the controls stand: the gaps that most have first, then what holds.
pub(super) fn controls(controls: &[ControlStatus]) -> String {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for control in controls {
        let gaps = unnamed_gaps(control);
        match groups.iter_mut().find(|group| group.gaps == gaps) {
            Some(group) => group.controls.push(control),
            None => groups.push(Group { gaps, controls: vec![control] }),
        }
    }
    groups.sort_by_key(|group| (group.gaps.is_empty(), std::cmp::Reverse(group.controls.len())));
    groups.iter().map(Group::render).collect::<Vec<_>>().join("\n")
}

impl Group<'_> {
    fn render(&self) -> String {
        let state = if self.gaps.is_empty() { "holds" } else { "gap" };
        let gaps = match self.controls.as_slice() {
            // Of one control the names can be told.
            [control] => &control.gaps,
            _ => &self.gaps,
        };
        let indent = INDENT.len();
        let named = format!("{state:<indent$}{}", self.named().trim_start());
        let gaps = gaps.iter().map(|gap| hanging(&format!("{INDENT}- "), gap));
        std::iter::once(named).chain(gaps).collect::<Vec<_>>().join("\n")
    }

    fn named(&self) -> String {
        if self.controls.len() > TITLED {
            let ids: Vec<&str> = self.controls.iter().map(|control| control.id.as_str()).collect();
            return hanging(INDENT, &format!("{} controls: {}", ids.len(), ids.join(", ")));
        }
        let width = self.controls.iter().map(|control| control.id.chars().count()).max().unwrap_or_default();
        let named = self.controls.iter().map(|control| {
            let adopted = if control.is_adopted { " (adopted)" } else { "" };
            hanging(&format!("{INDENT}{:width$}  ", control.id), &format!("{}{adopted}", control.title))
        });
        named.collect::<Vec<_>>().join("\n")
    }
}

/// Returns the gaps of a control without the names of its own filter and alarm.
fn unnamed_gaps(control: &ControlStatus) -> Vec<String> {
    let own = || control.filter.iter().chain(&control.alarm);
    control.gaps.iter().map(|gap| own().fold(gap.clone(), |gap, name| gap.replace(&format!("`{name}`"), ITS_OWN))).collect()
}

/// Breaks a text into lines that fit behind a prefix, which all but the first have as white space.
pub(super) fn hanging(prefix: &str, text: &str) -> String {
    let indent = prefix.chars().count();
    let next = format!("\n{:indent$}", "");
    format!("{prefix}{}", broken(text, WIDTH.saturating_sub(indent)).join(&next))
}

/// Breaks a text at spaces, and a word that is longer than a line where JSON and filter patterns can be broken.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if word.chars().count() <= width {
            add(&mut lines, " ", word, width);
            continue;
        }
        lines.push(String::new());
        for part in parts(word) {
            add(&mut lines, "", part, width);
        }
    }
    lines
}

/// Splits a word behind commas and the operators of filter patterns.
fn parts(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = word;
    let end = |text: &str| BREAKS.iter().filter_map(|mark| text.find(mark).map(|at| at + mark.len())).min();
    while let Some((part, more)) = end(rest).and_then(|end| rest.split_at_checked(end)) {
        parts.push(part);
        rest = more;
    }
    parts.push(rest);
    parts
}

/// Adds a part to the last line, or begins a line with it where it does not fit.
fn add(lines: &mut Vec<String>, joint: &str, part: &str, width: usize) {
    match lines.last_mut() {
        Some(line) if line.is_empty() => line.push_str(part),
        Some(line) if line.chars().count() + joint.len() + part.chars().count() <= width => {
            line.push_str(joint);
            line.push_str(part);
        }
        Some(_) | None => lines.push(part.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_long_words_where_patterns_and_json_can_be_broken() {
        for (text, lines) in [
            ("", &[][..]),
            ("one two three", &["one two", "three"]),
            ("ten chars0", &["ten chars0"]),
            ("is {\"a\":1,\"b\":2,\"c\":3}", &["is", "{\"a\":1,", "\"b\":2,", "\"c\":3}"]),
            ("($.a=1)||($.b=1)&&($.c=1)", &["($.a=1)||", "($.b=1)&&", "($.c=1)"]),
            ("a:word:without:any", &["a:word:without:any"]),
        ] {
            assert_eq!(broken(text, 10), lines, "{text}");
        }
    }
}
