//! The clients against the sandbox: what each asks for, and what it makes of the answers.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use reprieve_core::google::{GoogleName, VersionState};
use reprieve_core::{EventId, Mode, Target};
use reprieve_engine::{
    CallError, Claim, EvidenceStore as _, KeyVersionControl as _, LatestCalls, LostVersions, SealSigner as _, VersionClaims as _,
};
use reprieve_evidence::seal::{Draft, Place, SealKeys};
use reprieve_gcp::{Api, Bucket, CloudKms, CloudKmsSealSigner, Endpoint, GoogleHttp, MetadataServer, StorageClaims};
use reprieve_google_sandbox::{OWN_ACCOUNT, Sandbox};

const KEY: &str = "projects/prod/locations/europe-west3/keyRings/payments/cryptoKeys/card-data";

async fn stage() -> (Sandbox, Api, MetadataServer) {
    let cloud = Sandbox::start().await.unwrap();
    let http = GoogleHttp::new(Some(Endpoint::parse(cloud.url()).unwrap())).unwrap();
    let metadata = MetadataServer::new(http.clone());
    (cloud, Api::new(http, metadata.clone()), metadata)
}

fn name(text: &str) -> GoogleName {
    GoogleName::parse(text).unwrap()
}

fn kms(api: &Api) -> CloudKms {
    CloudKms::new(api.clone(), ["prod".to_owned()])
}

/// How often the log was read.
fn log_reads(cloud: &Sandbox) -> usize {
    cloud.calls().iter().filter(|call| *call == "ListLogEntries").count()
}

/// What the calls did, the latest first.
fn operations(past: &LatestCalls) -> Vec<&str> {
    past.calls.iter().map(|entry| entry.operation.as_str()).collect()
}

/// Says whether all calls are on this very version.
fn are_on(past: &LatestCalls, version: &GoogleName) -> bool {
    past.calls.iter().all(|entry| entry.event.target == Target::Google(version.clone()))
}

fn event() -> EventId {
    EventId::parse("ins0001-00ff").unwrap()
}

#[tokio::test]
async fn a_version_is_restored_to_disabled_and_then_enabled() {
    let (cloud, api, _) = stage().await;
    let version = name(&cloud.make_key(KEY));
    cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", version.as_str());
    let waiting = kms(&api).version(&version).await.unwrap();
    assert!(waiting.state == VersionState::DestroyScheduled && waiting.destroy_at.is_some(), "{waiting:?}");
    kms(&api).restore(&version).await.unwrap();
    assert_eq!(kms(&api).version(&version).await.unwrap().state, VersionState::Disabled);
    kms(&api).enable(&version).await.unwrap();
    assert_eq!(kms(&api).version(&version).await.unwrap().state, VersionState::Enabled);
}

#[tokio::test]
async fn a_state_that_does_not_allow_a_call_is_told_as_such() {
    let (cloud, api, _) = stage().await;
    let version = name(&cloud.make_key(KEY));
    let error = kms(&api).restore(&version).await.unwrap_err();
    assert!(matches!(error, CallError::InvalidState { .. }), "{error}");
    cloud.set_version_state(version.as_str(), "DESTROYED");
    let error = kms(&api).enable(&version).await.unwrap_err();
    assert!(matches!(error, CallError::InvalidState { .. }), "{error}");
}

#[tokio::test]
async fn what_does_not_exist_and_what_is_denied_is_not_tried_again() {
    let (cloud, api, _) = stage().await;
    let error = kms(&api).version(&name(&format!("{KEY}/cryptoKeyVersions/9"))).await.unwrap_err();
    assert!(matches!(error, CallError::NotFound { .. }), "{error}");
    cloud.fail("GetCryptoKey", 403, 9);
    let error = kms(&api).labels(&name(KEY)).await.unwrap_err();
    assert!(matches!(error, CallError::AccessDenied { .. }), "{error}");
    assert_eq!(cloud.calls().iter().filter(|call| *call == "GetCryptoKey").count(), 1);
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_a_few_times() {
    let (cloud, api, _) = stage().await;
    let version = name(&cloud.make_key(KEY));
    cloud.fail("GetCryptoKeyVersion", 503, 3);
    assert!(kms(&api).version(&version).await.is_ok());
    cloud.fail("GetCryptoKeyVersion", 429, 4);
    let error = kms(&api).version(&version).await.unwrap_err();
    assert!(matches!(error, CallError::Throttled { .. }), "{error}");
}

#[tokio::test]
async fn labels_are_read_and_none_are_none() {
    let (cloud, api, _) = stage().await;
    cloud.make_key(KEY);
    assert!(kms(&api).labels(&name(KEY)).await.unwrap().is_empty());
    let labels = [("env".to_owned(), "prod".to_owned())].into();
    cloud.label(KEY, &labels);
    assert_eq!(kms(&api).labels(&name(KEY)).await.unwrap(), labels);
}

#[tokio::test]
async fn every_lost_version_is_listed_over_all_pages() {
    let (cloud, api, _) = stage().await;
    let keys = ["us/keyRings/a/cryptoKeys/k", "us/keyRings/b/cryptoKeys/k", "us/keyRings/b/cryptoKeys/l", "global/keyRings/a/cryptoKeys/k"];
    for key in keys {
        let key = format!("projects/prod/locations/{key}");
        let versions = [(); 3].map(|()| cloud.make_key(&key));
        cloud.set_version_state(&versions[0], "DESTROY_SCHEDULED");
        cloud.set_version_state(&versions[2], "DISABLED");
    }
    cloud.make_key("projects/other/locations/us/keyRings/a/cryptoKeys/k");
    let LostVersions { found: lost, unread } = kms(&api).lost().await;
    assert_eq!((lost.len(), unread), (8, Vec::new()));
    assert!(lost.iter().all(|version| version.name.project() == Some("prod")), "{lost:?}");
}

#[tokio::test]
async fn the_past_of_a_version_is_its_own_and_the_latest_first() {
    let (cloud, api, _) = stage().await;
    let (version, other) = (cloud.make_key(KEY), cloud.make_key(KEY));
    for (who, call, version) in [
        ("ops@example.com", "Disable", &version),
        ("ops@example.com", "Enable", &version),
        ("mallory@example.com", "DestroyCryptoKeyVersion", &other),
        ("mallory@example.com", "DestroyCryptoKeyVersion", &version),
    ] {
        cloud.call_as(who, call, version);
    }
    let past = kms(&api).past(&name(&version), None).await.unwrap();
    assert_eq!(operations(&past), ["destroy", "enable", "disable"]);
    assert!(!past.has_older);
}

#[tokio::test]
async fn a_project_that_cannot_be_listed_is_named_and_the_next_one_is_listed() {
    let (cloud, api, _) = stage().await;
    let kms = CloudKms::new(api, ["prod".to_owned(), "staging".to_owned()]);
    for project in ["prod", "staging"] {
        let version = cloud.make_key(&format!("projects/{project}/locations/us/keyRings/a/cryptoKeys/k"));
        cloud.set_version_state(&version, "DISABLED");
    }
    cloud.fail("ListCryptoKeys", 403, 1);
    let lost = kms.lost().await;
    let found: Vec<_> = lost.found.iter().map(|version| version.name.project()).collect();
    assert_eq!((found, lost.unread.len()), (vec![Some("staging")], 1), "{lost:?}");
    assert!(lost.unread[0].contains("project `prod`"), "{lost:?}");
    assert_eq!(kms.lost().await.found.len(), 2);
}

/// One place that fails hides none beside it.
#[tokio::test]
async fn what_cannot_be_listed_is_named_and_the_search_goes_on_beside_it() {
    let locations = ["asia-east1", "europe-west3", "us"];
    for (call, place) in [
        ("ListKeyRings", "projects/prod/locations/europe-west3"),
        ("ListCryptoKeys", "projects/prod/locations/europe-west3/keyRings/a"),
        ("ListCryptoKeyVersions", "projects/prod/locations/europe-west3/keyRings/a/cryptoKeys/k"),
    ] {
        let (cloud, api, _) = stage().await;
        for location in locations {
            let version = cloud.make_key(&format!("projects/prod/locations/{location}/keyRings/a/cryptoKeys/k"));
            cloud.set_version_state(&version, "DISABLED");
        }
        // The locations are listed in the order of their names.
        cloud.fail_after(1, call, 403, 1);
        let lost = kms(&api).lost().await;
        let found: Vec<_> = lost.found.iter().map(|version| version.name.location()).collect();
        assert_eq!((found, lost.unread.len()), (vec![Some("asia-east1"), Some("us")], 1), "{call}: {lost:?}");
        assert!(lost.unread[0].contains("project `prod`") && lost.unread[0].contains(&format!("`{place}`")), "{call}: {lost:?}");
    }
}

#[tokio::test]
async fn what_is_on_the_first_page_of_a_list_is_searched_though_the_next_one_fails() {
    let (cloud, api, _) = stage().await;
    for _ in 0..3 {
        let version = cloud.make_key(KEY);
        cloud.set_version_state(&version, "DISABLED");
    }
    cloud.fail_after(1, "ListCryptoKeyVersions", 403, 1);
    let lost = kms(&api).lost().await;
    assert_eq!((lost.found.len(), lost.unread.len()), (1, 1), "{lost:?}");
}

/// P127: whichever name of its project it was called by, the log is asked about the version.
#[tokio::test]
async fn a_call_that_names_the_project_by_its_number_is_in_the_versions_past() {
    let (cloud, api, _) = stage().await;
    let version = name(&cloud.make_key(KEY));
    cloud.number_project("prod", "123456789012");
    let by_number = version.as_str().replace("projects/prod/", "projects/123456789012/");
    let entry = cloud.call_as("ops@example.com", "Disable", &by_number);
    assert_eq!(entry["protoPayload"]["resourceName"], by_number.as_str(), "{entry}");
    cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", version.as_str());
    let past = kms(&api).past(&version, None).await.unwrap();
    assert_eq!(operations(&past), ["destroy", "disable"]);
    assert!(are_on(&past, &version), "{past:?}");
}

/// The log is searched by a part of the name, whatever its case: what is found beside it is nobody's past, and ends no search.
#[tokio::test]
async fn the_calls_on_version_12_are_not_in_the_past_of_version_1() {
    let (cloud, api, _) = stage().await;
    let versions = [(); 12].map(|()| name(&cloud.make_key(KEY)));
    let namesake = cloud.make_key(&KEY.replace("card-data", "Card-Data"));
    cloud.call_as("ops@example.com", "Disable", versions[0].as_str());
    for _ in 0..300 {
        cloud.call_as("mallory@example.com", "Disable", versions[11].as_str());
        cloud.call_as("mallory@example.com", "Enable", versions[11].as_str());
    }
    cloud.call_as("mallory@example.com", "Disable", &namesake);
    let past = kms(&api).past(&versions[0], Some(Timestamp::MAX)).await.unwrap();
    assert_eq!((operations(&past), past.has_older), (vec!["disable"], false));
    assert!(are_on(&past, &versions[0]), "{past:?}");
    let past = kms(&api).past(&versions[11], None).await.unwrap();
    assert_eq!((past.calls.len(), past.has_older), (600, false));
}

/// Google takes 60 reads a minute.
#[tokio::test]
async fn reads_of_the_log_keep_a_pace_whoever_makes_them_and_each_attempt_counts() {
    let (cloud, api, _) = stage().await;
    let (version, kms) = (name(&cloud.make_key(KEY)), kms(&api));
    cloud.fail("ListLogEntries", 503, 1);
    let began = Instant::now();
    for _ in 0..20 {
        assert!(kms.clone().past(&version, None).await.is_ok());
    }
    assert_eq!(log_reads(&cloud), 21);
    assert!(began.elapsed() >= Duration::from_millis(1_500), "20 at once, and the next one has to wait: {:?}", began.elapsed());
}

/// So that a sweep over hundreds of versions that have been disabled for years comes to its end.
#[tokio::test]
async fn who_waits_for_the_same_turn_shares_a_page_and_finds_the_calls_on_its_own_version() {
    let (cloud, api, _) = stage().await;
    let versions = [(); 12].map(|()| name(&cloud.make_key(KEY)));
    for version in &versions {
        cloud.call_as("mallory@example.com", "Disable", version.as_str());
    }
    let kms = kms(&api);
    for _ in 0..20 {
        assert!(kms.past(&versions[0], None).await.is_ok());
    }
    let alone = log_reads(&cloud);
    let pasts = join_all(versions.iter().map(|version| kms.past(version, None))).await;
    for (version, past) in versions.iter().zip(pasts) {
        let past = past.unwrap();
        assert_eq!((operations(&past), past.has_older), (vec!["disable"], false), "{version}");
        assert!(are_on(&past, version), "{past:?}");
    }
    // The first ones may have found turns that were free.
    let shared = log_reads(&cloud) - alone;
    assert!(shared <= 6, "{shared} reads");
}

/// Nor does a reading that fails fail for all that share it: each reads on alone.
#[tokio::test]
async fn who_shares_a_reading_that_fails_reads_alone() {
    let (cloud, api, _) = stage().await;
    let versions = [(); 4].map(|()| name(&cloud.make_key(KEY)));
    let kms = kms(&api);
    for _ in 0..20 {
        assert!(kms.past(&versions[0], None).await.is_ok());
    }
    cloud.fail("ListLogEntries", 400, 1);
    let pasts = join_all(versions.iter().map(|version| kms.past(version, None))).await;
    // The first one may have found a turn that was free, and have been alone with the failure.
    let failed = pasts.iter().filter(|past| past.is_err()).count();
    assert!(failed <= 1, "{pasts:?}");
}

/// Who shares a page that does not say enough searches on alone.
#[tokio::test]
async fn a_long_past_is_read_to_its_end_though_its_beginning_was_shared() {
    let (cloud, api, _) = stage().await;
    let (short, long) = (name(&cloud.make_key(KEY)), name(&cloud.make_key(KEY)));
    cloud.call_as("ops@example.com", "Disable", short.as_str());
    for _ in 0..600 {
        cloud.call_as("ops@example.com", "Enable", long.as_str());
    }
    let kms = kms(&api);
    for _ in 0..20 {
        assert!(kms.past(&short, None).await.is_ok());
    }
    let pasts = join_all([&short, &long].map(|version| kms.past(version, None))).await;
    let read: Vec<_> = pasts.into_iter().map(|past| past.map(|past| (past.calls.len(), past.has_older))).collect();
    assert_eq!(read, [Ok((1, false)), Ok((600, false))]);
}

#[tokio::test]
async fn a_past_is_read_over_all_pages_though_the_first_is_empty() {
    let (cloud, api, _) = stage().await;
    let version = cloud.make_key(KEY);
    for _ in 0..300 {
        cloud.call_as("ops@example.com", "Disable", &version);
        cloud.call_as("ops@example.com", "Enable", &version);
    }
    cloud.slow_log_down();
    let past = kms(&api).past(&name(&version), None).await.unwrap();
    let latest = past.calls.first().map(|entry| entry.operation.as_str());
    assert_eq!((past.calls.len(), latest, past.has_older), (600, Some("enable"), false));
    assert_eq!(log_reads(&cloud), 3);
}

#[tokio::test]
async fn of_a_past_without_end_the_latest_calls_are_read_and_that_there_are_more_is_said() {
    let (cloud, api, _) = stage().await;
    let version = cloud.make_key(KEY);
    for (calls, has_older) in [(1000, false), (1, true)] {
        for _ in 0..calls {
            cloud.call_as("ops@example.com", "Enable", &version);
        }
        let past = kms(&api).past(&name(&version), None).await.unwrap();
        assert_eq!((past.calls.len(), past.has_older), (1000, has_older));
    }
    assert_eq!(log_reads(&cloud), 4);
}

#[tokio::test]
async fn a_past_is_read_no_further_than_to_what_the_version_was() {
    let (cloud, api, _) = stage().await;
    let version = cloud.make_key(KEY);
    let began = Timestamp::now();
    for _ in 0..600 {
        cloud.call_as("ops@example.com", "Enable", &version);
    }
    // What was enabled only later does not say what it was before.
    for (before, pages, calls, has_older) in [(Timestamp::MAX, 1, 500, true), (began, 2, 600, false)] {
        let asked = log_reads(&cloud);
        let past = kms(&api).past(&name(&version), Some(before)).await.unwrap();
        assert_eq!((past.calls.len(), past.has_older), (calls, has_older), "{before}");
        assert_eq!(log_reads(&cloud) - asked, pages, "{before}");
    }
}

/// What a search has found is said, though it comes to no end; where it has found nothing, nothing is said.
#[tokio::test]
async fn a_search_without_end_has_found_what_it_has_found() {
    for is_found in [true, false] {
        let (cloud, api, _) = stage().await;
        let version = cloud.make_key(KEY);
        if is_found {
            cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
        }
        cloud.let_log_never_end();
        let found = kms(&api).past(&name(&version), None).await;
        let said = found.as_ref().ok().map(|found| (found.calls.len(), found.has_older, found.is_cut_short));
        assert_eq!(said, is_found.then_some((1, true, true)), "{found:?}");
        // The next search may come to an end.
        assert_eq!(matches!(found, Err(CallError::Unavailable { .. })), !is_found, "{found:?}");
        assert_eq!(log_reads(&cloud), 20);
    }
}

#[tokio::test]
async fn refused_calls_hide_none_that_took_effect() {
    let (cloud, api, _) = stage().await;
    let version = cloud.make_key(KEY);
    cloud.call_as("ops@example.com", "Disable", &version);
    for _ in 0..60 {
        let entry = cloud.call_as("mallory@example.com", "RestoreCryptoKeyVersion", &version);
        assert_eq!(entry["protoPayload"]["status"]["code"], 9, "{entry}");
    }
    cloud.call_as("mallory@example.com", "DestroyCryptoKeyVersion", &version);
    let past = kms(&api).past(&name(&version), None).await.unwrap();
    assert_eq!(operations(&past), ["destroy", "disable"]);
}

#[tokio::test]
async fn an_object_is_written_once() {
    let (cloud, api, _) = stage().await;
    let bucket = Bucket::new(api, "acme-audit").unwrap();
    let name = "audit/decisions/year=2026/account=prod/a!2fb +%.json";
    assert_eq!(bucket.put_once(name, "application/json", b"first").await, Ok(true));
    assert_eq!(bucket.put_once(name, "application/json", b"second").await, Ok(false));
    assert_eq!(bucket.read(name).await, Ok(Some(b"first".to_vec())));
    assert_eq!(bucket.read("nothing").await, Ok(None));
    let listed = bucket.list("audit/").await.unwrap();
    assert_eq!(listed.iter().map(|object| (object.name.as_str(), object.size_bytes)).collect::<Vec<_>>(), [(name, 5)]);
    assert_eq!(cloud.objects("acme-audit").len(), 1);
}

#[tokio::test]
async fn objects_are_listed_over_all_pages_in_the_order_of_their_names() {
    let (cloud, api, _) = stage().await;
    let bucket = Bucket::new(api, "acme-audit").unwrap();
    for name in ["audit/c", "audit/a", "seals/a", "audit/e", "audit/b", "audit/d"] {
        assert_eq!(bucket.put_once(name, "application/json", b"{}").await, Ok(true));
    }
    let listed = bucket.list("audit/").await.unwrap();
    let names: Vec<&str> = listed.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(names, ["audit/a", "audit/b", "audit/c", "audit/d", "audit/e"]);
    assert_eq!(cloud.calls().iter().filter(|call| *call == "ListObjects").count(), 3);
}

#[tokio::test]
async fn a_seal_is_signed_and_holds_with_the_public_half_of_the_key() {
    let (cloud, api, _) = stage().await;
    let version = cloud.make_signing_key(KEY);
    let signer = CloudKmsSealSigner::new(api, name(&version));
    assert_eq!(signer.key_id(), version);
    let pem = signer.public_key_pem().await.unwrap();
    assert_eq!(Some(&pem), cloud.public_key_pem(&version).as_ref());
    let keys = SealKeys::parse(&pem).unwrap();
    let [from, until] = ["2026-11-21T05:00:00Z", "2026-11-21T06:00:00Z"].map(|time| time.parse::<Timestamp>().unwrap());
    let place = Place::first("gs://acme-audit".to_owned(), from, until);
    let draft = Draft::new(place, Vec::new(), signer.key_id(), keys.fingerprints().next().unwrap(), until).unwrap();
    let signature = signer.sign(draft.text().as_bytes()).await.unwrap();
    assert_eq!(draft.signed(&signature).unwrap().verify(&keys), Ok(()));
}

#[tokio::test]
async fn a_key_that_is_for_something_else_or_taken_away_signs_nothing() {
    let (cloud, api, _) = stage().await;
    let encrypts = CloudKmsSealSigner::new(api.clone(), name(&cloud.make_key(KEY)));
    let error = encrypts.public_key_pem().await.unwrap_err();
    assert!(matches!(error, CallError::Rejected { .. }), "{error}");
    let version = cloud.make_signing_key(&KEY.replace("card-data", "seal"));
    cloud.call_as("mallory@example.com", "Disable", &version);
    let error = CloudKmsSealSigner::new(api, name(&version)).sign(b"text").await.unwrap_err();
    assert!(matches!(error, CallError::InvalidState { .. }), "{error}");
}

#[tokio::test]
async fn a_name_that_is_no_buckets_is_refused() {
    let (_cloud, api, _) = stage().await;
    for name in ["a/b", "Acme", "ab", "acme?x"] {
        assert!(Bucket::new(api.clone(), name).is_err(), "{name}");
    }
}

#[tokio::test]
async fn one_works_on_an_event_until_its_lease_ends() {
    let (_cloud, api, _) = stage().await;
    let claims = StorageClaims::new(Bucket::new(api, "acme-claims").unwrap(), Mode::Enforce);
    let now = Timestamp::now();
    assert_eq!(claims.claim(&event(), now).await, Ok(Claim::Granted { attempt: 1 }));
    assert_eq!(claims.claim(&event(), now).await, Ok(Claim::Held));
    let after = now.checked_add(SignedDuration::from_secs(150)).unwrap();
    assert_eq!(claims.claim(&event(), after).await, Ok(Claim::Granted { attempt: 2 }));
}

#[tokio::test]
async fn what_ended_open_is_granted_at_once_and_what_is_settled_is_not() {
    let (_cloud, api, _) = stage().await;
    let claims = StorageClaims::new(Bucket::new(api.clone(), "acme-claims").unwrap(), Mode::Observe);
    let now = Timestamp::now();
    claims.claim(&event(), now).await.unwrap();
    claims.finish(&event(), 1, false).await.unwrap();
    assert_eq!(claims.claim(&event(), now).await, Ok(Claim::Granted { attempt: 2 }));
    claims.finish(&event(), 2, true).await.unwrap();
    assert_eq!(claims.claim(&event(), now).await, Ok(Claim::Settled));
    // What was only observed is still to be enforced.
    let enforcing = StorageClaims::new(Bucket::new(api, "acme-claims").unwrap(), Mode::Enforce);
    assert_eq!(enforcing.claim(&event(), now).await, Ok(Claim::Granted { attempt: 3 }));
}

#[tokio::test]
async fn one_token_serves_many_calls() {
    let (cloud, api, metadata) = stage().await;
    cloud.make_key(KEY);
    for _ in 0..3 {
        kms(&api).labels(&name(KEY)).await.unwrap();
    }
    assert_eq!(cloud.calls().iter().filter(|call| *call == "Token").count(), 1);
    assert_eq!(metadata.own_account().await.as_deref(), Ok(OWN_ACCOUNT));
}

#[tokio::test]
async fn a_token_that_is_refused_is_asked_for_anew_once() {
    let (cloud, api, _) = stage().await;
    cloud.make_key(KEY);
    cloud.fail("GetCryptoKey", 401, 1);
    assert!(kms(&api).labels(&name(KEY)).await.is_ok());
    cloud.fail("GetCryptoKey", 401, 9);
    let error = kms(&api).labels(&name(KEY)).await.unwrap_err();
    assert!(matches!(error, CallError::AccessDenied { .. }), "{error}");
}
