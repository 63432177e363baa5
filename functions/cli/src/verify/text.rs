//! What was verified, for people: the verdict first, then what it rests on.

use std::io::Write;

use owo_colors::{OwoColorize as _, Style};
use reprieve_evidence::seal::{Problem, ProofError, Proven, Report, Verdict};

use super::Keys;
use crate::style::{WIDTH, highlight, wrap};

/// Prints a report.
pub(super) fn print(report: &Report, keys: &Keys, out: &mut impl Write) -> std::io::Result<()> {
    match report.verdict {
        Verdict::Ok => writeln!(out, "{}", "✔ Everything is as it was sealed.".green().bold())?,
        Verdict::NothingToVerify => writeln!(out, "{}", "There is nothing to verify: neither a seal nor an object.".yellow().bold())?,
        Verdict::Problems => print_problems(report, out)?,
    }
    if report.seals > 0 {
        writeln!(out)?;
        print_facts(report, keys, out)?;
    }
    let key_note = (keys.are_from_archive && report.seals > 0).then_some(
        "The public key came out of the archive itself: that proves only that the archive agrees with itself. Give the key from where \
         it is kept with --public-key.",
    );
    let notes = report.notes.iter().map(String::as_str).chain(key_note);
    for (index, note) in notes.enumerate() {
        if index == 0 {
            writeln!(out)?;
        }
        print_wrapped(note, "", Style::new().yellow(), out)?;
    }
    Ok(())
}

fn print_problems(report: &Report, out: &mut impl Write) -> std::io::Result<()> {
    for (index, problem) in report.problems.iter().enumerate() {
        if index == 1 {
            writeln!(out)?;
            writeln!(out, "{}", format!("and {} more:", report.problem_count - 1).bold())?;
        }
        let mark = if index == 0 { "✘ " } else { "  " };
        writeln!(out, "{}", format!("{mark}{}", title(problem)).style(Style::new().red().bold()))?;
        print_wrapped(&problem.sentence, "    ", Style::new(), out)?;
    }
    let untold = report.problem_count.saturating_sub(report.problems.len() as u64);
    if untold > 0 {
        writeln!(out, "  {untold} more are told with --json.")?;
    }
    Ok(())
}

fn title(problem: &Problem) -> String {
    let kind = problem.kind.as_str();
    problem.name.as_ref().map_or_else(|| kind.to_owned(), |name| format!("{kind}: {}", shown(name)))
}

/// A name can hold whatever somebody wrote into a folder: none of it reaches the terminal as a command to it.
fn shown(name: &str) -> String {
    name.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

fn print_facts(report: &Report, keys: &Keys, out: &mut impl Write) -> std::io::Result<()> {
    let mut facts = Vec::new();
    facts.extend(report.archive.as_deref().map(|archive| ("archive", shown(archive))));
    if let (Some(from), Some(last)) = (report.from, &report.last_seal) {
        facts.push(("sealed", format!("{from} to {}, {}", last.until, counted(report.seals, "seal"))));
    }
    let awaiting = if report.awaiting == 0 { String::new() } else { format!(", {} more in no seal yet", thousands(report.awaiting)) };
    let (objects, records) = (counted(report.objects, "object"), counted(report.records, "record"));
    facts.push(("holds", format!("{objects} as sealed, with {records} in {}{awaiting}", size(report.bytes))));
    if let Some(last) = &report.last_seal {
        facts.push(("signed by", shown(&last.key_id)));
    }
    facts.extend(keys.keys.fingerprints().map(|fingerprint| ("key", format!("SHA-256 {fingerprint}"))));
    if let Some(last) = &report.last_seal {
        facts.push(("last seal", format!("number {}, made {}", thousands(last.sequence), last.sealed_at)));
        facts.push(("its hash", last.hash.to_string()));
    }
    facts.iter().try_for_each(|(name, value)| writeln!(out, "  {:<10} {value}", name.dimmed()))
}

/// Prints what came of a proof.
pub(super) fn print_proof(verified: &Result<Proven<'_>, ProofError>, out: &mut impl Write) -> std::io::Result<()> {
    let proven = match verified {
        Ok(proven) => proven,
        Err(why) => {
            writeln!(out, "{}", "✘ This proves nothing.".red().bold())?;
            return print_wrapped(&why.to_string(), "    ", Style::new(), out);
        }
    };
    let (head, object) = (proven.head, proven.object);
    let what = if proven.record.is_some() { "record" } else { "object" };
    writeln!(out, "{}", format!("✔ This {what} was sealed, as it is here.").green().bold())?;
    writeln!(out)?;
    let mut facts = vec![
        ("written", format!("from {} to {}", head.from, head.until)),
        ("archive", shown(&head.archive)),
        ("object", shown(&object.name)),
        ("its bytes", format!("{}, SHA-256 {}", size(object.size_bytes), object.sha256)),
    ];
    facts.extend(proven.record.map(|record| ("record", format!("{} of {}", record.index.saturating_add(1), object.records))));
    facts.push(("seal", format!("number {}, made {}", head.sequence, head.sealed_at)));
    facts.push(("its hash", proven.seal_hash.to_string()));
    facts.push(("signed by", shown(&head.key_id)));
    facts.iter().try_for_each(|(name, value)| writeln!(out, "  {:<10} {value}", name.dimmed()))?;
    if let Some(record) = proven.record {
        writeln!(out)?;
        writeln!(out, "{}", shown(record.text.trim_end()))?;
    }
    Ok(())
}

fn print_wrapped(text: &str, indent: &str, style: Style, out: &mut impl Write) -> std::io::Result<()> {
    let lines = wrap(&shown(text), WIDTH - indent.len());
    lines.iter().try_for_each(|line| writeln!(out, "{indent}{}", highlight(line).style(style)))
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{} {what}s", thousands(count)) }
}

fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let first = digits.len() % 3;
    digits.char_indices().fold(String::new(), |mut text, (index, digit)| {
        if index > 0 && index % 3 == first {
            text.push(',');
        }
        text.push(digit);
        text
    })
}

/// Writes a size with one decimal, in units of 1,024.
fn size(bytes: u64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let step = (bytes.max(1).ilog2() / 10) as usize;
    let unit = units.get(step).copied().unwrap_or("bytes");
    if step == 0 {
        return format!("{bytes} {unit}");
    }
    let scale = 1_u128 << (10 * step);
    let tenths = u128::from(bytes) * 10 / scale;
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_counts_are_read_at_a_glance() {
        let sizes = [0, 1023, 1024, 1_572_864, u64::MAX].map(size);
        assert_eq!(sizes, ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 MiB", "15.9 EiB"]);
        assert_eq!([1, 999, 1_000, 1_234_567].map(thousands), ["1", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1, "seal"), counted(0, "seal")], ["1 seal", "0 seals"]);
    }

    #[test]
    fn a_name_cannot_write_to_the_terminal() {
        assert_eq!(shown("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
