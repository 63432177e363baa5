//! Reads whatever somebody pastes for an explanation: nothing ends the process, lines are counted from the text's own beginning and never
//! go back, each document of a text is found whatever stands beside it, and what is wrong is quoted in short.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reprieve_wire::parse_text;
use serde_json::Value;

/// What stands before and after in a text, and is one event.
const EVENT: &str = r#"{"eventName":"EnableKey","eventSource":"kms.amazonaws.com","eventID":"10000000-0000-4000-8000-000000000001"}"#;
/// The longest sentence about an input that cannot be read.
const LONGEST_ERROR_CHARACTERS: usize = 500;

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let found = parse_text(&text);
    let lines = text.matches('\n').count() + 1;
    assert!(found.iter().all(|line| (1..=lines).contains(&line.line)), "{text:?}");
    assert!(found.is_sorted_by_key(|line| line.line), "{text:?}");
    for error in found.iter().filter_map(|line| line.parsed.as_ref().err()) {
        let said = error.to_string();
        assert!(said.chars().count() <= LONGEST_ERROR_CHARACTERS, "{} characters: {said}", said.chars().count());
        assert!(!said.contains(char::is_control), "{said:?}");
    }
    // What is whole stays whole beside something else.
    if serde_json::from_str::<Value>(&text).is_ok_and(|value| value.is_object()) {
        let between = parse_text(&format!("{EVENT}\n{text}\n{EVENT}"));
        assert_eq!(between.len(), found.len() + 2, "{text:?}");
        let moved: Vec<_> = between[1..between.len() - 1].iter().map(|line| (line.line - 1, &line.parsed)).collect();
        assert!(
            moved.iter().zip(&found).all(|((line, parsed), was)| *line == was.line && parsed.is_ok() == was.parsed.is_ok()),
            "{text:?}"
        );
        assert!(between[0].parsed.is_ok() && between[between.len() - 1].parsed.is_ok());
    }
});
