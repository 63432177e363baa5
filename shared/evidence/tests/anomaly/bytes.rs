//! A baseline as bytes.

use proptest::prelude::*;
use reprieve_evidence::anomaly::{Baseline, BaselineError, Caps, Settings};

use crate::entries::{at, entry, learned};

fn read(bytes: &[u8]) -> Result<Baseline, BaselineError> {
    Baseline::from_bytes(bytes, Settings::default())
}

#[test]
fn foreign_bytes_are_refused_in_words() {
    for bytes in [&b""[..], b"{}", b"not a baseline", &[0xff; 64], b"\xa2fformatehello"] {
        let error = read(bytes).unwrap_err().to_string();
        assert!(error.contains("no baseline of Reprieve") && error.contains("learned anew"), "{error}");
    }
}

#[test]
fn another_format_and_a_newer_version_are_named() {
    let with = |format: &str, version: u32| {
        let mut bytes = Vec::new();
        ciborium::into_writer(
            &std::collections::BTreeMap::from([("format", ciborium::Value::from(format)), ("version", version.into())]),
            &mut bytes,
        )
        .unwrap();
        read(&bytes).unwrap_err().to_string()
    };
    assert!(with("something-else", 1).contains("its format is `something-else`"));
    assert!(with("reprieve-baseline", 99).contains("is of version 99"));
}

#[test]
fn bytes_after_the_end_are_refused() {
    let mut bytes = learned().to_bytes();
    bytes.push(0);
    assert!(matches!(read(&bytes), Err(BaselineError::Damaged { .. })));
}

#[test]
fn the_same_knowledge_is_the_same_bytes() {
    let bytes = learned().to_bytes();
    assert_eq!(bytes, learned().to_bytes());
    assert_eq!(bytes, read(&bytes).unwrap().to_bytes());
}

#[test]
fn more_than_there_is_room_for_is_left_out_the_lightest_first() {
    let mut baseline = learned();
    for number in 0..400 {
        baseline.learn(&entry(at(30, 10, 0)).by(&format!("passing-{}", number % 50)).on_secret(&format!("secret-{number}")).0);
    }
    for cap in [60_000, 20_000, 12_000] {
        let settings = Settings { caps: Caps { bytes: cap, ..Caps::default() }, ..Settings::default() };
        let mut small = Baseline::new(settings.clone());
        small.merge(&baseline);
        let bytes = small.to_bytes();
        assert!(bytes.len() <= cap, "{} of {cap}", bytes.len());
        let kept = Baseline::from_bytes(&bytes, settings).unwrap();
        assert!(kept.size().has_forgotten);
        let strange = entry(at(56, 3, 0)).from("198.51.100.9").0;
        assert!(kept.score(&strange, at(56, 3, 0)).is_some(), "role payments is known best, and is kept with {cap} bytes");
    }
}

#[test]
fn no_cap_is_too_small_to_end() {
    let settings = Settings { caps: Caps { bytes: 1, ..Caps::default() }, ..Settings::default() };
    let mut baseline = Baseline::new(settings);
    baseline.merge(&learned());
    assert_eq!(read(&baseline.to_bytes()).unwrap().size().principals, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read(&bytes).is_err());
    }

    /// Whatever is read of damaged bytes can be used and written like any other.
    #[test]
    fn damaged_bytes_never_make_anything_panic(place in any::<prop::sample::Index>(), value in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = of_a_day();
        let place = place.index(bytes.len());
        if cut { bytes.truncate(place) } else { bytes[place] = value }
        if let Ok(mut baseline) = read(&bytes) {
            let event = entry(at(56, 3, 0)).from("198.51.100.9").0;
            baseline.consider(&event, at(56, 3, 0), &reprieve_evidence::anomaly::NoPlaces);
            let again = baseline.clone();
            baseline.merge(&again);
            prop_assert!(read(&baseline.to_bytes()).is_ok());
        }
    }
}

fn of_a_day() -> Vec<u8> {
    let mut baseline = Baseline::new(Settings::default());
    for minute in 0..20 {
        baseline.learn(&entry(at(minute, 10, minute)).0);
        baseline.learn(&entry(at(minute, 10, minute)).refused().by("other").on_secret("prod/db").0);
    }
    baseline.remember_log_file("file", at(0, 0, 0));
    baseline.to_bytes()
}
