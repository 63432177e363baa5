//! `reprieve verify`, `prove` and `report` over an archive in a bucket, as their users run them, against a local cloud: the same answers as
//! over the same archive in a folder.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

mod bucket;

use std::path::Path;
use std::process::Output;

use reprieve_localcloud::LocalCloud;

use crate::bucket::{put, reprieve, text};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/seals");
const DECISION: &str = "audit/decisions/year=2026/month=11/day=21/hour=05/account=111122223333/region=eu-central-1/one.intent.json";
/// The same archive twice in one bucket: whole, and below a prefix beside others that begin likewise.
const PLACES: [&str; 2] = ["s3://evidence", "s3://copies/of/evidence/"];

/// Runs a command over the archive where it lies, and says which.
fn over(cloud: &LocalCloud, command: &str, place: &str, more: &[&str]) -> Output {
    reprieve(cloud, Path::new(FIXTURE), &[&[command, place], more].concat())
}

/// Takes out when it was asked, and of what.
fn timeless(output: &Output, place: &str) -> String {
    let said = text(&output.stdout).replace(place, "archive");
    let said = said.split_once("\nThe last seal ends at 2026-11-21T08:00:00Z, ").map_or(said.as_str(), |(before, _)| before);
    said.lines().filter(|line| !line.contains("\"as_of\":")).collect::<Vec<_>>().join("\n")
}

/// P113
#[tokio::test]
async fn a_bucket_gives_the_answers_of_the_same_archive_in_a_folder() {
    let cloud = bucket::cloud().await;
    let archive = Path::new(FIXTURE).join("archive");
    bucket::make(&cloud, "evidence", &archive).await;
    bucket::make(&cloud, "copies", &archive).await;
    cloud.fill_bucket("copies", "of/evidence/", &archive).await.unwrap();
    put(&cloud, "copies/of/evidence-of-others/audit/planted.json", b"{}");
    what_is_asked_of_a_folder_is_answered_of_a_bucket(&cloud);
    what_was_changed_there_is_named(&cloud);
    what_is_not_there_is_told(&cloud);
    cloud.stop();
}

fn what_is_asked_of_a_folder_is_answered_of_a_bucket(cloud: &LocalCloud) {
    // Of the objects that were sealed, some are no records, which a report says.
    let questions: [(&str, &[&str], i32); 6] = [
        ("verify", &["--public-key", "archive/public-key.pem"], 0),
        ("verify", &[], 0),
        ("prove", &["event-2"], 0),
        ("prove", &[DECISION], 0),
        ("report", &["--from", "2026-11-21", "--to", "2026-11-22"], 3),
        ("report", &["--from", "2026-11-21", "--to", "2026-11-22", "--json"], 3),
    ];
    for (command, more, code) in questions {
        let here = over(cloud, command, "archive", more);
        assert_eq!(here.status.code(), Some(code), "{command} {more:?}: {}", text(&here.stderr));
        for place in PLACES {
            let there = over(cloud, command, place, more);
            assert_eq!(there.status.code(), Some(code), "{command} {place} {more:?}: {}", text(&there.stderr));
            assert_eq!(timeless(&there, place), timeless(&here, "archive"), "{command} {place} {more:?}");
        }
    }
}

fn what_was_changed_there_is_named(cloud: &LocalCloud) {
    put(cloud, &format!("copies/of/evidence/{}", DECISION.replace('=', "%3D")), b"{}");
    let verified = over(cloud, "verify", "s3://copies/of/evidence", &["--public-key", "archive/public-key.pem"]);
    assert_eq!(verified.status.code(), Some(1), "{}", text(&verified.stderr));
    let said = text(&verified.stdout);
    assert!(said.contains("changed") && said.contains(DECISION), "{said}");
    let proved = over(cloud, "prove", "s3://copies/of/evidence", &[DECISION]);
    assert_eq!((proved.status.code(), text(&proved.stdout)), (Some(2), String::new()));
    assert!(text(&proved.stderr).contains("is not what was sealed"), "{}", text(&proved.stderr));
}

fn what_is_not_there_is_told(cloud: &LocalCloud) {
    for (command, place, more, expected) in [
        ("verify", "s3://evidence/nothing", &[][..], "There is nothing to verify"),
        ("verify", "s3://no-such-bucket", &[], "NoSuchBucket"),
        ("prove", "s3://no-such-bucket", &["event-2"], "NoSuchBucket"),
        ("report", "s3://no-such-bucket", &[], "NoSuchBucket"),
    ] {
        let output = over(cloud, command, place, more);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.code().is_some_and(|code| code > 0) && said.contains(expected), "{command} {place}: {said}");
    }
}
