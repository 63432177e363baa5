//! Reads whatever stands in a log or an event of Azure: nothing ends the process, an event that is written down comes back the same,
//! and an object in a vault is never of another vault than the one that logged it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reprieve_core::Event;
use reprieve_core::azure::ResourceId;
use reprieve_core::azure::event::{VAULT_SOURCE, reach};
use reprieve_core::azure::subject::Function;
use reprieve_wire::azure::parse_all;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let Ok(value) = serde_json::from_slice::<Value>(input) else { return };
    for parsed in parse_all(&value) {
        let Ok(event) = parsed.event else { continue };
        let text = serde_json::to_string(&event).expect("an event can be written");
        assert_eq!(serde_json::from_str::<Event>(&text).expect("what was written can be read"), event);
        for function in Function::ALL {
            drop(reach(&event, function));
        }
        if event.source == VAULT_SOURCE {
            object_is_of_its_vault(&event, &parsed.input);
        }
    }
});

fn object_is_of_its_vault(event: &Event, input: &Value) {
    let Some(target) = event.target.azure() else { return };
    // The id may be written in another case, or stand in a record that is itself a text; then there is nothing to compare with here.
    let Some(vault) = input.get("resourceId").and_then(Value::as_str).and_then(|text| ResourceId::parse(text).ok()) else { return };
    let is_within = target == &vault || target.parent().as_ref() == Some(&vault);
    assert!(is_within, "FORGED: {target} was logged by {vault}");
}
