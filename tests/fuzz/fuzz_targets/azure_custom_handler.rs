//! Reads whatever is posted to the custom handler: nothing ends the process, the number of items is bounded, and every item says where
//! it stands and is kept as it came.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reprieve_wire::azure::{Kind, answer_json, parse_invocation};
use serde_json::{Map, Value};

/// The most items, and one that says that there are more.
const MOST_ITEMS: usize = 20_001;

fuzz_target!(|input: &[u8]| {
    let Ok(invocation) = parse_invocation(input) else { return };
    if let Kind::Events(items) = invocation.kind {
        assert!(items.len() <= MOST_ITEMS);
        for item in &items {
            assert!(item.at.starts_with("Data."), "{}", item.at);
        }
        let logs: Vec<String> = items.iter().map(|item| item.at.clone()).collect();
        let answer = answer_json(Map::new(), &logs, None);
        assert_eq!((answer["Logs"].as_array().map(Vec::len), &answer["ReturnValue"]), (Some(items.len()), &Value::Null));
    }
});
