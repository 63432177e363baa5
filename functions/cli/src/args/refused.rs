//! What is said of a command line that cannot be used: in the words of every other error, the input in backticks, and what to do.
//!
//! Must not decide anything: clap refused the line, and its kind of error stays as it is.

use std::error::Error as _;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, Error, ErrorFormatter, ErrorKind};
use clap::{ArgMatches, Command};

/// Writes errors as the rest of the command does.
struct Words;

/// Reads the process's arguments, or ends it with help or with what is wrong.
pub(super) fn matches(command: Command) -> ArgMatches {
    let known = command.clone();
    match command.try_get_matches() {
        Ok(matches) => matches,
        Err(error) if has_words(error.kind()) => {
            let said = said(&error);
            let more = format!("`{} --help`", typed(&known, std::env::args().skip(1)));
            let (said, see) = said.strip_suffix('?').map_or((said.as_str(), "; see"), |_| (said.as_str(), " See"));
            anstream::eprintln!("reprieve: {said}{see} {more}");
            // The code that clap itself ends with.
            error.apply::<Words>().exit()
        }
        Err(error) => error.exit(),
    }
}

impl ErrorFormatter for Words {
    // It was said already.
    fn format_error(_: &Error<Self>) -> StyledStr {
        StyledStr::new()
    }
}

const fn has_words(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidValue
            | ErrorKind::ValueValidation
            | ErrorKind::MissingRequiredArgument
            | ErrorKind::UnknownArgument
            | ErrorKind::InvalidSubcommand
            | ErrorKind::ArgumentConflict
    )
}

/// Says in a sentence what is wrong, and what there is instead.
#[expect(clippy::wildcard_enum_match_arm, reason = "clap has many kinds, and `has_words` asks for these")]
fn said(error: &Error) -> String {
    let argument = text_of(error, ContextKind::InvalidArg).unwrap_or_default();
    let value = text_of(error, ContextKind::InvalidValue).unwrap_or_default();
    let sentence = match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => format!("`{argument}` has no value{}", choices(error)),
        ErrorKind::InvalidValue => format!("`{value}` is no value of `{argument}`{}", choices(error)),
        ErrorKind::ValueValidation => {
            let why = error.source().map(|why| in_words(&why.to_string())).unwrap_or_default();
            let is_named = why.contains(&format!("`{value}`"));
            if is_named { format!("`{argument}`: {why}") } else { format!("`{value}` is no value of `{argument}`: {why}") }
        }
        ErrorKind::MissingRequiredArgument => match list_of(error, ContextKind::InvalidArg).as_slice() {
            [one] => format!("`{one}` is missing"),
            several => format!("{} are missing", joined(several, "and")),
        },
        ErrorKind::UnknownArgument => format!("there is no option `{argument}` here"),
        ErrorKind::InvalidSubcommand => {
            format!("there is no command `{}`", text_of(error, ContextKind::InvalidSubcommand).unwrap_or_default())
        }
        ErrorKind::ArgumentConflict => match list_of(error, ContextKind::PriorArg).as_slice() {
            [one] if *one == argument => format!("`{argument}` is given twice"),
            others => format!("`{argument}` cannot be used with {}", joined(others, "and")),
        },
        _ => "the command line cannot be used".to_owned(),
    };
    let suggested = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let meant: Vec<String> = suggested.iter().flat_map(|kind| list_of(error, *kind)).collect();
    // The likeliest comes last.
    let meant: Vec<String> = meant.into_iter().rev().collect();
    if meant.is_empty() { sentence } else { format!("{sentence}; did you mean {}?", joined(&meant, "or")) }
}

/// Says what a value may be.
fn choices(error: &Error) -> String {
    let choices = list_of(error, ContextKind::ValidValue);
    if choices.is_empty() { String::new() } else { format!(": it takes {}", choices.join(", ")) }
}

/// Puts what a number's parser says into words.
fn in_words(why: &str) -> String {
    if why == "invalid digit found in string" || why == "cannot parse integer from empty string" {
        return "write a whole number, in digits alone".to_owned();
    }
    let range = why.split_once(" is not in ").and_then(|(_, range)| range.split_once(".."));
    match range.map(|(from, to)| (from, to.trim_start_matches('='))) {
        Some((from, to)) if to.is_empty() || to == u64::MAX.to_string() => format!("write a number from {from} on"),
        Some(("", to)) => format!("write a number up to {to}"),
        Some((from, to)) => format!("write a number from {from} to {to}"),
        None => why.to_owned(),
    }
}

/// Returns the command that was typed, as far as it is one.
fn typed(command: &Command, arguments: impl Iterator<Item = String>) -> String {
    let (mut command, mut name) = (command, command.get_name().to_owned());
    for argument in arguments {
        let Some(verb) = command.find_subcommand(&argument) else { break };
        name = format!("{name} {}", verb.get_name());
        command = verb;
    }
    name
}

fn joined(names: &[String], word: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} {word} {last}", first.join(", ")),
        _ => quoted.concat(),
    }
}

fn text_of(error: &Error, kind: ContextKind) -> Option<String> {
    list_of(error, kind).into_iter().next()
}

fn list_of(error: &Error, kind: ContextKind) -> Vec<String> {
    let value = error.get(kind);
    if let Some(ContextValue::String(text)) = value {
        return vec![text.clone()];
    }
    if let Some(ContextValue::Strings(texts)) = value { texts.clone() } else { Vec::new() }
}
