//! Reads whatever anybody can write into tags, and weighs it as an approval. Only the published vectors may come out as approvals.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reprieve_core::approval::window::Window;
use reprieve_core::approval::{Evidence, SealedApproval, weigh};
use reprieve_core::facts::Tags;
use reprieve_core::{
    Actor, ApprovalKeys, ApprovalRules, CallOutcome, Details, Event, EventForm, EventId, KeyArn, KeyFacts, Known, Recollection, RoleArn,
    Target,
};

/// The public keys of `shared/docs/approval-format.md`.
const KEYS: &str = "vector-1=MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEd7UtrJ6w0PKPz1KhMBBBTWGHofYRqlF6+tfW1LR70b+D7A2tDSHxTkQcoJwhE3kBVIXnx6O0IO1kNFhazP+H4w==,\
    vector-2=MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZh0sLZUzVwmMFM6txEkwkA1OV/ISRd8sWy2jbT4rzdvPpj9ruDXkVzUPpO3O7u/QCy3KCdVfX0wf1PA6y5D5kg==;from=2026-01-01T00:00:00Z;until=2027-01-01T00:00:00Z";

/// What was sealed with them: the key, the change and the approver of each vector.
const SEALED: [(&str, &str, &str); 5] = [
    (KEY, "CHG-1001", "carol@example.com"),
    (KEY, "CHG-1002", "carol@example.com"),
    (KEY, "CHG-3001", "carol@example.com"),
    (KEY, "CHG-3001", "dave@example.com"),
    (GOVCLOUD_KEY, "CHG-2048", "arn:aws-us-gov:iam::111122223333:user/carol"),
];
const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const GOVCLOUD_KEY: &str = "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let entries = text.split('|').map(|entry| entry.strip_prefix('\n').unwrap_or(entry));
    let tags: Tags = entries.filter_map(|entry| entry.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    for value in tags.values().map(String::as_str).chain([&*text]) {
        window_keeps_its_meaning(value);
        drop(ApprovalKeys::parse(value));
    }
    sealable_values_are_seven_lines(&tags);
    for key in [KEY, GOVCLOUD_KEY] {
        for action in ["delete", "disable"] {
            only_vectors_are_approvals(&tags, key, action);
        }
    }
});

fn window_keeps_its_meaning(text: &str) {
    for window in [Window::parse(text), Window::parse_typed(text)].into_iter().flatten() {
        assert!(window.start < window.end, "{text:?}");
        assert_eq!(Window::parse(&window.to_text()), Ok(window), "{text:?}");
    }
}

fn sealable_values_are_seven_lines(tags: &Tags) {
    for approval in [SealedApproval::from_tags(tags), SealedApproval::co_approval_from_tags(tags)].into_iter().flatten().flatten() {
        if approval.check_values().is_ok() {
            let text = approval.canonical_text(KEY);
            assert_eq!((text.matches('\n').count(), text.is_ascii()), (7, true), "{text:?}");
        }
    }
}

fn only_vectors_are_approvals(tags: &Tags, key: &str, action: &str) {
    let key = KeyArn::parse(key).expect("the constant is a key's ARN");
    let ledger = SealedApproval::from_tags(tags).and_then(Result::ok);
    let recollection = Recollection { approvals: ledger.into_iter().collect(), ..Recollection::default() };
    let facts =
        KeyFacts { tags: Known::Is(tags.clone()), recollection: Known::Is(recollection), tagging: Known::Absent, ..KeyFacts::default() };
    let rules = rules();
    let weighed = weigh(&Evidence { event: &event(&key), key: &key, action, facts: &facts, rules: &rules });
    for approval in weighed.claims.iter().filter_map(|claim| claim.result.as_ref().ok()) {
        let sealed = (key.as_str(), approval.change.as_str(), approval.approver.as_str());
        assert!(SEALED.contains(&sealed), "FORGED: {approval:?} out of {tags:?}");
    }
}

fn rules() -> ApprovalRules {
    let approver = RoleArn::parse("arn:aws:iam::111122223333:role/Approver").expect("the constant is a role's ARN");
    ApprovalRules {
        keys: ApprovalKeys::parse(KEYS).expect("the constant holds two public keys"),
        approver_roles: [approver].into(),
        ..ApprovalRules::default()
    }
}

/// A deletion at the time that the vectors name.
fn event(key: &KeyArn) -> Event {
    Event {
        id: EventId::parse("fuzz").expect("the constant is an event id"),
        form: EventForm::ApiCall,
        source: "kms.amazonaws.com".to_owned(),
        name: "ScheduleKeyDeletion".to_owned(),
        time: "2026-11-20T10:00:00Z".parse().ok(),
        account: Some(key.account()),
        region: Some(key.region()),
        actor: Actor { user_name: Some("mallory".to_owned()), ..Actor::unknown() },
        target: Target::Key(key.clone()),
        outcome: CallOutcome::Succeeded,
        details: Details::default(),
        oddities: Vec::new(),
    }
}
