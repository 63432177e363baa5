//! Reads whatever lies where the baseline of what is usual lies, and learns from whatever stands in a log: nothing ends the process, a
//! baseline that is written comes back the same, it stays within its size, and it does not matter in which order two are merged.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use reprieve_core::AuditEvent;
use reprieve_evidence::anomaly::{Baseline, Caps, NoPlaces, Settings};
use reprieve_wire::audit::{Parsed, parse};
use serde_json::Value;

static SMALL: LazyLock<Settings> = LazyLock::new(|| Settings {
    caps: Caps { bytes: 2_000, principals: 4, assets: 4, pairs: 6, pairs_of_principal: 3, ..Settings::default().caps },
    ..Settings::default()
});

fuzz_target!(|input: &[u8]| {
    for settings in [Settings::default(), SMALL.clone()] {
        match Baseline::from_bytes(input, settings) {
            Ok(baseline) => is_sound(&baseline),
            Err(error) => assert!(error.to_string().chars().count() < 1_000, "{error}"),
        }
    }
    let events: Vec<AuditEvent> = input.split(|byte| *byte == b'\n').filter_map(entry_of).collect();
    if events.is_empty() {
        return;
    }
    for settings in [Settings::default(), SMALL.clone()] {
        let mut baseline = Baseline::new(settings);
        for event in &events {
            let now = event.event.time.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
            let considered = baseline.consider(event, now, &NoPlaces);
            if let Some(finding) = &considered.finding {
                baseline.remember_finding(finding, &NoPlaces);
            }
        }
        is_sound(&baseline);
    }
});

fn entry_of(line: &[u8]) -> Option<AuditEvent> {
    let value: Value = serde_json::from_slice(line).ok()?;
    match parse(&value) {
        Ok(Parsed::Entry(entry)) => Some(*entry),
        Ok(Parsed::NotOurs { .. }) | Err(_) => None,
    }
}

fn is_sound(baseline: &Baseline) {
    let caps = baseline.settings().caps.clone();
    let size = baseline.size();
    assert!(size.principals <= caps.principals && size.assets <= caps.assets && size.pairs <= caps.pairs, "{size:?}");
    let bytes = baseline.to_bytes();
    let again = Baseline::from_bytes(&bytes, baseline.settings().clone()).expect("what was written can be read");
    let is_cut = again != *baseline;
    assert!(!is_cut || bytes.len() * 2 > caps.bytes, "{} bytes are another baseline", bytes.len());
    if !is_cut {
        assert_eq!(again.to_bytes(), bytes);
    }
    let (mut forth, mut back) = (again.clone(), Baseline::new(baseline.settings().clone()));
    forth.merge(&Baseline::new(baseline.settings().clone()));
    back.merge(&again);
    assert!(forth == back, "merged in either order");
}
