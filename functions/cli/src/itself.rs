//! `reprieve completions` and `reprieve man`: made from the command line's own definition, so that they never lag behind it.

use std::io::Write;

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::args::Arguments;
use crate::args::itself::{CompletionsArguments, ManArguments};

/// What every rendered section begins with; once a page is enough.
const PREAMBLE: [&str; 2] = [r".ie \n(.g .ds Aq \(aq", ".el .ds Aq '"];

/// Prints the completions of a shell.
///
/// # Errors
/// When the output cannot be written.
pub(crate) fn completions(arguments: &CompletionsArguments) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "reprieve", &mut script);
    write_out(&script)
}

/// Prints the manual page, or writes one for each verb into a folder.
///
/// # Errors
/// When the output or a file cannot be written.
pub(crate) fn man(arguments: &ManArguments) -> anyhow::Result<()> {
    let Some(folder) = &arguments.dir else {
        return write_out(&whole_page()?);
    };
    std::fs::create_dir_all(folder).with_context(|| format!("the folder `{}` cannot be made", folder.display()))?;
    for (name, page) in pages()? {
        let file = folder.join(name);
        std::fs::write(&file, page).with_context(|| format!("`{}` cannot be written", file.display()))?;
    }
    Ok(())
}

/// The command's page, and below it what each verb takes.
fn whole_page() -> anyhow::Result<Vec<u8>> {
    let mut command = Arguments::command();
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for (name, verb) in verbs(&command) {
        writeln!(page, ".SH {}", escaped(&name.to_uppercase()))?;
        let man = Man::new(verb.clone());
        let mut sections = Vec::new();
        man.render_description_section(&mut sections)?;
        man.render_synopsis_section(&mut sections)?;
        man.render_options_section(&mut sections)?;
        extra(&verb, &mut sections)?;
        let sections = String::from_utf8_lossy(&sections);
        let lines = sections.lines().filter(|line| !PREAMBLE.contains(line) && *line != ".SH DESCRIPTION");
        for line in lines {
            writeln!(page, "{}", line.replacen(".SH ", ".SS ", 1))?;
        }
    }
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// The pages by file name: the command's, and one for each verb.
fn pages() -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut command = Arguments::command();
    command.build();
    let mut pages = vec![page_of("reprieve", &command)?];
    for (name, verb) in verbs(&command) {
        pages.push(page_of(&name.replace(' ', "-"), &verb)?);
    }
    Ok(pages)
}

fn page_of(name: &str, command: &clap::Command) -> anyhow::Result<(String, Vec<u8>)> {
    let man = Man::new(command.clone()).title(name).source(concat!("reprieve ", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    extra(command, &mut page)?;
    if command.get_version().is_some() {
        man.render_version_section(&mut page)?;
    }
    Ok((format!("{name}.1"), page))
}

/// The verbs that do something, with their full names: `reprieve policy check`, not `reprieve policy`.
fn verbs(command: &clap::Command) -> Vec<(String, clap::Command)> {
    let mut found = Vec::new();
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        if verb.has_subcommands() {
            found.extend(verbs(verb));
        } else {
            let name = verb.get_bin_name().unwrap_or_else(|| verb.get_name()).to_owned();
            found.push((name, verb.clone()));
        }
    }
    found
}

/// The text below the options: its headings become sections, and what is laid out already is not filled again.
fn extra(command: &clap::Command, page: &mut Vec<u8>) -> std::io::Result<()> {
    let Some(text) = command.get_after_long_help() else {
        return Ok(());
    };
    let mut is_open = false;
    for line in text.to_string().lines() {
        if line.is_empty() || line.starts_with(' ') {
            writeln!(page, "{}", escaped(line))?;
            continue;
        }
        let end = if is_open { ".EE\n" } else { "" };
        writeln!(page, "{end}.SH {}\n.EX", escaped(line))?;
        is_open = true;
    }
    if is_open { writeln!(page, ".EE") } else { Ok(()) }
}

/// Writes a text so that roff shows it as it is.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq");
    if text.starts_with('.') { format!("\\&{text}") } else { text }
}

fn write_out(bytes: &[u8]) -> anyhow::Result<()> {
    Ok(std::io::stdout().lock().write_all(bytes)?)
}
