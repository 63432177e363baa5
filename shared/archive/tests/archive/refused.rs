//! What the archive refuses in its place: it is kept in another, said, and stops nothing else.

use std::path::Path;

use reprieve_archive::{ArchiveSink, FolderStore};
use reprieve_engine::CallError;
use reprieve_engine::evidence::{EvidenceSink as _, EvidenceStore};
use reprieve_wire::ocsf::{self, Read};

use super::{Faulty, PARQUET, batch, entry, finding, ids, ids_of_tables, name, objects, two_hours};

/// A folder that rejects objects whose names hold one of these texts.
fn rejecting(folder: &Path, texts: &'static [&'static str]) -> impl EvidenceStore + Send {
    let never = || CallError::Rejected { call: "test:Put", message: "never".to_owned() };
    let fault = move |name: &str| texts.iter().any(|text| name.contains(text)).then(never);
    Faulty { inner: FolderStore::create(folder).unwrap(), fault }
}

/// P110
#[tokio::test]
async fn what_is_refused_in_its_place_is_kept_in_another_and_stops_nothing_else() {
    let rows: [(&'static [&'static str], &str); 2] = [
        (&["hour=09/account=111122223333"], "`account=refused`"),
        (&["tables/events/year=2026/month=11/day=20/hour=09/account=111122223333"], "are in their place"),
    ];
    for (texts, place) in rows {
        let folder = tempfile::tempdir().unwrap();
        let sink = ArchiveSink::new(rejecting(folder.path(), texts));
        for _ in 0..2 {
            let refused = sink.append_events(&two_hours()).await.unwrap().refused;
            assert!(refused.len() == 1 && refused[0].contains("never") && refused[0].contains(place), "{texts:?}: {refused:?}");
            assert_eq!(ids(folder.path()).await, ["a", "b", "c"], "{texts:?}: each once, however often it comes");
        }
    }
}

/// P110: where tables alone are written, too.
#[tokio::test]
async fn a_table_that_is_refused_in_its_place_is_kept_in_another_and_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = rejecting(folder.path(), &["hour=09/account=111122223333"]);
    let sink = ArchiveSink::new(store);
    for is_new in [true, false] {
        let appended = sink.append_tables(&two_hours()).await.unwrap();
        assert!(appended.refused.len() == 1 && appended.refused[0].contains("`account=refused`"), "{appended:?}");
        assert_eq!((appended.bytes > 0, ids_of_tables(folder.path()).await), (is_new, vec!["a".into(), "b".into(), "c".into()]));
    }
    assert!(ids(folder.path()).await.is_empty(), "tables alone");
}

/// P110: a table that cannot be read does not say what it lacks.
#[tokio::test]
async fn a_table_beside_one_that_cannot_be_read_is_refused_and_kept_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderStore::create(folder.path()).unwrap();
    let unreadable = name(9, "eu-central-1", ".parquet", "tables/events");
    assert!(store.put_once(&unreadable, PARQUET, b"something else").await.unwrap());
    let sink = ArchiveSink::new(store);
    for is_new in [true, false] {
        let appended = sink.append_tables(&two_hours()).await.unwrap();
        let told = appended.refused.concat();
        assert!(told.contains(&unreadable) && told.contains("cannot be read") && told.contains("`account=refused`"), "{told}");
        assert_eq!((appended.bytes > 0, appended.refused.len()), (is_new, 1));
    }
    let objects = objects(folder.path()).await;
    assert_eq!(objects.iter().filter(|(name, _)| name.contains("hour=09/account=refused/")).count(), 1);
    assert!(objects.contains(&(unreadable, b"something else".to_vec())), "it stays");
}

/// Each refusal is said, and not the first alone.
#[tokio::test]
async fn of_several_objects_that_are_refused_each_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let sink = ArchiveSink::new(rejecting(folder.path(), &["account=111122223333"]));
    let appended = sink.append_events(&two_hours()).await.unwrap();
    assert_eq!((appended.refused.len(), appended.bytes > 0), (2, true), "{appended:?}");
    assert_eq!(ids(folder.path()).await, ["a", "b", "c"]);
}

/// More than one object takes is parted.
#[tokio::test]
async fn many_entries_that_are_refused_are_kept_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let sink = ArchiveSink::new(rejecting(folder.path(), &["account=111122223333"]));
    let entries = (0..250).map(|number| entry(&format!("{number:03}"), "2026-11-20T09:10:00Z", "eu-central-1")).collect();
    sink.append_events(&batch(entries)).await.unwrap();
    assert_eq!(ids(folder.path()).await, (0..250).map(|number| format!("{number:03}")).collect::<Vec<_>>());
    assert_eq!(objects(folder.path()).await.iter().filter(|(name, _)| name.ends_with(".json.gz")).count(), 3);
}

/// A store that takes nothing is not well: another delivery may find it well again.
#[tokio::test]
async fn a_store_that_refuses_everything_is_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let sink = ArchiveSink::new(rejecting(folder.path(), &[""]));
    let error = sink.append_events(&two_hours()).await.unwrap_err();
    assert!(matches!(error, CallError::Unavailable { .. }), "{error}");
}

/// P110
#[tokio::test]
async fn a_finding_that_is_refused_in_its_place_is_kept_in_another_once() {
    let folder = tempfile::tempdir().unwrap();
    let sink = ArchiveSink::new(rejecting(folder.path(), &["account=111122223333"]));
    let finding = finding("2026-11-20T11:30:00Z".parse().unwrap());
    for is_new in [true, false] {
        let filed = sink.append_finding(&finding).await.unwrap();
        assert_eq!(filed.is_new, is_new, "{filed:?}");
        assert!(filed.refused.is_some_and(|told| told.contains("never") && told.contains("`account=refused`")));
    }
    let objects = objects(folder.path()).await;
    assert_eq!(objects.len(), 1);
    let (name, bytes) = &objects[0];
    assert!(name.starts_with("audit/findings/year=2026/month=11/day=20/hour=09/account=refused/region=refused/"), "{name}");
    assert!(!name.contains(finding.id().as_str()), "{name}");
    assert!(matches!(ocsf::read(&serde_json::from_slice(bytes).unwrap()).unwrap(), Read::Finding(read) if *read == finding));
    let nowhere = ArchiveSink::new(rejecting(folder.path(), &[""]));
    let error = nowhere.append_finding(&finding).await.unwrap_err();
    assert!(matches!(error, CallError::Unavailable { .. }), "{error}");
}
