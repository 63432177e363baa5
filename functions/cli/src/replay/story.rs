//! `reprieve replay --explain KEY`: the story of one key, as a diary or as JSON.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use owo_colors::{OwoColorize as _, Style};
use reprieve_replay::story::{Chapter, Story, StoryCollector, Told, What, tell};
use reprieve_replay::{Rules, Verdict};

use super::places::Places;
use super::read::{How, Partial, miss_unreadable, read};
use super::{INTERRUPTED, NOT_ALL_READ, is_stdout, name_problems, words};
use crate::args::replay::ReplayArguments;
use crate::plain::{counted, grouped, short_name, visible};
use crate::style::{highlight, wrap};

/// The width of a line, in characters.
const WIDTH: usize = 80;
/// Where the text of a line begins: after the time.
const INDENT: usize = 21;

/// Tells the story.
///
/// # Errors
/// When there is nothing to read but parts, or the output cannot be written.
pub(super) fn run(key: &str, places: Places, rules: &Rules, arguments: &ReplayArguments, how: &How) -> anyhow::Result<ExitCode> {
    let Places { inputs, parts, left_out } = places;
    if let Some(part) = parts.first() {
        bail!("`{}` is a part, which does not hold all that happened to a key: name the log files for --explain", part.name);
    }
    let collector = Arc::new(StoryCollector::new(key));
    miss_unreadable(&left_out, &*collector);
    let partial = read(&Arc::new(inputs), &collector, how, "Reading");
    let part = Arc::try_unwrap(collector).map_or_else(|shared| shared.so_far(), StoryCollector::finish);
    let mut story = tell(&part, rules);
    if let Some(partial) = &partial {
        super::forgive(&mut story.problems, &mut story.errors, partial);
    }
    let mut bytes = serde_json::to_vec_pretty(&story)?;
    bytes.push(b'\n');
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    match arguments.json.as_deref() {
        Some(file) if is_stdout(file) => out.write_all(&bytes)?,
        Some(file) => std::fs::write(file, &bytes).with_context(|| format!("`{}` cannot be written", file.display()))?,
        None => {}
    }
    if !arguments.quiet && !arguments.json.as_deref().is_some_and(is_stdout) {
        print(&story, partial.as_ref(), &mut out)?;
    }
    out.flush()?;
    drop(out);
    name_problems(&story.problems, story.errors)?;
    if let Some(partial) = &partial {
        anstream::eprintln!("reprieve: {}", partial.sentence().yellow().bold());
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(if story.errors == 0 { ExitCode::SUCCESS } else { ExitCode::from(NOT_ALL_READ) })
}

/// Prints the story as a diary: a heading for each day, then what happened, what would have been decided, and how the key was after it.
fn print(story: &Story, partial: Option<&Partial>, out: &mut impl Write) -> std::io::Result<()> {
    if let Some(partial) = partial {
        line(&partial.sentence(), 0, Style::new().yellow().bold(), out)?;
        writeln!(out)?;
    }
    match story.keys.as_slice() {
        [] => line(&format!("The logs know no key `{}`: name it by its ARN, its id or its alias.", story.asked), 0, Style::new(), out)?,
        keys => {
            for key in keys {
                writeln!(out, "{}", visible(key).bold())?;
            }
            line(&format!("{} in {}.", counted(story.events, "event"), counted(story.files, "file")), 0, Style::new(), out)?;
        }
    }
    let mut day = None;
    for chapter in &story.chapters {
        let of = chapter.time.map_or_else(|| "At no known time".to_owned(), |time| time.strftime("%A, %-d %B %Y").to_string());
        if day.as_ref() != Some(&of) {
            writeln!(out, "\n{}", of.bold())?;
            day = Some(of);
        }
        print_chapter(chapter, story.keys.len() > 1, out)?;
    }
    assumed(story, out)?;
    if !story.notes.is_empty() {
        writeln!(out, "\n{}", "To know".bold())?;
        for note in &story.notes {
            line(note, 2, Style::new(), out)?;
        }
    }
    Ok(())
}

fn print_chapter(chapter: &Chapter, are_many: bool, out: &mut impl Write) -> std::io::Result<()> {
    let time = |at: Option<jiff::Timestamp>| at.map_or_else(String::new, |at| at.strftime("%H:%M:%S").to_string());
    let key = if are_many { format!(" on {}", short_name(&chapter.key)) } else { String::new() };
    let refused = chapter.refused.as_ref().map_or_else(String::new, |code| format!(", refused: {code}"));
    let (span, what) = match &chapter.what {
        What::Act { .. } => (time(chapter.time), format!("{} by {}{key}{refused}", chapter.call, chapter.by)),
        What::Uses { count, last } => {
            let until = if *last == chapter.time { String::new() } else { format!(" – {}", time(*last)) };
            let times = if *count == 1 { String::new() } else { format!(", {} times", grouped(*count)) };
            (format!("{}{until}", time(chapter.time)), format!("{} by {}{key}{times}{refused}", chapter.call, chapter.by))
        }
    };
    let is_act = matches!(chapter.what, What::Act { .. });
    let style = if is_act { Style::new() } else { Style::new().bright_black() };
    for (index, text) in wrap(&visible(&what), WIDTH - INDENT).iter().enumerate() {
        let before = if index == 0 { span.as_str() } else { "" };
        writeln!(out, "{}{}", format!("{before:<INDENT$}").style(style), text.style(style))?;
    }
    if let What::Act { decision, state, .. } = &chapter.what {
        if let Some(told) = decision {
            print_decision(told, &chapter.key, out)?;
        }
        if let Some(state) = state {
            line(&format!("The key is {state}."), INDENT, Style::new().bright_black(), out)?;
        }
    }
    Ok(())
}

fn print_decision(told: &Told, key: &str, out: &mut impl Write) -> std::io::Result<()> {
    // Everything here is about the one key.
    let short = |text: &str| text.replace(key, "the key");
    let style = super::text::style_of(told.verdict);
    line(&format!("→ {}: {}", words::name(told.verdict), short(&told.why)), INDENT, style, out)?;
    for text in &told.escalations {
        line(&short(text), INDENT, Style::new().yellow(), out)?;
    }
    if told.verdict == Verdict::WouldRestore {
        line(&format!("Would be called: {}.", told.plan.join(", then ")), INDENT, Style::new(), out)?;
        line(&format!("What became of it: {}.", words::aftermath(&told.aftermath)), INDENT, Style::new(), out)?;
    }
    Ok(())
}

/// Prints what was assumed, each once.
fn assumed(story: &Story, out: &mut impl Write) -> std::io::Result<()> {
    let decisions = story.chapters.iter().filter_map(|chapter| match &chapter.what {
        What::Act { decision, .. } => decision.as_ref(),
        What::Uses { .. } => None,
    });
    let assumed: BTreeSet<&String> = decisions.flat_map(|told| &told.assumed).collect();
    if !assumed.is_empty() {
        writeln!(out, "\n{}", "Assumed, where the logs do not say".bold())?;
    }
    assumed.into_iter().try_for_each(|sentence| line(sentence, 2, Style::new().bright_black(), out))
}

fn line(text: &str, indent: usize, style: Style, out: &mut impl Write) -> std::io::Result<()> {
    for line in wrap(&visible(text), WIDTH - indent) {
        writeln!(out, "{:indent$}{}", "", highlight(&line).style(style))?;
    }
    Ok(())
}
