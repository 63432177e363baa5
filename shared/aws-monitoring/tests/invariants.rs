//! Reads the crate's source: that no call in it deletes, stops, disables or narrows anything.
#![expect(clippy::unwrap_used, reason = "a test that cannot read the source must stop")]

use std::path::{Path, PathBuf};

/// How methods of the SDK's clients begin, and what those are called that do harm under another name.
const FORBIDDEN: [&str; 9] =
    [".delete_", ".stop_", ".disable_", ".remove_", ".unsubscribe(", ".untag_", ".set_alarm_state(", ".cancel_", ".disassociate_"];

/// Our own methods, and the standard library's.
const HARMLESS: [&str; 1] = [".remove_key("];

#[test]
fn no_call_deletes_stops_disables_or_narrows_anything() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(sources.len() >= 10, "only {} files were found", sources.len());
    for path in sources {
        let source = HARMLESS.iter().fold(std::fs::read_to_string(&path).unwrap(), |source, harmless| source.replace(harmless, ""));
        let found: Vec<&str> = FORBIDDEN.into_iter().filter(|call| source.contains(call)).collect();
        assert_eq!(found, Vec::<&str>::new(), "{}", path.display());
    }
}

/// The files that the crate is built of, without its tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            let is_test = path.to_string_lossy().ends_with("_tests.rs");
            if path.is_dir() { sources(&path) } else { Vec::from_iter((!is_test).then_some(path)) }
        })
        .collect()
}
