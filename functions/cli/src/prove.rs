//! `reprieve prove`: takes one record out of an archive, with everything it takes to show that it was sealed. Nothing is changed.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use reprieve_evidence::layout;
use reprieve_evidence::seal::{Proof, Seal, SealKeys, SealedObject, records};
use serde_json::Value;

use crate::archive::Archive;
use crate::args::verify::ProveArguments;
use crate::verify::keys;

/// How many records are told where several fit.
const TOLD: usize = 10;

/// A record in its place: its seal, its object, and its index there; none for the object as a whole.
struct Place {
    seal: Seal,
    object: String,
    index: Option<u64>,
}

/// Proves a record.
///
/// # Errors
/// When it is not there, was not sealed, or is not what was sealed.
pub(crate) async fn run(arguments: &ProveArguments) -> anyhow::Result<ExitCode> {
    // The error of a cloud would otherwise end with another exit code than the help says.
    prove(arguments).await.map_err(|error| anyhow!("{}", crate::said::said(&error)))
}

async fn prove(arguments: &ProveArguments) -> anyhow::Result<ExitCode> {
    let archive = Archive::open_anywhere(&arguments.archive, &arguments.cloud).await?;
    let known = keys(&archive, &arguments.public_keys).await?;
    let place = find(&archive, arguments, &known.keys).await?;
    let bytes = archive.read(&place.object).await?;
    let proof = Proof::of(&place.seal, &place.object, &bytes, place.index).with_context(|| format!("`{}`", place.seal.name()))?;
    proof.verify(&known.keys)?;
    match &arguments.out {
        Some(file) => {
            std::fs::write(file, proof.to_bytes()).with_context(|| format!("`{}` cannot be written", file.display()))?;
            let what = place.index.map_or_else(|| "the whole of".to_owned(), |index| format!("record {} of", index + 1));
            anstream::eprintln!("`{}` proves {what} `{}`", file.display(), place.object);
        }
        None => std::io::stdout().lock().write_all(&proof.to_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Finds a record by the name of its object, or by its id.
async fn find(archive: &Archive, arguments: &ProveArguments, keys: &SealKeys) -> anyhow::Result<Place> {
    let wanted = &arguments.record;
    let file = format!("/{}.json", layout::safe(wanted));
    let is_named = |object: &&SealedObject| object.name == *wanted || object.name.ends_with(&file);
    // By name first, which reads the seals alone.
    let mut found = Vec::new();
    for seal in archive.objects(layout::SEALS).await? {
        let seal = read_seal(archive, &seal.name, keys).await?;
        let named = seal.objects.iter().find(is_named).cloned();
        found.extend(named.map(|object| (seal, object)));
    }
    if found.len() > 1 {
        bail!("several objects are named so: {}", names(found.iter().map(|(_, object)| object.name.clone()).collect()));
    }
    if let Some((seal, object)) = found.pop() {
        let only = (object.records == 1).then_some(0);
        return Ok(Place { seal, object: object.name, index: arguments.line.map(|line| line - 1).or(only) });
    }
    if wanted.starts_with(layout::AUDIT) {
        bail!("no seal seals `{wanted}`: its hour may not be sealed yet");
    }
    anyhow::ensure!(arguments.line.is_none(), "--line goes with the name of an object, and `{wanted}` is none");
    find_inside(archive, wanted, keys).await
}

/// Looks for an id inside the records.
async fn find_inside(archive: &Archive, id: &str, keys: &SealKeys) -> anyhow::Result<Place> {
    let mut found: Vec<Place> = Vec::new();
    for name in archive.objects(layout::SEALS).await? {
        let seal = read_seal(archive, &name.name, keys).await?;
        for object in seal.objects.iter().filter(|object| object.records > 0) {
            let bytes = archive.read(&object.name).await?;
            let of_id = records(&object.name, &bytes).into_iter().enumerate().filter(|(_, record)| is_of(record, id));
            found.extend(of_id.map(|(index, _)| Place { seal: seal.clone(), object: object.name.clone(), index: Some(index as u64) }));
        }
    }
    if found.len() > 1 {
        let places = found.iter().map(|place| format!("{} --line {}", place.object, place.index.unwrap_or_default() + 1)).collect();
        bail!("{} records are of `{id}`; name one: {}", found.len(), names(places));
    }
    found.pop().with_context(|| format!("no sealed record is of `{id}`: give the id of a record or of an event, or the name of an object"))
}

/// Says whether a record is of this id: its own, or that of the event that it tells of.
fn is_of(record: &[u8], id: &str) -> bool {
    let holds_text = || record.windows(id.len().max(1)).any(|part| part == id.as_bytes());
    let is_there = |value: &Value| {
        ["/metadata/uid", "/metadata/original_event_uid", "/metadata/correlation_uid", "/api/request/uid", "/finding_info/uid"]
            .iter()
            .any(|pointer| value.pointer(pointer).and_then(Value::as_str) == Some(id))
    };
    holds_text() && serde_json::from_slice(record).is_ok_and(|value| is_there(&value))
}

async fn read_seal(archive: &Archive, name: &str, keys: &SealKeys) -> anyhow::Result<Seal> {
    let seal = Seal::parse(&archive.read(name).await?).with_context(|| format!("`{name}`"))?;
    seal.verify(keys).and_then(|()| seal.check_list()).with_context(|| format!("`{name}`"))?;
    Ok(seal)
}

fn names(all: Vec<String>) -> String {
    let more = all.len().saturating_sub(TOLD);
    let told = all.into_iter().take(TOLD).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if more == 0 { told } else { format!("{told}, and {more} more") }
}
