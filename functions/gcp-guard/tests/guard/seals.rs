//! The evidence is sealed hour by hour, with a key that the guard gives back like any other.

use jiff::SignedDuration;
use reprieve_evidence::layout;
use reprieve_evidence::seal::{Seal, SealKeys};
use serde_json::json;

use crate::stage::{AUDIT_BUCKET, Answer, KEY, Stage};

const SEAL_KEY: &str = "projects/prod/locations/europe-west3/keyRings/reprieve/cryptoKeys/seal";

/// The hour in which something was written is over then, and so is the one after it.
const HOURS: SignedDuration = SignedDuration::from_hours(3);

fn version(number: u32) -> String {
    format!("{SEAL_KEY}/cryptoKeyVersions/{number}")
}

fn sealing_with(number: u32) -> Vec<(&'static str, String)> {
    vec![("REPRIEVE_GOOGLE_SEAL_KEY", version(number))]
}

/// Starts a guard that seals with the first version of a key.
async fn sealing_stage() -> Stage {
    let stage = Stage::start_with("enforce", sealing_with(1)).await;
    assert_eq!(stage.cloud.make_signing_key(SEAL_KEY), version(1));
    stage
}

/// Has the guard write an intent and an outcome.
async fn give_a_version_back(stage: &Stage) {
    let taken = stage.cloud.make_key(KEY);
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &taken);
    assert_eq!(stage.deliver(&entry).await.status, 200);
}

async fn seal(stage: &Stage) -> Answer {
    stage.post("/seal", &[], "").await
}

/// Returns the seals of the archive, the first one first.
fn seals(stage: &Stage) -> Vec<Seal> {
    let objects = stage.cloud.objects(AUDIT_BUCKET);
    objects.iter().filter(|(name, _)| name.starts_with(layout::SEALS)).map(|(_, bytes)| Seal::parse(bytes).unwrap()).collect()
}

/// Returns the names of the records in the archive.
fn records(stage: &Stage) -> Vec<String> {
    stage.cloud.objects(AUDIT_BUCKET).into_keys().filter(|name| name.starts_with(layout::AUDIT)).collect()
}

fn public_key(stage: &Stage, number: u32) -> SealKeys {
    SealKeys::parse(&stage.cloud.public_key_pem(&version(number)).unwrap()).unwrap()
}

/// P111
#[tokio::test]
async fn every_hour_that_is_over_is_sealed_once_with_all_that_was_written() {
    let stage = sealing_stage().await;
    give_a_version_back(&stage).await;
    stage.cloud.let_pass(HOURS);
    let reply = seal(&stage).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let (sealed, written) = (seals(&stage), records(&stage));
    assert!(sealed.len() >= 2 && written.len() == 2, "{} seals over {written:?}", sealed.len());
    let keys = public_key(&stage, 1);
    for seal in &sealed {
        assert_eq!((seal.verify(&keys), seal.check_list()), (Ok(()), Ok(())));
        assert_eq!((seal.head.archive.as_str(), seal.head.key_id.as_str()), ("gs://acme-audit", version(1).as_str()));
    }
    let mut listed: Vec<&str> = sealed.iter().flat_map(|seal| &seal.objects).map(|object| object.name.as_str()).collect();
    listed.sort_unstable();
    assert_eq!(listed, written);
    assert_eq!((&reply.json()["seals"], &reply.json()["objects"]), (&json!(sealed.len()), &json!(2)), "{}", reply.body);
    assert_eq!(reply.json()["last_seal"], json!(sealed.last().unwrap().hash().to_string()));
    // Whatever was due meanwhile, nothing is sealed twice.
    let reply = seal(&stage).await;
    assert_eq!((reply.status, &reply.json()["objects"]), (200, &json!(0)), "{}", reply.body);
    assert!(seals(&stage).starts_with(&sealed));
}

#[tokio::test]
async fn what_was_just_written_waits_for_its_hour_to_end() {
    let stage = sealing_stage().await;
    give_a_version_back(&stage).await;
    let reply = seal(&stage).await;
    assert_eq!((reply.status, &reply.json()["seals"]), (200, &json!(0)), "{}", reply.body);
    assert_eq!(seals(&stage).len(), 0);
}

/// P112
#[tokio::test]
async fn after_a_change_of_key_the_chain_goes_on_where_the_former_key_is_known() {
    let mut stage = sealing_stage().await;
    give_a_version_back(&stage).await;
    stage.cloud.let_pass(HOURS);
    assert_eq!(seal(&stage).await.status, 200);
    // The last hour is due once more.
    let mut kept = seals(&stage);
    stage.cloud.remove(AUDIT_BUCKET, &kept.pop().unwrap().name());
    assert_eq!(stage.cloud.make_signing_key(SEAL_KEY), version(2));

    stage.restart_with("enforce", sealing_with(2)).await;
    let reply = seal(&stage).await;
    assert!(reply.status == 503 && reply.body.contains("cannot be followed"), "{reply:?}");
    assert_eq!(seals(&stage), kept);

    let pem = stage.cloud.public_key_pem(&version(1)).unwrap();
    let former = pem.lines().filter(|line| !line.starts_with("-----")).collect::<String>();
    stage.restart_with("enforce", [sealing_with(2), vec![("REPRIEVE_FORMER_SEAL_KEYS", former)]].concat()).await;
    let reply = seal(&stage).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let sealed = seals(&stage);
    let (by_former, by_new) = sealed.split_at(kept.len());
    assert!(by_former == kept && !by_new.is_empty(), "{sealed:?}");
    let key = public_key(&stage, 2);
    assert!(by_new.iter().all(|seal| seal.verify(&key).is_ok()), "{by_new:?}");
    assert_eq!(by_new[0].head.previous, kept.last().map(Seal::hash));
}

/// P124
#[tokio::test]
async fn the_key_of_the_seals_is_given_back_like_any_other() {
    let stage = sealing_stage().await;
    give_a_version_back(&stage).await;
    stage.cloud.let_pass(HOURS);
    let entry = stage.cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version(1));
    let reply = seal(&stage).await;
    assert!(reply.status == 503 && reply.body.contains("is not enabled"), "{reply:?}");
    assert_eq!(seals(&stage).len(), 0);
    assert_eq!(stage.deliver(&entry).await.status, 200);
    assert_eq!(stage.cloud.version_state(&version(1)).as_deref(), Some("ENABLED"));
    assert_eq!(seal(&stage).await.status, 200);
    assert!(seals(&stage).len() >= 2);
}

#[tokio::test]
async fn a_refusal_leaves_no_seal_and_faults_that_pass_are_waited_out() {
    let stage = sealing_stage().await;
    give_a_version_back(&stage).await;
    stage.cloud.let_pass(HOURS);
    stage.cloud.fail("AsymmetricSign", 403, 1);
    let reply = seal(&stage).await;
    assert!(reply.status == 503 && reply.body.contains("cloudkms:AsymmetricSign: access denied"), "{reply:?}");
    assert_eq!(seals(&stage).len(), 0);
    for (call, status) in [("GetPublicKey", 429), ("ListObjects", 503), ("GetObject", 503), ("AsymmetricSign", 503), ("InsertObject", 429)]
    {
        stage.cloud.fail(call, status, 2);
    }
    let reply = seal(&stage).await;
    assert_eq!((reply.status, &reply.json()["objects"]), (200, &json!(2)), "{}", reply.body);
}

#[tokio::test]
async fn without_a_key_nothing_is_sealed_and_that_is_said() {
    let stage = Stage::start("enforce").await;
    give_a_version_back(&stage).await;
    stage.cloud.let_pass(HOURS);
    let reply = seal(&stage).await;
    assert!(reply.status == 503 && reply.body.contains("set REPRIEVE_GOOGLE_SEAL_KEY"), "{reply:?}");
    assert_eq!(seals(&stage).len(), 0);
}
