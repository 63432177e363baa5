//! Any entry, finding and posture that the domain can hold: written to OCSF it keeps the schema's rules, and comes back as it was.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop, and says where")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use reprieve_core::audit::{Asset, AssetKind, AuditEvent, Cloud, Credential, Log, Operation};
use reprieve_core::azure::ResourceId;
use reprieve_core::finding::{Reason, ReasonKind};
use reprieve_core::google::GoogleName;
use reprieve_core::posture::KeyAtRisk;
use reprieve_core::{
    AccountId, Actor, ActorKind, CallOutcome, Details, Event, EventForm, EventId, Finding, KeyArn, Oddity, Posture, Region, RoleArn,
    Severity, Target,
};
use reprieve_test_support::ocsf::violations;
use reprieve_wire::ocsf::{Read, audit_json, finding_json, posture_json, read};
use reprieve_wire::row::AuditRow;
use reprieve_wire::{ecs, row};

const OPERATIONS: [Operation; 26] = [
    Operation::Encrypt,
    Operation::Decrypt,
    Operation::ReEncrypt,
    Operation::Wrap,
    Operation::Unwrap,
    Operation::Generate,
    Operation::Sign,
    Operation::Verify,
    Operation::Derive,
    Operation::Access,
    Operation::Create,
    Operation::Import,
    Operation::Backup,
    Operation::Read,
    Operation::List,
    Operation::Update,
    Operation::Rotate,
    Operation::Enable,
    Operation::Disable,
    Operation::Destroy,
    Operation::Purge,
    Operation::Restore,
    Operation::ChangeAccess,
    Operation::Tag,
    Operation::Replicate,
    Operation::Other,
];

/// Texts as logs hold them, and as attackers write them.
fn text() -> BoxedStrategy<String> {
    prop_oneof![
        "[ -~]{0,40}",
        ".{0,20}",
        select(vec!["=1+1", "@SUM(A1)", "-2", "+3", "'quoted", "a,b", "say \"x\"", "two\r\nlines", "\tindented", " blank ", "\u{202e}"])
            .prop_map(ToOwned::to_owned),
    ]
    .boxed()
}

fn time() -> BoxedStrategy<Timestamp> {
    // From the year 1 to the year 9999.
    (-62_135_596_800_i64..253_402_207_200, 0..1_000_000_000_i32)
        .prop_map(|(second, nanosecond)| Timestamp::new(second, nanosecond).unwrap_or(Timestamp::UNIX_EPOCH))
        .boxed()
}

fn target() -> BoxedStrategy<Target> {
    let key = select(vec!["aws:kms:eu-central-1", "aws-us-gov:kms:us-gov-west-1", "aws-cn:kms:cn-north-1"])
        .prop_map(|place| Target::Key(KeyArn::parse(&format!("arn:{place}:111122223333:key/1234abcd")).unwrap()));
    let azure = select(vec!["providers/Microsoft.KeyVault/vaults/kv", "resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv/keys/K"])
        .prop_map(|rest| {
            let id = format!("/subscriptions/00000000-0000-0000-0000-000000000001/{rest}");
            Target::Azure(ResourceId::parse(&id).unwrap())
        });
    let google = select(vec![
        "projects/p/locations/global/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
        "projects/p/secrets/s/versions/2",
        "organizations/1/sinks/s",
        "folders/f/x",
    ])
    .prop_map(|name| Target::Google(GoogleName::parse(name).unwrap()));
    prop_oneof![key, azure, google, text().prop_map(Target::KeyStore), text().prop_map(Target::Named), Just(Target::Unnamed)].boxed()
}

fn kind() -> BoxedStrategy<ActorKind> {
    prop_oneof![
        select(vec![
            ActorKind::Root,
            ActorKind::IamUser,
            ActorKind::AssumedRole,
            ActorKind::Role,
            ActorKind::FederatedUser,
            ActorKind::AwsAccount,
            ActorKind::AwsService,
            ActorKind::IdentityCenterUser,
            ActorKind::ExternalUser,
            ActorKind::EntraUser,
            ActorKind::ServicePrincipal,
            ActorKind::GoogleUser,
            ActorKind::GoogleServiceAccount,
            ActorKind::Unknown,
        ]),
        text().prop_map(ActorKind::Other),
    ]
    .boxed()
}

fn address() -> BoxedStrategy<String> {
    prop_oneof![
        any::<std::net::IpAddr>().prop_map(|address| address.to_string()),
        any::<std::net::SocketAddr>().prop_map(|address| address.to_string()),
        Just("0000:0000:0000:0000:0000:ffff:255.255.255.255".to_owned()),
        select(vec!["AWS Internal", "kms.amazonaws.com", "192.0.2.300"]).prop_map(ToOwned::to_owned),
        text(),
    ]
    .boxed()
}

fn actor() -> BoxedStrategy<Actor> {
    let name = || prop_oneof![text(), Just("alice@example.com".to_owned()), Just("a@b".to_owned())];
    let first = (kind(), option::of(text()), option::of(Just("111122223333")), option::of(name()), any::<[bool; 2]>(), option::of(text()));
    let second = (option::of(text()), option::of(text()), option::of(text()), option::of(text()), option::of(text()), option::of(text()));
    (first, second, option::of(address()), option::of(text()))
        .prop_map(|(first, second, source_address, user_agent)| {
            let (kind, arn, account, user_name, [is_alias, has_role], session_name) = first;
            let (source_identity, issuer, object_id, app_id, tenant_id, invoked_by) = second;
            Actor {
                kind,
                arn,
                account: account.map(|account| AccountId::parse(account).unwrap()),
                user_name,
                is_alias,
                role: has_role.then(|| RoleArn::parse("arn:aws:iam::111122223333:role/path/Admin").unwrap()),
                session_name,
                source_identity,
                issuer,
                object_id,
                app_id,
                tenant_id,
                invoked_by,
                source_address,
                user_agent,
            }
        })
        .boxed()
}

fn event() -> BoxedStrategy<Event> {
    let outcome = prop_oneof![
        Just(CallOutcome::Succeeded),
        (prop_oneof![text(), Just("403".to_owned())], option::of(text()))
            .prop_map(|(code, message)| CallOutcome::Refused { code, message }),
    ];
    let form = select(vec![EventForm::ApiCall, EventForm::ServiceEvent, EventForm::Native, EventForm::Sweep]);
    let place = (option::of(Just("111122223333")), option::of(select(vec!["eu-central-1", "cn-north-1"])));
    let call = ("[!-~]{1,40}", form, text(), text(), option::of(time()));
    (call, place, actor(), target(), outcome, option::of(time()), text())
        .prop_map(|(call, (account, region), actor, target, outcome, deletion_date, odd)| Event {
            id: EventId::parse(&call.0).unwrap(),
            form: call.1,
            source: call.2,
            name: call.3,
            time: call.4,
            account: account.map(|account| AccountId::parse(account).unwrap()),
            region: region.map(|region| Region::parse(region).unwrap()),
            actor,
            target,
            outcome,
            details: Details { deletion_date, ..Details::default() },
            oddities: vec![Oddity { field: odd.clone(), what: odd }],
        })
        .boxed()
}

fn excerpt() -> BoxedStrategy<BTreeMap<String, String>> {
    proptest::collection::btree_map(prop_oneof![text(), Just("requestID".to_owned())], text(), 0..4).boxed()
}

/// Any entry, also one in which log, target and asset do not go together.
pub(crate) fn entry() -> BoxedStrategy<AuditEvent> {
    let log = select(vec![Log::CloudTrail, Log::AzureActivityLog, Log::KeyVaultAudit, Log::ManagedHsmAudit, Log::GoogleCloudAudit]);
    let kinds = vec![
        AssetKind::Key,
        AssetKind::KeyAlias,
        AssetKind::KeyStore,
        AssetKind::Vault,
        AssetKind::Secret,
        AssetKind::Parameter,
        AssetKind::Certificate,
        AssetKind::AuditLog,
        AssetKind::Storage,
        AssetKind::DatabaseAudit,
        AssetKind::Alert,
    ];
    let asset = (select(kinds), text(), option::of(text())).prop_map(|(kind, id, version)| Asset { kind, id, version });
    let credential = (option::of(text()), option::of(any::<bool>()), option::of(text()), option::of(time()))
        .prop_map(|(id, mfa, identity_provider, created_at)| Credential { id, mfa, identity_provider, created_at });
    (log, event(), select(OPERATIONS.to_vec()), option::of(asset), credential, excerpt(), excerpt())
        .prop_map(|(log, event, operation, asset, credential, request, response)| AuditEvent {
            log,
            event,
            operation,
            asset,
            credential,
            request,
            response,
        })
        .boxed()
}

fn finding() -> BoxedStrategy<Finding> {
    let kinds = vec![
        ReasonKind::NewPrincipal,
        ReasonKind::NewOperation,
        ReasonKind::NewNetwork,
        ReasonKind::NewCountry,
        ReasonKind::NewRegion,
        ReasonKind::UnusualHour,
        ReasonKind::Burst,
        ReasonKind::RefusedBurst,
    ];
    let reason = (select(kinds), any::<u32>(), text()).prop_map(|(kind, weight, sentence)| Reason { kind, weight, sentence });
    let severities = vec![Severity::Informational, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    (time(), 0..=100_u32, select(severities), proptest::collection::vec(reason, 0..4), entry())
        .prop_map(|(found_at, score, severity, reasons, audit)| Finding { found_at, score, severity, reasons, audit })
        .boxed()
}

fn posture() -> BoxedStrategy<Posture> {
    let clouds = vec![Cloud::Aws, Cloud::Azure, Cloud::GoogleCloud];
    let risk = (text(), text(), option::of(time())).prop_map(|(id, why, deadline)| KeyAtRisk { id, why, deadline });
    let counts = (any::<u64>(), any::<u64>(), 0..3_u64, 0..3_u64);
    (time(), select(clouds), text(), text(), counts, proptest::collection::vec(risk, 0..3))
        .prop_map(|(at, cloud, account, region, counts, at_risk)| Posture {
            at,
            cloud,
            account,
            region,
            keys: counts.0,
            keys_monitored: counts.1,
            log_storages: counts.2,
            log_storages_under_customer_key: counts.3,
            at_risk,
        })
        .boxed()
}

proptest! {
    /// P105
    #[test]
    fn any_entry_keeps_the_rules_and_comes_back(entry in entry()) {
        let written = audit_json(&entry);
        prop_assert_eq!(violations(&written), Vec::<String>::new(), "{}", written);
        // Through the text, as it is kept.
        let again = serde_json::from_str(&written.to_string()).unwrap();
        prop_assert_eq!(read(&again).unwrap(), Read::Entry(Box::new(entry)));
    }

    #[test]
    fn any_finding_keeps_the_rules_and_comes_back(finding in finding()) {
        let written = finding_json(&finding);
        prop_assert_eq!(violations(&written), Vec::<String>::new(), "{}", written);
        let again = serde_json::from_str(&written.to_string()).unwrap();
        prop_assert_eq!(read(&again).unwrap(), Read::Finding(Box::new(finding)));
    }

    #[test]
    fn any_posture_keeps_the_rules_and_comes_back(posture in posture()) {
        let written = posture_json(&posture);
        prop_assert_eq!(violations(&written), Vec::<String>::new(), "{}", written);
        let again = serde_json::from_str(&written.to_string()).unwrap();
        prop_assert_eq!(read(&again).unwrap(), Read::Posture(posture));
    }

    #[test]
    fn any_entry_keeps_the_rules_of_elastic(entry in entry()) {
        prop_assert_eq!(crate::ecs::violations(&ecs::audit_json(&entry)), Vec::<String>::new());
    }

    #[test]
    fn any_row_comes_back_out_of_a_spreadsheet(entry in entry()) {
        let row = AuditRow::of(&entry);
        let text = row::header_line() + &row::line(&row);
        prop_assert_eq!(crate::row::read_back(&text), vec![crate::row::without_blanks(row)]);
    }
}
