//! What was approved and what remains to do, as a person reads it and as one JSON object.

use std::io::Write;

use jiff::Timestamp;
use owo_colors::{OwoColorize as _, Style};
use reprieve_core::approval::slot::TagSlot;
use reprieve_core::approval::window::Window;
use reprieve_core::approval::{ApprovalSource, SealedApproval};
use serde::Serialize;

use crate::desk::approvable::Approvable;
use crate::desk::{distance, shown_window};
use crate::style::{WIDTH, highlight, wrap};

/// The width of the column of names, in characters.
const NAMES: usize = 10;

/// Something that is still to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Remaining {
    pub(super) what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) command: Option<String>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Report<'a> {
    pub(super) resource: Approvable<'a>,
    pub(super) approval: &'a SealedApproval,
    pub(super) window: Window,
    pub(super) seal_key: &'a str,
    pub(super) source: ApprovalSource,
    /// Where on the resource it stands; `None` in the ledger.
    pub(super) slot: Option<TagSlot>,
    /// Where it was written, in words.
    pub(super) written: String,
    pub(super) dry_run: bool,
    pub(super) warnings: Vec<String>,
    pub(super) remains: Vec<Remaining>,
    pub(super) now: Timestamp,
}

#[derive(Debug, Serialize)]
struct Json<'a> {
    approved: bool,
    dry_run: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aliases: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    change: &'a str,
    action: &'a str,
    window: &'a str,
    approver: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    seal: &'a str,
    seal_key: &'a str,
    source: ApprovalSource,
    is_second_approval: bool,
    warnings: &'a [String],
    remains: &'a [Remaining],
}

impl Report<'_> {
    /// Prints one JSON object.
    pub(super) fn print_json(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let Self { resource, approval, .. } = self;
        let json = Json {
            approved: !self.dry_run,
            dry_run: self.dry_run,
            key: resource.key(),
            aliases: resource.aliases(),
            resource: resource.resource(),
            change: &approval.change,
            action: &approval.action,
            window: &approval.window,
            approver: &approval.approver,
            seal: &approval.seal,
            seal_key: self.seal_key,
            source: self.source,
            is_second_approval: self.slot == Some(TagSlot::CoApprover),
            warnings: &self.warnings,
            remains: &self.remains,
        };
        Ok(writeln!(out, "{}", serde_json::to_string(&json)?)?)
    }

    /// Prints what a person wants to know.
    pub(super) fn print(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let Self { resource, approval, seal_key, .. } = self;
        let (done, style) =
            if self.dry_run { ("WOULD APPROVE", Style::new().yellow().bold()) } else { ("APPROVED", Style::new().green().bold()) };
        writeln!(out, "{}  {}: {} {}", done.style(style), approval.change.bold(), approval.action, resource.name().bold())?;
        field(resource.caption(), resource.id(), out)?;
        field("window", &self.window_words(), out)?;
        field("approver", &approval.approver, out)?;
        let verified = if self.dry_run { "would be signed with" } else { "verified; signed with" };
        field("seal", &format!("{verified} {seal_key}"), out)?;
        field("written", &self.written, out)?;
        for warning in &self.warnings {
            for (index, line) in wrap(warning, WIDTH - 2 - NAMES).iter().enumerate() {
                let name = if index == 0 { "warning" } else { "" };
                writeln!(out, "  {}{}", format!("{name:<NAMES$}").yellow(), highlight(line))?;
            }
        }
        if self.remains.is_empty() {
            return Ok(());
        }
        writeln!(out, "{}", "What remains to do".bold())?;
        for (index, Remaining { what, command }) in self.remains.iter().enumerate() {
            for (line_index, line) in wrap(what, WIDTH - 5).iter().enumerate() {
                let number = if line_index == 0 { format!("{}.", index + 1) } else { String::new() };
                writeln!(out, "  {number:<3}{}", highlight(line))?;
            }
            if let Some(command) = command {
                writeln!(out, "     {}", command.cyan())?;
            }
        }
        Ok(())
    }

    fn window_words(&self) -> String {
        let Self { window, now, .. } = self;
        let standing = if *now < window.start {
            format!("opens in {}", distance(window.start, *now))
        } else if *now < window.end {
            format!("open now, closes in {}", distance(window.end, *now))
        } else {
            format!("closed {} ago", distance(*now, window.end))
        };
        format!("{} ({standing})", shown_window(*window))
    }
}

fn field(name: &str, text: &str, out: &mut impl Write) -> anyhow::Result<()> {
    for (index, line) in wrap(text, WIDTH - 2 - NAMES).iter().enumerate() {
        let name = if index == 0 { name } else { "" };
        writeln!(out, "  {}{}", format!("{name:<NAMES$}").bright_black(), highlight(line))?;
    }
    Ok(())
}
