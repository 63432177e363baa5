//! Reads whatever is given as a name, an address, a time or an amount: nothing ends the process, and what is read is written so that it is
//! read as the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reprieve_core::approval::window::Window;
use reprieve_core::azure::{KeyReference, ResourceId, SubscriptionId};
use reprieve_core::cost::Money;
use reprieve_core::google::GoogleName;
use reprieve_core::monitoring::{CisVersion, GuardRule, PatternMode};
use reprieve_core::{AccountId, EventId, KeyArn, Mode, Partition, Region, RoleArn};
use reprieve_evidence::anomaly::Network;
use reprieve_evidence::seal::{Hash, SealKeys};
use reprieve_runtime::telemetry::parse_filter;
use reprieve_wire::chat::Webhooks;

macro_rules! is_what_it_was {
    ($text:expr, $($kind:ty),+) => {$(
        if let Ok(name) = <$kind>::parse($text) {
            assert_eq!(<$kind>::parse(name.as_str()).as_ref(), Ok(&name), "{:?}", $text);
            let json = serde_json::to_string(&name).expect("a name can be written");
            assert_eq!(serde_json::from_str::<$kind>(&json).expect("what was written can be read"), name);
        }
    )+};
}

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    for text in text.lines() {
        is_what_it_was!(text, AccountId, EventId, KeyArn, Region, RoleArn, ResourceId, GoogleName);
        of_aws(text);
        of_azure(text);
        of_google(text);
        others(text);
    }
    drop(SealKeys::parse(&text));
    if let Err(error) = Webhooks::parse(&text) {
        let shown = error.to_string();
        assert!(text.split_whitespace().filter(|word| word.len() > 20).all(|word| !shown.contains(word)), "{shown}");
    }
});

fn of_aws(text: &str) {
    if let Ok(key) = KeyArn::parse(text) {
        let parts = format!("arn:{}:kms:{}:{}:key/", key.partition(), key.region(), key.account());
        assert!(text.starts_with(&parts), "{text:?} is of {parts}");
    }
    if let Ok(role) = RoleArn::parse(text) {
        assert!(text.contains(role.account().as_str()), "{text:?}");
    }
    drop(Partition::parse(text));
    drop((GuardRule::parse(text), CisVersion::parse(text), PatternMode::parse(text), Mode::parse(text)));
}

fn of_azure(text: &str) {
    drop(SubscriptionId::parse(text));
    if let Ok(id) = ResourceId::parse(text) {
        assert_eq!(ResourceId::parse(&text.to_ascii_uppercase()).as_ref(), Ok(&id), "case is no difference");
        assert!(id.canonical().starts_with(&format!("/subscriptions/{}", id.subscription()).to_lowercase()), "{text:?}");
        if let Some(parent) = id.parent() {
            assert!(id.canonical().starts_with(parent.canonical()), "{text:?} is in {parent}");
        }
        drop((id.resource_type(), id.name().len(), id.group()));
    }
    if let Ok(reference) = KeyReference::parse(text) {
        let again = KeyReference::parse(&reference.to_string());
        assert!(again.is_ok_and(|again| again.is_same_key(&reference)), "{text:?}");
    }
}

fn of_google(text: &str) {
    if let Ok(name) = GoogleName::parse(text) {
        if name.is_key_version() {
            assert!(name.as_str().starts_with(name.key().as_str()), "{text:?}");
            assert!(name.version().is_some() && name.project().is_some() && name.location().is_some(), "{text:?}");
        }
    }
}

fn others(text: &str) {
    if let Ok(window) = Window::parse(text) {
        assert!(window.start < window.end && Window::parse(&window.to_text()) == Ok(window), "{text:?}");
    }
    if let Ok(window) = Window::parse_typed(text) {
        assert_eq!(Window::parse(&window.to_text()), Ok(window), "{text:?}");
    }
    if let Ok(money) = text.parse::<Money>() {
        assert_eq!(money.to_string().trim_start_matches('$').replace(',', "").parse::<Money>().ok().map(|_| ()), Some(()), "{text:?}");
    }
    if let Some(hash) = Hash::parse(text) {
        assert_eq!(hash.to_string(), text);
    }
    if let Some(network) = Network::parse(text) {
        drop(format!("{network:?}"));
    }
    drop(parse_filter(text));
}
