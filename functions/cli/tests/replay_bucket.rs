//! `reprieve replay s3://...` as its users run it, against a local cloud: the same answer as over the same files in a folder.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that goes another way must stop")]

mod bucket;
#[path = "replay/scene.rs"]
mod scene;

use std::path::Path;
use std::process::Output;

use reprieve_localcloud::LocalCloud;
use serde_json::Value;

use crate::bucket::{put, text};

fn replay(cloud: &LocalCloud, folder: &Path, arguments: &[&str]) -> Output {
    bucket::reprieve(cloud, folder, &[&["replay"], arguments].concat())
}

/// P128
#[tokio::test]
async fn a_bucket_gives_the_answer_of_the_same_files_in_a_folder() {
    let cloud = bucket::cloud().await;
    let folder = tempfile::tempdir().unwrap();
    scene::write(folder.path(), &scene::records());
    bucket::make(&cloud, "trail", folder.path()).await;
    the_answers_are_the_same(&cloud, folder.path());
    one_object_is_a_file(&cloud, folder.path());
    anomalies_are_found_there_too(&cloud, folder.path());
    a_torn_object_is_named_by_its_name_below_the_prefix(&cloud, folder.path());
    what_is_not_there_is_told(&cloud, folder.path());
    cloud.stop();
}

fn the_answers_are_the_same(cloud: &LocalCloud, folder: &Path) {
    for (there, here) in [("s3://trail", "."), ("s3://trail/AWSLogs/111122223333/", "AWSLogs/111122223333")] {
        let [there, here] = [there, here].map(|place| replay(cloud, folder, &[place, "--json", "-", "--threads", "3"]));
        assert_eq!(there.status.code(), Some(0), "{}", text(&there.stderr));
        assert_eq!(text(&there.stdout), text(&here.stdout));
    }
    let shown = text(&replay(cloud, folder, &["s3://trail"]).stdout);
    assert!(shown.contains("left out 1 file: a digest of CloudTrail"), "{shown}");
}

fn one_object_is_a_file(cloud: &LocalCloud, folder: &Path) {
    let name = "AWSLogs/111122223333/CloudTrail/eu-central-1/2026/11/02/111122223333_CloudTrail_eu-central-1_20261102T0000Z_abc.json.gz";
    let [there, here] = [format!("s3://trail/{name}"), name.to_owned()].map(|place| replay(cloud, folder, &[&place, "--json", "-"]));
    assert_eq!(there.status.code(), Some(0), "{}", text(&there.stderr));
    assert_eq!(text(&there.stdout), text(&here.stdout));
    let twice = replay(cloud, folder, &[&format!("s3://trail/{name}"), &format!("s3://trail/{name}"), "--json", "-"]);
    assert_eq!(text(&twice.stdout), text(&here.stdout), "what is named twice is read once");
}

fn anomalies_are_found_there_too(cloud: &LocalCloud, folder: &Path) {
    let [there, here] = ["s3://trail", "."].map(|place| replay(cloud, folder, &[place, "--anomalies", "--json", "-"]));
    assert_eq!(there.status.code(), Some(0), "{}", text(&there.stderr));
    assert_eq!(text(&there.stdout), text(&here.stdout));
}

fn a_torn_object_is_named_by_its_name_below_the_prefix(cloud: &LocalCloud, folder: &Path) {
    let packed = scene::gz(&scene::file_of(&scene::records()));
    put(cloud, "trail/AWSLogs/torn.json.gz", packed.get(..packed.len() / 2).unwrap());
    let output = replay(cloud, folder, &["s3://trail/AWSLogs", "--json", "-"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let told = text(&output.stderr);
    assert!(told.contains("reprieve: `torn.json.gz`: the file breaks off in the middle of its gz stream"), "{told}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["decisions"].as_array().map(Vec::len), Some(8), "the rest is replayed");
}

fn what_is_not_there_is_told(cloud: &LocalCloud, folder: &Path) {
    let empty = replay(cloud, folder, &["s3://trail/nothing"]);
    assert_eq!(empty.status.code(), Some(2), "{}", text(&empty.stderr));
    assert!(text(&empty.stderr).contains("`s3://trail/nothing` holds no log files"), "{}", text(&empty.stderr));
    let none = replay(cloud, folder, &["s3://no-such-bucket"]);
    assert_eq!(none.status.code(), Some(1), "the cloud refused: {}", text(&none.stderr));
    assert!(text(&none.stderr).contains("`s3://no-such-bucket/` cannot be listed"), "{}", text(&none.stderr));
}
