//! The evidence: log files become records, once each; an hour is sealed; what was changed is found; and nobody else signs or rewrites.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::{Timestamp, ToSpan as _};
use reprieve_evidence::seal::{Listed, Options, Report, SealKeys, Verdict, Verifier};
use serde_json::{Value, json};

use super::proof::{Answered, Observation};
use crate::stage::Stage;
use crate::stage::evidence::{Archived, log_file};

/// How long a file may take from the trail's bucket to the archive.
const RECORDING_WAIT: Duration = Duration::from_mins(1);

/// How long a file that cannot be recorded may take to the dead-letter queue: five attempts.
const GIVING_UP_WAIT: Duration = Duration::from_mins(2);

/// A key is endangered; the trail writes it down; the file is recorded, under Object Lock, and only once.
pub(crate) async fn recorded(stage: &Stage) -> Result<Observation> {
    let evidence = stage.evidence().await?;
    let key = stage.people.pat.create_key("what the trail writes of it").await?;
    stage.people.mallory.schedule_deletion(&key).await?;
    let mut seen = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.given_back().await?.seen;
    let records = stage.records_about(&key).await?;
    let file = log_file(&records)?;
    let log_key = stage.deliver("20261121T0500Z_recorded", file.clone()).await?;
    let archive = stage
        .wait("the log file in the archive", RECORDING_WAIT, async || {
            let found = of_file(stage, "_recorded.").await?;
            Ok(Some(found).filter(|found| found.len() == 2))
        })
        .await?;
    for (name, object) in &archive {
        let until = object.locked_until.with_context(|| format!("`{name}` is not under Object Lock in mode COMPLIANCE"))?;
        let year = Timestamp::now() + (364 * 24).hours();
        seen.demand(until > year, || format!("`{name}` is locked until {until} only"));
        seen.demand(object.versions == 1, || format!("`{name}` has {} versions", object.versions));
    }
    let lines = lines_of(&archive)?;
    seen.demand(lines.len() == records.len(), || format!("{} records were written, and {} lines are there", records.len(), lines.len()));
    for record in &records {
        let id = record["eventID"].as_str().unwrap_or_default();
        let line = lines.iter().find(|line| line.pointer("/unmapped/reprieve/event/id").and_then(Value::as_str) == Some(id));
        seen.demand(line.is_some(), || format!("nothing in the archive has the id `{id}` of `{}`", record["eventName"]));
        let version = line.and_then(|line| line.pointer("/metadata/version")).and_then(Value::as_str);
        seen.demand(version == Some("1.8.0"), || format!("the line of `{id}` is not of OCSF 1.8.0"));
    }
    // The same again, in another form; and what is no file of events.
    let notice = |key: &str| json!({ "s3Bucket": evidence.trail_bucket, "s3ObjectKey": [key] });
    let function = evidence.outputs.named("RecordFunctionName")?;
    let again = stage.invoke(function, &notice(&log_key)).await?;
    let wanted = json!({ "files": 1, "entries": records.len(), "findings": 0, "bytes": 0 });
    seen.demand(again == wanted, || format!("told of again, the function answers {again}, not {wanted}"));
    let digest = stage.invoke(function, &notice("AWSLogs/1/CloudTrail-Digest/eu-central-1/2026/11/21/d.json.gz")).await?;
    seen.demand(digest.get("files") == Some(&json!(0)), || format!("a digest was recorded: {digest}"));
    let after = of_file(stage, "_recorded.").await?;
    let unchanged = after.iter().map(|(name, object)| (name, object.versions)).eq(archive.keys().map(|name| (name, 1)));
    seen.demand(unchanged, || format!("a repeated notice changed the archive: {:?}", after.keys()));
    "recorded once".clone_into(&mut seen.observed);
    Ok(seen)
}

/// A file breaks off in its middle. What can be read of it is recorded, it waits for a human, and no other file is held up.
pub(crate) async fn broken_file(stage: &Stage) -> Result<Observation> {
    stage.evidence().await?;
    let mut seen = Observation::default();
    let key = stage.people.pat.create_key("what a broken file tells of it").await?;
    stage.people.mallory.disable(&key).await?;
    Answered::to(stage, "DisableKey", &key).await?;
    let whole = log_file(&stage.records_about(&key).await?)?;
    let before = stage.unrecorded().await?;
    let half = whole.get(..whole.len() / 2).context("the file is empty")?.to_vec();
    stage.deliver("20261121T0505Z_broken", half).await?;
    stage.deliver("20261121T0510Z_whole", whole).await?;
    let recorded = async || Ok(Some(of_file(stage, "_whole.").await?).filter(|found| found.len() == 2));
    stage.wait("the whole file in the archive", RECORDING_WAIT, recorded).await?;
    let given_up = async || Ok(Some(stage.unrecorded().await?).filter(|waiting| *waiting > before));
    let waiting = stage.wait("the broken file in the dead-letter queue", GIVING_UP_WAIT, given_up).await?;
    seen.demand(waiting == before + 1, || format!("{waiting} files wait in the dead-letter queue, not {}", before + 1));
    "set aside, the other recorded".clone_into(&mut seen.observed);
    Ok(seen)
}

/// Everything is sealed, and holds; one object is altered in a copy, and is named; so is one that is left out.
pub(crate) async fn sealed(stage: &Stage) -> Result<Observation> {
    stage.evidence().await?;
    let mut seen = Observation::default();
    let key = stage.people.pat.create_key("what is sealed of it").await?;
    stage.people.mallory.disable(&key).await?;
    Answered::to(stage, "DisableKey", &key).await?;
    let answer = stage.seal().await?;
    let counted = |what: &str| answer.get(what).and_then(Value::as_u64).unwrap_or_default();
    seen.demand(counted("seals") > 0 && counted("objects") > 0, || format!("nothing was sealed: {answer}"));
    let archive = stage.archive("").await?;
    for (name, object) in archive.iter().filter(|(name, _)| !name.starts_with("state/")) {
        seen.demand(object.locked_until.is_some() && object.versions == 1, || format!("`{name}` is not locked, or not the only version"));
    }
    let bytes: BTreeMap<&str, Vec<u8>> = archive.iter().map(|(name, object)| (name.as_str(), object.bytes.clone())).collect();
    let report = verified(&archive, &bytes)?;
    seen.demand(report.verdict == Verdict::Ok, || format!("the archive does not hold: {:?}", report.first()));
    let sealed = archive.keys().filter(|name| name.starts_with("audit/")).count() as u64;
    seen.demand(report.objects + report.awaiting == sealed, || format!("{} of {sealed} objects were verified", report.objects));

    let about_key = stage.audit.about(&key).await?;
    let target = about_key.first().context("nothing was recorded of the key")?.object.clone();
    let mut altered = bytes.clone();
    if let Some(byte) = altered.get_mut(target.as_str()).and_then(|object| object.last_mut()) {
        *byte ^= 1;
    }
    let found = verified(&archive, &altered)?.first().and_then(|problem| problem.name.clone());
    seen.demand(found.as_deref() == Some(&target), || format!("`{target}` was altered, and {found:?} is named"));
    let mut lacking = bytes;
    lacking.remove(target.as_str());
    let found = verified(&archive, &lacking)?.first().and_then(|problem| problem.name.clone());
    seen.demand(found.as_deref() == Some(&target), || format!("`{target}` was left out, and {found:?} is named"));

    let again = stage.seal().await?;
    let report = {
        let archive = stage.archive("").await?;
        let bytes = archive.iter().map(|(name, object)| (name.as_str(), object.bytes.clone())).collect();
        verified(&archive, &bytes)?
    };
    seen.demand(report.verdict == Verdict::Ok, || format!("sealed again ({again}), the archive does not hold: {:?}", report.first()));
    "sealed, altered object named".clone_into(&mut seen.observed);
    Ok(seen)
}

/// Whoever is not the seal function cannot sign; whoever is not the recorder or the sealer cannot write; and neither of the two can do what
/// the other does, nor delete.
pub(crate) async fn kept_apart(stage: &Stage) -> Result<Observation> {
    let evidence = stage.evidence().await?;
    stage.seal().await?;
    let mut seen = Observation::default();
    let seal_key = evidence.outputs.named("SealKeyArn")?;
    let recorder = stage.session_of(evidence.outputs.named("RecordFunctionName")?).await?;
    let sealer = stage.session_of(evidence.outputs.named("SealFunctionName")?).await?;
    let mallory = stage.endpoint.config(stage.people.mallory_as_administrator.credentials.clone(), &stage.endpoint.region);
    for (who, config) in [("the recorder", &recorder), ("an administrator", &mallory)] {
        let kms = aws_sdk_kms::Client::new(config);
        let request = kms.sign().key_id(seal_key).message(Blob::new(vec![0; 32])).message_type(MessageType::Digest);
        let signed = request.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send().await;
        refused(&mut seen, &format!("kms:Sign in the name of {who}"), signed);
    }
    let bucket = stage.audit.name();
    let written = "audit/decisions/year=2026/month=11/day=21/hour=05/account=1/region=x/forged.json";
    for (who, config, name) in [
        ("the recorder", &recorder, "seals/year=2026/month=11/day=21/20261121T050000Z.json"),
        ("the recorder", &recorder, written),
        ("the recorder", &recorder, "public-key.pem"),
        ("the sealer", &sealer, written),
        ("the sealer", &sealer, "state/baseline"),
    ] {
        let s3 = s3(config);
        let put = s3.put_object().bucket(bucket).key(name).if_none_match("*").body(ByteStream::from_static(b"{}"));
        refused(&mut seen, &format!("writing `{name}` in the name of {who}"), put.send().await);
    }
    let archive = stage.archive("audit/").await?;
    let (object, _) = archive.first_key_value().context("the archive is empty")?;
    for (who, config) in [("the recorder", &recorder), ("the sealer", &sealer)] {
        refused(&mut seen, &format!("deleting in the name of {who}"), s3(config).delete_object().bucket(bucket).key(object).send().await);
    }
    "all refused".clone_into(&mut seen.observed);
    Ok(seen)
}

fn s3(config: &aws_types::SdkConfig) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(true).build())
}

/// Demands that IAM, or a policy of the resource, refused a call.
fn refused<T, E: ProvideErrorMetadata>(seen: &mut Observation, what: &str, result: Result<T, E>) {
    match result {
        Ok(_) => seen.problems.push(format!("{what} was allowed")),
        Err(error) => {
            let code = error.code().unwrap_or("unknown").to_owned();
            seen.demand(code.starts_with("AccessDenied"), || format!("{what} failed as `{code}`, not for lack of permission"));
        }
    }
}

/// Returns the objects of the archive that were written of one log file, by a part of its name.
async fn of_file(stage: &Stage, part: &str) -> Result<BTreeMap<String, Archived>> {
    let mut found = stage.archive("audit/events/").await?;
    found.extend(stage.archive("audit/tables/events/").await?);
    found.retain(|name, _| name.contains(part));
    Ok(found)
}

/// Returns the lines of the JSON object among these.
fn lines_of(archive: &BTreeMap<String, Archived>) -> Result<Vec<Value>> {
    let (name, object) = archive.iter().find(|(name, _)| name.ends_with(".json.gz")).context("no JSON lines were written")?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(object.bytes.as_slice()), &mut text)
        .with_context(|| format!("`{name}` cannot be unpacked"))?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("a line of `{name}` is no JSON"))).collect()
}

/// Verifies these bytes as an archive, with the public key that lies in it.
fn verified(archive: &BTreeMap<String, Archived>, bytes: &BTreeMap<&str, Vec<u8>>) -> Result<Report> {
    let pem = bytes.get("public-key.pem").context("the archive holds no public key")?;
    let mut verifier = Verifier::new(
        SealKeys::parse(&String::from_utf8_lossy(pem))?,
        Options { unsealed: reprieve_evidence::seal::Unsealed::ByStoreTime, ..Options::default() },
    );
    for (name, object) in bytes.iter().filter(|(name, _)| name.starts_with("audit/")) {
        let modified = archive.get(*name).map(|object| object.modified);
        verifier.list(Listed { name: (*name).to_owned(), size_bytes: object.len() as u64, modified });
    }
    for (name, seal) in bytes.iter().filter(|(name, _)| name.starts_with("seals/")) {
        for expected in verifier.seal(name, Ok(seal)) {
            let read = bytes.get(expected.name()).map(Vec::as_slice);
            verifier.object(expected.examine(Ok(read)));
        }
    }
    Ok(verifier.finish(Timestamp::now()))
}
