//! Reads whatever stands in an account as a filter pattern, and tries it on whatever stands in a log: nothing ends the process, an
//! error stands inside the pattern, and what is printed means what was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reprieve_core::Place;
use reprieve_core::filter::{FilterPattern, LONGEST_PATTERN_CHARACTERS, audit};
use serde_json::{Value, json};

/// The pattern is what stands before this, the event what stands after.
const SEPARATOR: &str = "\n---\n";

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let (pattern, event) = text.split_once(SEPARATOR).unwrap_or((&*text, "{}"));
    let event: Value = serde_json::from_str(event).unwrap_or_else(|_| json!({"eventName": event}));
    match FilterPattern::parse(pattern) {
        Ok(parsed) => judge(&parsed, &event, event.to_string().len()),
        Err(error) => {
            let most = pattern.chars().count() + 1;
            assert!((1..=most).contains(&error.column), "{error} in {pattern:?}");
        }
    }
});

fn judge(pattern: &FilterPattern, event: &Value, event_bytes: usize) {
    let matches = pattern.matches(event);
    assert_eq!(pattern.explain(event).matches, matches, "{pattern:?} on {event}");
    if pattern.contradiction().is_some() {
        assert!(!matches, "{pattern:?} contradicts itself and matches {event}");
    }
    let printed = pattern.to_string();
    if printed.chars().count() <= LONGEST_PATTERN_CHARACTERS {
        let again = FilterPattern::parse(&printed).unwrap_or_else(|error| panic!("{printed:?}, printed of {pattern:?}: {error}"));
        assert_eq!(again, *pattern, "printed as {printed:?}");
        assert_eq!(again.matches(event), matches, "{printed:?} on {event}");
    }
    // Hundreds of events: for some of the inputs only.
    if event_bytes % 64 == 2 {
        let audited = audit(pattern, &Place::documentation());
        assert_eq!(audited.misses.len(), audited.catches.values().filter(|caught| !**caught).count(), "{pattern:?}");
    }
}
