//! The archive against scripted answers: what is listed, how a file that breaks off is gone on with, and what is said of one that cannot be
//! read.

use std::io::Read as _;

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::Object;
use aws_sdk_s3::types::error::NoSuchKey;
use aws_smithy_mocks::{Rule, mock};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;

use super::*;
use crate::store::tests::client;

const KEY: &str = "AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/21/111122223333_CloudTrail_eu-central-1_20261121T0500Z_abc.json.gz";

fn file() -> ListedLogFile {
    ListedLogFile { bucket: "trail".to_owned(), key: KEY.to_owned(), bytes: 6 }
}

/// Reads on a plain thread, as users do, what the rules answer.
async fn read(rules: &[&Rule]) -> (Vec<u8>, io::Result<usize>, LogFileReader) {
    let mut reader = LogArchive::new(client(rules)).open(&file());
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let end = reader.read_to_end(&mut bytes);
        tell.send((bytes, end, reader)).map_err(|_| "nobody waits").unwrap();
    });
    told.await.unwrap()
}

/// An answer whose body is shorter than its length says.
fn answer(etag: &'static str, length: i64, body: &'static [u8]) -> GetObjectOutput {
    GetObjectOutput::builder().content_length(length).e_tag(etag).body(ByteStream::new(SdkBody::from(body))).build()
}

fn refusal(code: &'static str) -> Rule {
    mock!(Client::get_object).then_error(move || {
        let meta = ErrorMetadata::builder().code(code).message("the words of S3").build();
        if code == "NoSuchKey" { GetObjectError::NoSuchKey(NoSuchKey::builder().meta(meta).build()) } else { GetObjectError::generic(meta) }
    })
}

#[tokio::test]
async fn a_file_is_read_as_it_is() {
    let rule = mock!(Client::get_object)
        .match_requests(|request| request.bucket() == Some("trail") && request.key() == Some(KEY) && request.range().is_none())
        .then_output(|| answer("\"e\"", 6, b"record"));
    let (bytes, end, reader) = read(&[&rule]).await;
    assert_eq!((bytes.as_slice(), end.unwrap()), (b"record".as_slice(), 6));
    assert_eq!(reader.failure(), None);
}

#[tokio::test]
async fn a_file_that_breaks_off_goes_on_from_there_while_it_is_the_same_file() {
    let first = mock!(Client::get_object).then_output(|| answer("\"e\"", 6, b"rec"));
    let rest = mock!(Client::get_object)
        .match_requests(|request| request.range() == Some("bytes=3-") && request.if_match() == Some("\"e\""))
        .then_output(|| answer("\"e\"", 3, b"ord"));
    let (bytes, end, _) = read(&[&first, &rest]).await;
    assert_eq!((bytes.as_slice(), end.unwrap()), (b"record".as_slice(), 6));
}

#[tokio::test]
async fn a_file_that_is_replaced_meanwhile_is_not_mixed() {
    let first = mock!(Client::get_object).then_output(|| answer("\"e\"", 6, b"rec"));
    let (bytes, end, reader) = read(&[&first, &refusal("PreconditionFailed")]).await;
    assert_eq!(bytes, b"rec");
    assert!(matches!(reader.failure(), Some(CallError::Unavailable { .. })), "{:?}", reader.failure());
    assert_eq!(end.unwrap_err().to_string(), format!("`s3://trail/{KEY}` was replaced while it was read: read it again"));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_breaks_off_again_and_again_is_given_up_and_named() {
    let rule = mock!(Client::get_object).sequence().output(|| answer("\"e\"", 6, b"")).times(7).build();
    let (bytes, end, reader) = read(&[&rule]).await;
    assert_eq!((bytes.len(), rule.num_calls()), (0, 7));
    assert!(end.unwrap_err().to_string().starts_with(&format!("`s3://trail/{KEY}` broke off")));
    assert!(matches!(reader.failure(), Some(CallError::Unavailable { .. })), "{:?}", reader.failure());
}

#[tokio::test]
async fn what_is_said_of_a_file_that_cannot_be_read_says_what_to_do() {
    for (code, kind, said) in [
        ("NoSuchKey", io::ErrorKind::NotFound, "list the archive again"),
        ("AccessDenied", io::ErrorKind::PermissionDenied, "allow `s3:GetObject`"),
        ("InvalidObjectState", io::ErrorKind::Other, "has to be restored first"),
        ("NoSuchBucket", io::ErrorKind::Other, "see that the bucket is the right one"),
    ] {
        let (_, end, reader) = read(&[&refusal(code)]).await;
        let error = end.unwrap_err();
        assert_eq!(error.kind(), kind, "{code}");
        assert!(error.to_string().contains(said) && error.to_string().contains(KEY), "{code}: {error}");
        assert!(reader.failure().is_some(), "{code}");
    }
}

#[tokio::test]
async fn a_key_that_is_asked_for_too_often_is_no_fault_of_the_file() {
    let (_, end, reader) = read(&[&refusal("KMS.ThrottlingException")]).await;
    assert!(matches!(reader.failure(), Some(CallError::Throttled { .. })), "{:?}", reader.failure());
    assert!(end.unwrap_err().to_string().contains("try again"));
}

#[tokio::test]
async fn nothing_is_read_far_ahead_of_whoever_reads() {
    const LENGTH: usize = 64 * BLOCK_BYTES;
    let rule = mock!(Client::get_object).then_output(|| {
        let body = ByteStream::new(SdkBody::from(vec![b'x'; LENGTH]));
        GetObjectOutput::builder().content_length(i64::try_from(LENGTH).unwrap()).e_tag("\"e\"").body(body).build()
    });
    let reader = LogArchive::new(client(&[&rule])).open(&file());
    while reader.blocks.len() < BLOCKS_AHEAD {
        tokio::task::yield_now().await;
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(reader.blocks.len(), BLOCKS_AHEAD);
}

#[test]
fn an_archive_that_was_made_outside_of_a_runtime_says_so() {
    let rule = mock!(Client::get_object).then_output(|| answer("\"e\"", 6, b"record"));
    let mut reader = LogArchive::new(client(&[&rule])).open(&file());
    let error = reader.read(&mut [0; 8]).unwrap_err();
    assert!(error.to_string().contains(KEY), "{error}");
    assert!(reader.failure().is_some_and(|why| why.to_string().contains("runtime")), "{:?}", reader.failure());
}

#[tokio::test]
async fn a_list_has_all_pages_in_the_order_of_keys() {
    let page = |keys: [&str; 2], next: Option<&str>| {
        let objects = keys.map(|key| Object::builder().key(key).size(7).build());
        ListObjectsV2Output::builder().set_contents(Some(objects.to_vec())).set_next_continuation_token(next.map(ToOwned::to_owned)).build()
    };
    let first = mock!(Client::list_objects_v2)
        .match_requests(|request| request.bucket() == Some("trail") && request.prefix() == Some("AWSLogs/"))
        .then_output(move || page(["AWSLogs/d", "AWSLogs/a"], Some("2")));
    let second = mock!(Client::list_objects_v2)
        .match_requests(|request| request.continuation_token() == Some("2"))
        .then_output(move || page(["AWSLogs/c", "AWSLogs/b"], None));
    let listed = LogArchive::new(client(&[&first, &second])).list("trail", "AWSLogs/").await.unwrap();
    let names: Vec<_> = listed.iter().map(|file| (file.name_below("AWSLogs/"), file.bytes)).collect();
    assert_eq!(names, [("a", 7), ("b", 7), ("c", 7), ("d", 7)]);
}
