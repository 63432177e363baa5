//! The help as people meet it: complete, of one form, not wider than a terminal, with examples that name options that there are; and
//! completions that shells take.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop")]

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

fn reprieve(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_reprieve")).args(arguments).env("NO_COLOR", "1").env_remove("CLICOLOR_FORCE").output().unwrap()
}

fn help(verb: &str) -> String {
    let arguments: Vec<&str> = verb.split(' ').filter(|word| !word.is_empty()).chain(["--help"]).collect();
    let output = reprieve(&arguments);
    assert_eq!(output.status.code(), Some(0), "{verb}");
    String::from_utf8(output.stdout).unwrap()
}

/// The verbs that do something, such as `policy check`, by the manual pages that are written for them.
fn verbs() -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    assert!(reprieve(&["man", "--dir", folder.path().to_str().unwrap()]).status.success());
    let groups = ["policy", "filter", "monitoring"];
    let mut verbs: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .filter_map(|page| page.unwrap().file_name().to_str()?.strip_prefix("reprieve-")?.strip_suffix(".1").map(str::to_owned))
        .map(|name| {
            let group = groups.iter().find_map(|group| name.strip_prefix(group)?.strip_prefix('-').map(|verb| format!("{group} {verb}")));
            group.unwrap_or(name)
        })
        .collect();
    verbs.sort();
    verbs
}

/// The part of a help text under a heading of its own, up to the next.
fn section<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    text.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| line.is_empty() || line.starts_with(' ')).collect()
}

#[test]
fn the_first_page_lists_every_command_once() {
    let page = help("");
    let listed: Vec<String> = page
        .lines()
        .take_while(|line| *line != "OPTIONS")
        .filter_map(|line| line.strip_prefix("  ")?.split_once("  ").map(|(name, _)| name.to_owned()))
        .collect();
    let mut expected: BTreeSet<String> = verbs().iter().filter_map(|verb| verb.split(' ').next().map(str::to_owned)).collect();
    expected.insert("help".to_owned());
    assert_eq!(listed.len(), expected.len(), "{listed:?}");
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected);
    assert!(page.contains("EXIT CODES") && page.contains("EXAMPLES"), "{page}");
}

#[test]
fn help_fits_a_terminal_and_every_command_has_exit_codes_and_examples() {
    assert!(verbs().len() >= 18, "{:?}", verbs());
    for verb in verbs().iter().map(String::as_str).chain([""]) {
        let text = help(verb);
        let laid_out = text.split_once("\n\n").map_or("", |(_, rest)| rest);
        for line in laid_out.lines() {
            assert!(line.chars().count() <= 100, "{verb}: {line}");
        }
        // Sentences and tables fit 80 columns; commands to copy and JSON may be wider.
        let mut heading = "";
        for line in text.lines().skip_while(|line| !is_heading(line)) {
            if is_heading(line) {
                heading = line;
            }
            let is_code = heading == "EXAMPLES" || line.contains(['{', '[', '"']);
            assert!(is_code || line.chars().count() <= 80, "{verb}: {line}");
        }
        if !["completions", "man"].contains(&verb) {
            assert!(!section(&text, "EXIT CODES").is_empty(), "{verb} tells no exit codes");
        }
        assert!(!section(&text, "EXAMPLES").is_empty(), "{verb} has no example");
    }
}

/// A heading of the text below the options.
fn is_heading(line: &str) -> bool {
    line.chars().next().is_some_and(char::is_uppercase) && line.chars().take_while(|c| *c != ' ').all(char::is_uppercase)
}

#[test]
fn examples_name_commands_and_options_that_there_are() {
    let verbs = verbs();
    for verb in verbs.iter().map(String::as_str).chain([""]) {
        let text = help(verb);
        let joined = section(&text, "EXAMPLES").join("\n").replace("\\\n", " ").replace("|\n", "| ");
        let mut shown = 0;
        for part in joined.split(['\n', '|', ';', '&', '(', ')']).map(str::trim) {
            let Some(typed) = part.strip_prefix("reprieve ") else { continue };
            let named = verbs
                .iter()
                .filter(|known| typed == known.as_str() || typed.starts_with(&format!("{known} ")))
                .max_by_key(|known| known.len());
            let named = named.unwrap_or_else(|| unreachable!("{verb}: `{part}` names no command"));
            let options = help(named);
            for option in typed.split_whitespace().filter(|word| word.starts_with("--")) {
                assert!(options.contains(&format!("{option} ")) || options.contains(&format!("{option}\n")), "{verb}: `{part}`: {option}");
            }
            shown += 1;
        }
        assert!(shown > 0, "{verb} shows no call of itself");
    }
}

#[test]
fn short_help_is_the_beginning_of_the_long_one() {
    for verb in verbs() {
        let arguments: Vec<&str> = verb.split(' ').chain(["-h"]).collect();
        let short = String::from_utf8(reprieve(&arguments).stdout).unwrap();
        assert!(!short.contains("EXAMPLES"), "{verb}");
        assert_eq!(short.lines().next(), help(&verb).lines().next(), "{verb}");
    }
}

/// Runs a shell's script; `None` where there is no such shell.
fn shell(name: &str, script: &str) -> Option<String> {
    let output = Command::new(name).args(if name == "bash" { ["--norc", "-c"] } else { ["-f", "-c"] }).arg(script).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What bash offers for a line that ends in a word that has begun.
fn offered_by_bash(line: &str) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("reprieve.bash");
    fs::write(&script, reprieve(&["completions", "bash"]).stdout).unwrap();
    fs::write(folder.path().join("event-file.json"), "{}").unwrap();
    let words: Vec<String> = line.split(' ').map(|word| format!("'{word}'")).collect();
    let ask = format!(
        "cd '{}'; source reprieve.bash; COMP_WORDS=({}); COMP_CWORD={}; COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; \
         _reprieve reprieve \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        folder.path().display(),
        words.join(" "),
        words.len() - 1
    );
    shell("bash", &ask).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_options_values_and_files() {
    for (line, offered) in [
        ("reprieve ex", "explain"),
        ("reprieve policy te", "test"),
        ("reprieve approve --late --act", "--action"),
        ("reprieve approve --action disable-r", "disable-rotation"),
        ("reprieve record --format par", "parquet"),
        ("reprieve monitoring plan --cis-version 6", "6.0"),
        ("reprieve monitoring plan --pattern-mode e", "exact"),
        ("reprieve explain --facts event-f", "event-file.json"),
        ("reprieve completions z", "zsh"),
    ] {
        let found = offered_by_bash(line);
        assert!(found.contains(offered), "`{line}`: {found:?}");
    }
}

#[test]
fn zsh_and_fish_take_their_completions_and_know_where_files_go() {
    let zsh = String::from_utf8(reprieve(&["completions", "zsh"]).stdout).unwrap();
    for asked in [":file -- ", "--facts=", "--event=", ":archive -- ", ":subject -- ", "*::places -- ", "--html=", "--public-key="] {
        let lines: Vec<&str> = zsh.lines().filter(|line| line.contains(asked)).collect();
        assert!(!lines.is_empty() && lines.iter().all(|line| line.contains(":_files")), "`{asked}` is not completed with files: {lines:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["zsh", "fish"] {
        let script = folder.path().join(name);
        fs::write(&script, reprieve(&["completions", name]).stdout).unwrap();
        // Where the shell is not installed, its script cannot be held against it.
        if let Ok(output) = Command::new(name).arg("-n").arg(&script).output() {
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}
