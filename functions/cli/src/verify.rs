//! `reprieve verify`: whether an archive, or a proof of one record, is as it was sealed. It reads, and changes nothing.

mod text;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use reprieve_evidence::layout;
use reprieve_evidence::seal::{Examined, Expected, Hash, Listed, Options, Proof, Proven, Report, SealKeys, Unsealed, Verdict, Verifier};
use serde::Serialize;

use crate::archive::Archive;
use crate::args::verify::VerifyArguments;

/// Something is not as it was sealed.
const PROBLEMS: u8 = 1;
/// It could not be verified.
const NOT_VERIFIED: u8 = 2;
/// How many problems are told to people, and to programs.
const TOLD: usize = 20;
const TOLD_AS_JSON: usize = 1000;
/// How many objects are read and hashed at a time.
const PARALLEL: usize = 8;

/// The keys that are believed, and whether the archive brought its own.
pub(crate) struct Keys {
    pub(crate) keys: SealKeys,
    pub(crate) are_from_archive: bool,
}

/// What is printed with `--json` of an archive.
#[derive(Serialize)]
struct Printed<'r> {
    #[serde(flatten)]
    report: &'r Report,
    key_is_from_archive: bool,
    key_fingerprints: Vec<Hash>,
}

/// Verifies an archive or a proof.
///
/// # Errors
/// When it cannot be read, or there is no key. Whatever failed, the exit code says that it could not be verified, not that it is wrong.
pub(crate) async fn run(arguments: &VerifyArguments, now: Timestamp) -> anyhow::Result<ExitCode> {
    // The error of a cloud would otherwise end with the exit code of a problem.
    verify(arguments, now).await.map_err(|error| {
        if error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
            return error;
        }
        anyhow!("{}", crate::said::said(&error))
    })
}

async fn verify(arguments: &VerifyArguments, now: Timestamp) -> anyhow::Result<ExitCode> {
    if Path::new(&arguments.subject).is_file() {
        return verify_proof(arguments);
    }
    let archive = Archive::open_anywhere(&arguments.subject, &arguments.cloud).await?;
    // The seals first: what they seal is there, whatever is written meanwhile.
    let seals = archive.objects(layout::SEALS).await?;
    let objects = archive.objects(layout::AUDIT).await?;
    let keys = if objects.is_empty() && seals.is_empty() && arguments.public_keys.is_empty() {
        Keys { keys: SealKeys::default(), are_from_archive: false }
    } else {
        keys(&archive, &arguments.public_keys).await?
    };
    let options = Options {
        from: arguments.from,
        to: arguments.to,
        unsealed: unsealed(&archive, arguments.allow_unsealed),
        sealed_until: arguments.sealed_until,
        last_seal: arguments.last_seal,
        problem_limit: if arguments.json { TOLD_AS_JSON } else { TOLD },
    };
    let mut verifier = Verifier::new(keys.keys.clone(), options);
    for object in objects {
        verifier.list(Listed { name: object.name, size_bytes: object.size_bytes, modified: Some(object.modified) });
    }
    for seal in seals {
        let read = archive.read(&seal.name).await.map_err(|error| format!("{error:#}"));
        let expected = verifier.seal(&seal.name, read.as_deref().map_err(String::as_str));
        let mut examined = stream::iter(expected.into_iter().map(|expected| examine(&archive, expected))).buffered(PARALLEL);
        while let Some(examined) = examined.next().await {
            verifier.object(examined?);
        }
    }
    let report = verifier.finish(now);
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    if arguments.json {
        let key_fingerprints = keys.keys.fingerprints().collect();
        let printed = Printed { report: &report, key_is_from_archive: keys.are_from_archive, key_fingerprints };
        serde_json::to_writer_pretty(&mut out, &printed)?;
        writeln!(out)?;
    } else {
        text::print(&report, &keys, &mut out)?;
    }
    out.flush()?;
    Ok(match report.verdict {
        Verdict::Ok => ExitCode::SUCCESS,
        Verdict::Problems => ExitCode::from(PROBLEMS),
        Verdict::NothingToVerify => ExitCode::from(NOT_VERIFIED),
    })
}

/// In a folder anybody can set when a file was written; of a store, the time is its own word.
fn unsealed(archive: &Archive, are_allowed: bool) -> Unsealed {
    match archive {
        Archive::Folder(_) | Archive::Bucket { .. } if are_allowed => Unsealed::Awaiting,
        Archive::Folder(_) => Unsealed::Added,
        Archive::Bucket { .. } => Unsealed::ByStoreTime,
    }
}

/// Reads an object, and compares it on another thread with what was sealed.
async fn examine(archive: &Archive, expected: Expected) -> anyhow::Result<Examined> {
    let read = archive.read(expected.name()).await.map_err(|error| format!("{error:#}"));
    let examine = move || expected.examine(read.as_deref().map(Some).map_err(String::as_str));
    Ok(tokio::task::spawn_blocking(examine).await?)
}

/// Reads the keys that were given, or the one of the archive.
///
/// # Errors
/// When there is none, or one cannot be read.
pub(crate) async fn keys(archive: &Archive, files: &[PathBuf]) -> anyhow::Result<Keys> {
    if !files.is_empty() {
        return Ok(Keys { keys: keys_of(files)?, are_from_archive: false });
    }
    let without = || format!("the archive holds no `{}`: give the public key of its seals with --public-key", layout::PUBLIC_KEY);
    let pem = archive.read(layout::PUBLIC_KEY).await.with_context(without)?;
    let keys = SealKeys::parse(&String::from_utf8_lossy(&pem)).with_context(|| format!("`{}` of the archive", layout::PUBLIC_KEY))?;
    Ok(Keys { keys, are_from_archive: true })
}

fn keys_of(files: &[PathBuf]) -> anyhow::Result<SealKeys> {
    let mut keys = SealKeys::default();
    for file in files {
        let pem = std::fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))?;
        keys.extend(SealKeys::parse(&pem).with_context(|| format!("`{}`", file.display()))?);
    }
    Ok(keys)
}

fn verify_proof(arguments: &VerifyArguments) -> anyhow::Result<ExitCode> {
    let file = &arguments.subject;
    let is_about_archives = arguments.from.is_some()
        || arguments.to.is_some()
        || arguments.allow_unsealed
        || arguments.sealed_until.is_some()
        || arguments.last_seal.is_some();
    anyhow::ensure!(!is_about_archives, "`{file}` is a file: of a proof, --public-key and --json alone mean something");
    anyhow::ensure!(
        !arguments.public_keys.is_empty(),
        "`{file}` is a file, and a proof brings no key: give the public key of the seals with --public-key"
    );
    let keys = keys_of(&arguments.public_keys)?;
    let bytes = std::fs::read(file).with_context(|| format!("`{file}` cannot be read"))?;
    let proof = Proof::parse(&bytes).with_context(|| format!("`{file}`"))?;
    let verified = proof.verify(&keys);
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &printed(&verified))?;
        writeln!(out)?;
    } else {
        text::print_proof(&verified, &mut out)?;
    }
    out.flush()?;
    Ok(if verified.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(PROBLEMS) })
}

/// Returns what is printed with `--json` of a proof.
fn printed(verified: &Result<Proven<'_>, reprieve_evidence::seal::ProofError>) -> serde_json::Value {
    match verified {
        Ok(proven) => serde_json::json!({
            "verdict": "ok",
            "record": proven.record,
            "object": proven.object,
            "head": proven.head,
            "seal_hash": proven.seal_hash,
        }),
        Err(why) => serde_json::json!({"verdict": "problems", "sentence": why.to_string()}),
    }
}
