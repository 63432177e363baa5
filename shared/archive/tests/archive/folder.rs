//! A folder as an archive: the first of a name stays, and no name leads out of it.

use std::fs;

use jiff::Timestamp;
use reprieve_archive::FolderStore;
use reprieve_engine::CallError;
use reprieve_engine::evidence::EvidenceStore as _;

#[tokio::test]
async fn a_folder_keeps_the_first_of_a_name_and_lists_by_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderStore::create(&folder.path().join("archive")).unwrap();
    let before = Timestamp::now();
    for name in ["audit/b/2", "audit/a", "audit/b/1", "seals/1"] {
        assert!(store.put_once(name, "text/plain", name.as_bytes()).await.unwrap());
    }
    assert!(!store.put_once("audit/a", "text/plain", b"another").await.unwrap());
    assert_eq!(store.read("audit/a").await.unwrap().unwrap(), b"audit/a");
    assert_eq!(store.read("audit/none").await.unwrap(), None);
    for (prefix, names) in [
        ("", vec!["audit/a", "audit/b/1", "audit/b/2", "seals/1"]),
        ("audit/", vec!["audit/a", "audit/b/1", "audit/b/2"]),
        ("audit/b", vec!["audit/b/1", "audit/b/2"]),
        ("audit/b/2", vec!["audit/b/2"]),
        ("audit/a/x", vec![]),
        ("nothing/", vec![]),
    ] {
        let listed = store.list(prefix).await.unwrap();
        assert_eq!(listed.iter().map(|object| object.name.as_str()).collect::<Vec<_>>(), names, "{prefix}");
        let slack = jiff::SignedDuration::from_secs(5);
        assert!(listed.iter().all(|object| object.modified >= before - slack && object.modified <= Timestamp::now() + slack));
    }
    let files = fs::read_dir(folder.path().join("archive/audit")).unwrap().count();
    assert_eq!(files, 2, "nothing unfinished is left");
}

#[tokio::test]
async fn no_name_leads_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderStore::create(&folder.path().join("archive")).unwrap();
    let long = "a".repeat(256);
    for name in [
        "../outside",
        "/etc/passwd",
        "a/../../outside",
        "a//b",
        "",
        ".",
        "a/./b",
        "a\\..\\b",
        "C:/x",
        "a\0b",
        "a\n",
        ".unfinished-1-0",
        &long,
    ] {
        let error = store.put_once(name, "text/plain", b"x").await.unwrap_err();
        assert!(matches!(error, CallError::Rejected { .. }), "{name}: {error}");
        assert!(matches!(store.read(name).await, Err(CallError::Rejected { .. })), "{name}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "only the archive");
    assert!(store.list("").await.unwrap().is_empty());
}

#[tokio::test]
async fn of_many_writers_of_one_name_one_wins_and_none_is_half() {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderStore::create(folder.path()).unwrap();
    let write = |number: u8| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(store.put_once("audit/one", "text/plain", &[number; 10_000])).unwrap()
    };
    let won = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..16_u8)
            .map(|number| {
                let write = &write;
                scope.spawn(move || write(number))
            })
            .collect();
        writers.into_iter().map(|writer| usize::from(writer.join().unwrap())).sum::<usize>()
    });
    let bytes = store.read("audit/one").await.unwrap().unwrap();
    assert_eq!((won, bytes.len()), (1, 10_000));
    assert!(bytes.windows(2).all(|pair| pair[0] == pair[1]));
}
