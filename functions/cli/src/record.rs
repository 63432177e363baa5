//! `reprieve record`: reads old log files, and writes what they say of keys, secrets and logs, into an archive or as text. It calls
//! no cloud, and replaces nothing.

mod tally;
mod text;

use std::fs::File;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, bail};
use reprieve_archive::{ArchiveSink, FolderStore, Form, Portions, distinct, log_file_name};
use reprieve_engine::evidence::{Appended, Batch, EvidenceSink as _};
use reprieve_scan::{Entry, LogFile, Scanner, each, find};
use reprieve_wire::audit::Parsed;

use self::tally::Tally;
use crate::args::record::{Format, RecordArguments};

/// Something could not be read, or was refused in its place in the archive; the rest is recorded.
const NOT_ALL_READ: u8 = 3;

/// Records.
///
/// # Errors
/// When a place holds nothing to read, or what is read cannot be written.
pub(crate) fn run(arguments: &RecordArguments) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let mut tally = Tally::default();
    let files = files_of(arguments, &mut tally)?;
    let scanner = Scanner::default();
    match form_of(arguments.format) {
        Some(form) => write_text(&files, &scanner, form, &mut tally)?,
        None => write_archive(arguments, &files, &scanner, &mut tally)?,
    }
    tally.end(started.elapsed());
    // What is recorded may be standard output already; the tally then goes beside it.
    if form_of(arguments.format).is_some() {
        show(arguments, &tally, &mut anstream::stderr().lock())?;
    } else {
        show(arguments, &tally, &mut anstream::stdout().lock())?;
    }
    Ok(if tally.is_all_read() && tally.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(NOT_ALL_READ) })
}

fn show(arguments: &RecordArguments, tally: &Tally, out: &mut impl Write) -> anyhow::Result<()> {
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &tally.json())?;
        writeln!(out)?;
    } else {
        text::print(tally, arguments.to.as_deref(), out)?;
    }
    Ok(())
}

/// Returns the form of text; `None` where an archive is written.
const fn form_of(format: Format) -> Option<Form> {
    match format {
        Format::Archive | Format::Parquet => None,
        Format::Ocsf => Some(Form::Ocsf),
        Format::Ecs => Some(Form::Ecs),
        Format::Csv => Some(Form::Csv),
    }
}

/// A log file, and what it is called in the archive.
struct Input {
    file: LogFile,
    log_file: String,
}

fn files_of(arguments: &RecordArguments, tally: &mut Tally) -> anyhow::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for place in &arguments.places {
        crate::place::check(&place.to_string_lossy(), false)?;
        let found = find(place).with_context(|| format!("`{}` cannot be read", place.display()))?;
        if found.files.is_empty() {
            bail!("`{}` holds no log files: name a folder with files such as `*.json.gz`, or the files", place.display());
        }
        tally.left_out(&found.left_out);
        inputs.extend(found.files.into_iter().map(|file| {
            // The whole path tells more, where it has what is the same wherever a copy lies.
            let whole = file.path.to_string_lossy();
            let is_told = whole.contains("resourceId=") || whole.contains("cloudaudit.googleapis.com/");
            let log_file = log_file_name(if is_told { &whole } else { &file.name });
            Input { file, log_file }
        }));
    }
    Ok(inputs)
}

/// Writes all entries to standard output, in the order of the files.
fn write_text(inputs: &[Input], scanner: &Scanner, form: Form, tally: &mut Tally) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    out.write_all(form.beginning().as_bytes())?;
    for input in inputs {
        let mut failed = None;
        tally.add(scan(input, scanner, |entry| {
            if failed.is_none() {
                failed = out.write_all(form.line(&entry).as_bytes()).err();
            }
        }));
        if let Some(error) = failed {
            return Err(error.into());
        }
    }
    out.flush()?;
    Ok(())
}

/// Writes all entries into a folder, several files at once.
fn write_archive(arguments: &RecordArguments, inputs: &[Input], scanner: &Scanner, tally: &mut Tally) -> anyhow::Result<()> {
    let Some(folder) = &arguments.to else {
        bail!("say where the archive is to be, with --to FOLDER; or write text, with --format ocsf, ecs or csv");
    };
    let store = FolderStore::create(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
    let sink = ArchiveSink::new(store);
    let threads = arguments.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let tables_only = arguments.format == Format::Parquet;
    for recorded in each(inputs, threads, |input| record(input, scanner, &sink, tables_only)) {
        tally.add(recorded?);
    }
    Ok(())
}

/// Writes the entries of one file.
fn record(input: &Input, scanner: &Scanner, sink: &ArchiveSink<FolderStore>, tables_only: bool) -> anyhow::Result<Tally> {
    let mut written = Ok(Written::default());
    let mut write = |batch: Batch| {
        if let Ok(sum) = &mut written {
            match write_batch(&batch, sink, tables_only) {
                Ok(one) => sum.add(one),
                Err(error) => written = Err(error),
            }
        }
    };
    let mut portions = Portions::new(input.log_file.clone());
    let mut tally = scan(input, scanner, |entry| {
        if let Some(batch) = portions.push(entry) {
            write(batch);
        }
    });
    if let Some(batch) = portions.finish() {
        write(batch);
    }
    let written = written.with_context(|| format!("what `{}` holds cannot be written", input.file.name))?;
    tally.written(written.bytes, written.duplicates);
    for why in written.refused {
        tally.refused(&input.file.name, why);
    }
    Ok(tally)
}

/// What came of writing.
#[derive(Default)]
struct Written {
    bytes: u64,
    duplicates: u64,
    /// What the archive refused for what is in it, and where it lies instead.
    refused: Vec<String>,
}

impl Written {
    fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.duplicates += other.duplicates;
        self.refused.extend(other.refused);
    }
}

fn write_batch(batch: &Batch, sink: &ArchiveSink<FolderStore>, tables_only: bool) -> anyhow::Result<Written> {
    let duplicates = (batch.events.len() - distinct(&batch.events).len()) as u64;
    let Appended { bytes, refused } =
        crate::wait_for(async { Ok(if tables_only { sink.append_tables(batch).await? } else { sink.append_events(batch).await? }) })?;
    Ok(Written { bytes, duplicates, refused })
}

/// Reads one file; `take` has its entries.
fn scan(input: &Input, scanner: &Scanner, mut take: impl FnMut(reprieve_core::AuditEvent)) -> Tally {
    let name = &input.file.name;
    let mut tally = Tally::of_one_file();
    let scan = match File::open(&input.file.path) {
        Ok(file) => scanner.scan(file, |Entry { record, parsed }| match parsed {
            Ok(Parsed::Entry(entry)) => {
                tally.entry(&entry);
                take(*entry);
            }
            Ok(Parsed::NotOurs { .. }) => {}
            Err(error) => tally.unreadable(name, record.ordinal, error.to_string()),
        }),
        Err(error) => {
            tally.fault(name, format!("it cannot be opened: {error}"));
            return tally;
        }
    };
    tally.counts(scan.counts);
    if let Some(fault) = scan.fault {
        tally.fault(name, fault.to_string());
    }
    tally
}
