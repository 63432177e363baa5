//! A page of documentation as its reader runs it: its commands in one shell, and what they print held against what the page shows.
//!
//! Commands stand in blocks marked `sh`; a block marked `text` right after one shows what it prints. `…` and `...` stand for anything,
//! and a space for any space. Must not know any page: which commands need what is for the test to say.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// Printed between the blocks, with the exit code of the block before.
const MARK: &str = "::block-ends::";

/// Commands, and what they print.
#[derive(Debug, Clone, Default)]
pub struct Block {
    /// The heading that they stand under.
    pub heading: String,
    /// The line of the page at which they begin, from 1.
    pub line: usize,
    /// The lines of the commands.
    pub commands: Vec<String>,
    /// The lines that the page shows; none where it shows nothing.
    pub promised: Vec<String>,
}

/// What a block printed.
#[derive(Debug, Clone)]
pub struct Printed {
    /// Standard output and standard error, as they came.
    pub text: String,
    /// The exit code of its last command.
    pub code: String,
}

impl Block {
    /// Returns the commands one by one: lines that end with a backslash go on in the next.
    #[must_use]
    pub fn each(&self) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut goes_on = false;
        for line in self.commands.iter().filter(|line| !line.trim().is_empty()) {
            let (text, more) = line.strip_suffix('\\').map_or((line.as_str(), false), |text| (text.trim_end(), true));
            match found.last_mut() {
                Some(last) if goes_on => *last = format!("{last} {}", text.trim_start()),
                _ => found.push(text.to_owned()),
            }
            goes_on = more;
        }
        found
    }
}

/// Reads the blocks of a page, in order.
#[must_use]
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut heading = String::new();
    let mut fence = None;
    // Whether no other text has come since the last commands.
    let mut is_answer = false;
    for (number, line) in (1..).zip(page.lines()) {
        match (fence, line.strip_prefix("```")) {
            (None, Some("sh")) => {
                fence = Some("sh");
                blocks.push(Block { heading: heading.clone(), line: number + 1, ..Block::default() });
            }
            (None, Some(kind)) => fence = Some(if kind == "text" && is_answer { "answer" } else { "other" }),
            (Some(kind), Some(_)) => {
                is_answer = kind == "sh";
                fence = None;
            }
            (Some("sh"), None) => blocks.iter_mut().next_back().into_iter().for_each(|block| block.commands.push(line.to_owned())),
            (Some("answer"), None) => blocks.iter_mut().next_back().into_iter().for_each(|block| block.promised.push(line.to_owned())),
            (Some(_), None) => {}
            (None, None) => {
                if let Some(title) = line.strip_prefix('#') {
                    title.trim_start_matches('#').trim().clone_into(&mut heading);
                }
            }
        }
    }
    blocks
}

/// Runs the scripts one after another in one shell; what one sets, the next has.
///
/// # Errors
/// When the shell cannot be run, or does not come to the end of the last.
pub fn run(scripts: &[String], shell: &mut Command) -> Result<Vec<Printed>> {
    let mark = format!("echo \"{MARK} $?\"");
    let whole: Vec<String> = scripts.iter().map(|script| format!("{script}\n{mark}")).collect();
    shell.args(["-c", &format!("exec 2>&1\n{}", whole.join("\n"))]).stdin(Stdio::null());
    let output = shell.output().context("bash cannot be run")?;
    let all = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut pieces = all.split(MARK);
    let mut text = pieces.next().unwrap_or_default().to_owned();
    let mut printed = Vec::with_capacity(scripts.len());
    for piece in pieces {
        let (code, rest) = piece.split_once('\n').unwrap_or((piece, ""));
        printed.push(Printed { text: std::mem::replace(&mut text, rest.to_owned()), code: code.trim().to_owned() });
    }
    ensure!(printed.len() == scripts.len(), "of {} blocks, {} were run:\n{all}", scripts.len(), printed.len());
    Ok(printed)
}

/// Finds each of these lines in what was printed, in this order.
///
/// # Errors
/// Names the first part of a line that is not there, or not in its place.
pub fn find_in_order<'a>(promised: impl IntoIterator<Item = &'a str>, printed: &str) -> Result<()> {
    let mut rest = squeezed(printed);
    for line in promised {
        for part in line.split('…').flat_map(|part| part.split("...")).map(squeezed).filter(|part| !part.is_empty()) {
            let after = rest.split_once(&part).map(|(_, after)| after.to_owned());
            rest = after.with_context(|| format!("`{part}` of the line `{line}` is not printed, or not there:\n{printed}"))?;
        }
    }
    Ok(())
}

/// Writes a text with one space where there are several, or a line's end.
#[must_use]
pub fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        "# A\n```sh\none \\\n  --two\nthree\n```\n```text\nfirst … last\n```\nwords\n```text\nof nobody\n```\n## B\n```sh\nfour\n```\n";

    #[test]
    fn commands_are_read_with_what_they_print_and_where_they_stand() {
        let found = blocks(PAGE);
        let seen: Vec<_> = found.iter().map(|block| (block.heading.as_str(), block.line, block.each(), block.promised.clone())).collect();
        let expected = [
            ("A", 3, vec!["one --two".to_owned(), "three".to_owned()], vec!["first … last".to_owned()]),
            ("B", 16, vec!["four".to_owned()], vec![]),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_is_shown_must_be_printed_in_its_order() {
        assert!(find_in_order(["a … c", "...", "d"], "a b\n c d").is_ok());
        assert!(find_in_order(["d", "a"], "a b c d").is_err());
        assert!(find_in_order(["e"], "a b c d").is_err());
    }

    #[test]
    fn what_a_block_sets_the_next_one_has_and_exit_codes_are_told() {
        let scripts = ["name=blocks; echo one".to_owned(), "echo \"$name\" >&2; false".to_owned()];
        let printed = run(&scripts, &mut Command::new("bash")).unwrap_or_default();
        let seen: Vec<_> = printed.iter().map(|printed| (printed.text.trim(), printed.code.as_str())).collect();
        assert_eq!(seen, [("one", "0"), ("blocks", "1")]);
    }
}
