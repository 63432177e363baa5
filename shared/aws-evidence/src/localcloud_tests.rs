//! The adapters over real HTTP, against a local cloud: that S3's conditions and Object Lock, and KMS's signatures, mean what the adapters
//! take them to mean. Each test has a bucket and a key of its own, on one cloud for the process.

use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    CreateBucketConfiguration, DefaultRetention, ObjectLockConfiguration, ObjectLockEnabled, ObjectLockRetentionMode, ObjectLockRule,
};
use aws_types::SdkConfig;
use jiff::{Timestamp, ToSpan as _};
use p256::PublicKey;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use reprieve_core::Region;
use reprieve_engine::{BaselineStore as _, CallError, EvidenceStore as _, SealSigner as _, SystemClock};
use reprieve_localcloud::{LocalCloud, Options};
use tokio::sync::OnceCell;

use crate::{KmsSealSigner, LogArchive, S3BaselineStore, S3EvidenceStore, S3LogSource, evidence_s3_client};

static CLOUD: OnceCell<LocalCloud> = OnceCell::const_new();

/// The configuration that the function has, over the adapters' own transport.
async fn config() -> SdkConfig {
    let cloud = CLOUD.get_or_init(async || LocalCloud::start(Options::default()).await.unwrap()).await;
    let region = Region::parse("eu-central-1").unwrap();
    let credentials = Credentials::new("test", "test", None, None, "test");
    reprieve_aws::connect_config(&region, &credentials, Some(cloud.endpoint_url())).unwrap()
}

/// A bucket of its own, whose default locks for a year as the guard's template does.
async fn bucket(client: &Client) -> String {
    let name = format!("archive-{}", Timestamp::now().as_nanosecond());
    let location = CreateBucketConfiguration::builder().location_constraint("eu-central-1".into()).build();
    let made = client.create_bucket().bucket(&name).object_lock_enabled_for_bucket(true).create_bucket_configuration(location);
    made.send().await.unwrap();
    let retention = DefaultRetention::builder().mode(ObjectLockRetentionMode::Compliance).days(365).build();
    let lock = ObjectLockConfiguration::builder()
        .object_lock_enabled(ObjectLockEnabled::Enabled)
        .rule(ObjectLockRule::builder().default_retention(retention).build())
        .build();
    client.put_object_lock_configuration().bucket(&name).object_lock_configuration(lock).send().await.unwrap();
    name
}

/// P117
#[tokio::test]
async fn what_is_written_stays_as_it_was_first_written_and_nobody_deletes_it() {
    let client = evidence_s3_client(&config().await);
    let bucket = bucket(&client).await;
    let store = S3EvidenceStore::new(client.clone(), &bucket, 3, SystemClock);
    let name = "audit/events/year=2026/month=11/day=21/hour=05/account=111122223333/region=eu-central-1/f.json.gz";
    assert_eq!(store.put_once(name, "application/gzip", b"first").await, Ok(true));
    assert_eq!(store.put_once(name, "application/gzip", b"second").await, Ok(false));
    assert_eq!(store.read(name).await, Ok(Some(b"first".to_vec())));
    assert_eq!(store.read("audit/nothing").await, Ok(None));
    let listed = store.list("audit/").await.unwrap();
    assert_eq!(listed.iter().map(|object| (object.name.as_str(), object.size_bytes)).collect::<Vec<_>>(), [(name, 5)]);
    assert!(listed[0].modified.duration_until(Timestamp::now()).as_secs() < 60, "{:?}", listed[0].modified);

    let head = client.head_object().bucket(&bucket).key(name).send().await.unwrap();
    let until = Timestamp::from_second(head.object_lock_retain_until_date().unwrap().secs()).unwrap();
    let expected = Timestamp::now() + 72.hours();
    assert!(until.duration_until(expected).as_secs().abs() < 60, "locked until {until}, expected about {expected}");
    let version = head.version_id().unwrap();
    let deleted = client.delete_object().bucket(&bucket).key(name).version_id(version).bypass_governance_retention(true).send().await;
    assert!(deleted.is_err(), "the version was deleted before its time");
}

#[tokio::test]
async fn a_list_goes_on_beyond_the_first_page() {
    let client = evidence_s3_client(&config().await);
    let bucket = bucket(&client).await;
    let store = S3EvidenceStore::new(client, &bucket, 1, SystemClock);
    for number in 0..1_003 {
        assert_eq!(store.put_once(&format!("audit/posture/{number:04}.json"), "application/json", b"{}").await, Ok(true));
    }
    let listed = store.list("audit/posture/").await.unwrap();
    assert_eq!(listed.len(), 1_003);
    assert_eq!(listed.last().map(|object| object.name.as_str()), Some("audit/posture/1002.json"));
}

#[tokio::test]
async fn only_the_version_that_was_read_is_replaced_and_a_replaced_one_can_be_cleared_away_soon() {
    let client = evidence_s3_client(&config().await);
    let bucket = bucket(&client).await;
    let store = S3BaselineStore::new(client.clone(), &bucket, SystemClock);
    assert_eq!(store.load().await, Ok(None));
    assert_eq!(store.save(b"one", None).await, Ok(true));
    assert_eq!(store.save(b"other", None).await, Ok(false));
    let first = store.load().await.unwrap().unwrap();
    assert_eq!(first.bytes, b"one");
    assert_eq!(store.save(b"two", Some(&first.etag)).await, Ok(true));
    assert_eq!(store.save(b"three", Some(&first.etag)).await, Ok(false));
    assert_eq!(store.load().await.unwrap().unwrap().bytes, b"two");
    // Not for a year, as the bucket's default says: the lifecycle could never clear the versions away.
    let head = client.head_object().bucket(&bucket).key(crate::BASELINE).send().await.unwrap();
    let until = Timestamp::from_second(head.object_lock_retain_until_date().unwrap().secs()).unwrap();
    assert!(until <= Timestamp::now() + 25.hours(), "the baseline is locked until {until}");
}

#[tokio::test]
async fn a_file_of_a_trail_is_read_and_one_that_is_none_is_named_so() {
    let client = evidence_s3_client(&config().await);
    let bucket = bucket(&client).await;
    let source = S3LogSource::new(client.clone());
    client.put_object().bucket(&bucket).key("AWSLogs/a b.json.gz").body(b"one".to_vec().into()).send().await.unwrap();
    assert_eq!(source.fetch(&bucket, "AWSLogs/a b.json.gz").await, Ok(b"one".to_vec()));
    assert!(matches!(source.fetch(&bucket, "AWSLogs/none.json.gz").await, Err(CallError::NotFound { .. })));
}

#[tokio::test]
async fn an_archive_is_listed_beyond_the_first_page_and_its_files_are_read_as_streams() {
    let client = evidence_s3_client(&config().await);
    let bucket = bucket(&client).await;
    let large: Vec<u8> = (0..5_000_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()).take(9_000_000).collect();
    client.put_object().bucket(&bucket).key("AWSLogs/a b/large.json.gz").body(large.clone().into()).send().await.unwrap();
    for number in 0..1_002 {
        client.put_object().bucket(&bucket).key(format!("AWSLogs/n/{number:04}.json")).body(b"{}".to_vec().into()).send().await.unwrap();
    }
    client.put_object().bucket(&bucket).key("elsewhere.json").body(b"{}".to_vec().into()).send().await.unwrap();
    let archive = LogArchive::new(client);
    let listed = archive.list(&bucket, "AWSLogs/").await.unwrap();
    assert_eq!((listed.len(), listed[0].name_below("AWSLogs/"), listed[0].bytes), (1_003, "a b/large.json.gz", 9_000_000));
    assert_eq!(listed.last().map(|file| file.name_below("AWSLogs/")), Some("n/1001.json"));
    let mut reader = archive.open(&listed[0]);
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut bytes).map(|_| bytes)
    });
    assert!(read.await.unwrap().unwrap() == large, "the large file was read as something else");
}

#[tokio::test]
async fn a_seal_that_kms_signs_is_verified_with_its_public_key_offline() {
    use aws_sdk_kms::types::{KeySpec, KeyUsageType};
    let config = config().await;
    let kms = aws_sdk_kms::Client::new(&config);
    let made = kms.create_key().key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::SignVerify).send().await.unwrap();
    let signer = KmsSealSigner::new(&config, made.key_metadata().and_then(|key| key.arn()).unwrap());
    let text = vec![b'x'; 5_000];
    let signature = Signature::from_der(&signer.sign(&text).await.unwrap()).unwrap();
    let key = PublicKey::from_public_key_pem(&signer.public_key_pem().await.unwrap()).unwrap();
    let key = VerifyingKey::from(&key);
    assert!(key.verify(&text, &signature).is_ok());
    assert!(key.verify(b"another text", &signature).is_err());
}
