//! A month of an organisation, written as its archive: three accounts in two clouds, incidents that were undone and some that were not,
//! approvals, a broken glass, drills, uses, refused uses, rotations and anomalies. Some names try to break the page.
//!
//! Everything is built of the domain's own types and written as the functions write it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use reprieve_core::approval::{Approval, ApprovalFinding, ApprovalSource, Revocation};
use reprieve_core::audit::{Asset, AssetKind, Credential, Excerpt, Log, Operation};
use reprieve_core::azure::{ResourceId, Subject};
use reprieve_core::drill::decide::{held, not_held};
use reprieve_core::drill::{DRILL, DrillReport, Path as Watched, Verdict};
use reprieve_core::finding::{Reason, ReasonKind};
use reprieve_core::monitoring::event::own;
use reprieve_core::posture::KeyAtRisk;
use reprieve_core::record::{KeyNames, StepResult};
use reprieve_core::{
    AccountId, Actor, ActorKind, AuditEvent, CallOutcome, Cloud, Decision, Details, Event, EventForm, EventId, Finding, KeyArn, Mode,
    Phase, Plan, Posture, Record, Region, Severity, Status, Step, StepOutcome, Target, Threat, Why,
};
use reprieve_evidence::layout;
use reprieve_wire::ocsf;
use serde_json::Value;

/// What is tried to break the page with, as a caller's session name.
pub(crate) const ATTACK: &str = "</title></svg><script>alert('mallory')</script><img src=x onerror=alert(1)>";

const ACCOUNTS: [(&str, &str); 3] = [("111122223333", "eu-central-1"), ("111122223333", "us-east-1"), ("444455556666", "eu-central-1")];
const SUBSCRIPTION: &str = "0a1b2c3d-0000-4000-8000-00000000c0de";
const ALIASES: [&str; 6] =
    ["alias/orders", "alias/payments", "alias/customer-data", "alias/backups", "alias/audit-logs", "alias/telemetry"];
const PEOPLE: [&str; 5] = ["dana@example.com", "kim@example.com", "terraform", "lee@example.com", ATTACK];

fn begin() -> Timestamp {
    "2024-11-01T00:00:00Z".parse().unwrap()
}

fn at(day: u64, minute: u64) -> Timestamp {
    let minutes = (day * 1_440 + minute).min(30 * 1_440 - 1);
    begin().checked_add(SignedDuration::from_mins(i64::try_from(minutes).unwrap())).unwrap()
}

fn later(time: Timestamp, ms: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_millis(ms)).unwrap()
}

/// A number below another that looks drawn by lot, and is the same every time (the finalizer of splitmix64).
fn pick(seed: u64, below: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) % below
}

fn key(account: usize, number: u64) -> KeyArn {
    let (account, region) = ACCOUNTS[account];
    KeyArn::parse(&format!("arn:aws:kms:{region}:{account}:key/{number:08x}-12ab-34cd-56ef-1234567890ab")).unwrap()
}

fn person(name: &str) -> Actor {
    Actor {
        kind: ActorKind::AssumedRole,
        role: reprieve_core::RoleArn::parse("arn:aws:iam::111122223333:role/Admin").ok(),
        session_name: Some(name.to_owned()),
        source_address: Some("198.51.100.23".to_owned()),
        ..Actor::unknown()
    }
}

fn event(id: &str, name: &str, target: Target, time: Timestamp, who: &str) -> Event {
    let place = target.key().map(|key| (key.account(), key.region()));
    Event {
        id: EventId::parse(id).unwrap(),
        form: EventForm::ApiCall,
        source: "kms.amazonaws.com".to_owned(),
        name: name.to_owned(),
        time: Some(time),
        account: place.as_ref().map(|(account, _)| account.clone()),
        region: place.map(|(_, region)| region),
        actor: person(who),
        target,
        outcome: CallOutcome::Succeeded,
        details: Details::default(),
        oddities: Vec::new(),
    }
}

fn record(event: Event, threat: Option<Threat>, detect_ms: i64, decision: Decision, steps: Vec<StepOutcome>, status: Status) -> Record {
    let time = event.time.unwrap();
    let ends = steps.iter().filter_map(|step| step.at).max().unwrap_or_else(|| later(time, detect_ms.max(0) + 400));
    let has_steps = !steps.is_empty();
    Record {
        phase: Phase::Outcome,
        attempt: 1,
        claimed: true,
        recorded_at: later(ends, 150),
        received_at: later(time, detect_ms),
        mode: Mode::Enforce,
        event,
        threat,
        subject: None,
        considering: decision.plan().cloned().unwrap_or_default(),
        decision: Some(decision),
        steps,
        status,
        state_after: None,
        detect_ms: Some(detect_ms),
        remediate_ms: (status == Status::Success && has_steps).then(|| reprieve_core::record::elapsed_ms(time, ends)),
        names: KeyNames::default(),
    }
}

/// What is written of an event: the intent, where something was to be done, and the outcome.
fn with_intent(outcome: Record) -> Vec<Record> {
    let intent = Record {
        phase: Phase::Intent,
        recorded_at: outcome.received_at,
        decision: None,
        steps: Vec::new(),
        status: Status::Pending,
        remediate_ms: None,
        names: KeyNames::default(),
        ..outcome.clone()
    };
    vec![intent, outcome]
}

/// An incident on a key: a deletion or a disablement that nothing covers, and what was done.
fn incident(number: u64) -> Vec<Record> {
    let key = key(usize::try_from(pick(number, 3)).unwrap(), number % 9);
    let time = at(pick(number * 7, 30), pick(number * 13, 1_440));
    let who = PEOPLE[usize::try_from(pick(number * 3, 5)).unwrap()];
    let is_deletion = pick(number * 5, 3) > 0;
    let (call, threat) = if is_deletion { ("ScheduleKeyDeletion", Threat::DeletionScheduled) } else { ("DisableKey", Threat::KeyDisabled) };
    let mut event = event(&format!("incident-{number:03}"), call, Target::Key(key.clone()), time, who);
    let alias = ALIASES[usize::try_from(number % 6).unwrap()];
    let detect = 700 + i64::try_from(pick(number * 11, 4_200)).unwrap();
    let detect = match number {
        7 => -900,
        23 => 64_000,
        _ => detect,
    };
    let first = Step::CancelKeyDeletion { key: key.clone() };
    let enable = Step::EnableKey { key: key.clone() };
    let plan = Plan::new(if is_deletion { vec![first, enable] } else { vec![enable] });
    let phrase = threat.phrase();
    let sentence = format!("`{key}` {phrase} by {who} as Admin and no approval covers it: {plan}, because it was enabled before.");
    let mut why = Why::new(Severity::High, sentence);
    why.approval = ApprovalFinding::None;
    if is_deletion {
        event.details.waiting_period_days = Some(7);
        why.deadline = Some(later(time, 7 * 86_400_000));
    }
    if number == 12 {
        let own = Approval { approver_identities: event.actor.identities(), ..approval("CHG-2077", who, ApprovalSource::SealedTags) };
        why.approval = ApprovalFinding::Established(Box::new(own));
        why.escalations.push(format!("{who} as Admin tried to approve their own act"));
    }
    if number == 19 {
        let revocation =
            Revocation { change: "CHG-2051".to_owned(), by: "sam@example.com".to_owned(), at: later(time, -3_600_000), reason: None };
        let revoked = Approval { revoked: Some(revocation), ..approval("CHG-2051", "alice@example.com", ApprovalSource::Ledger) };
        why.approval = ApprovalFinding::Established(Box::new(revoked));
    }
    let mut ends = later(time, detect.max(0) + 500);
    let mut results: Vec<StepResult> = plan.steps.iter().map(|_| StepResult::Done).collect();
    match number {
        31 => {
            results =
                vec![StepResult::Refused { error: "kms:CancelKeyDeletion: access denied: explicit deny in the key policy".to_owned() }];
        }
        32 => results.fill(StepResult::Unsupported { error: "the key holds no material: import it again".to_owned() }),
        _ => {}
    }
    let mut has_failed = false;
    let steps: Vec<StepOutcome> = plan
        .steps
        .iter()
        .enumerate()
        .map(|(index, step)| {
            ends = later(ends, 600 + i64::try_from(pick(number * 17 + index as u64, 2_400)).unwrap());
            let result = if has_failed { StepResult::NotReached } else { results.get(index).cloned().unwrap_or(StepResult::NotReached) };
            has_failed |= !result.is_success();
            let at = (result != StepResult::NotReached).then_some(ends);
            StepOutcome { step: step.clone(), result, at }
        })
        .collect();
    let status = Status::of_steps(&steps);
    let decision = Decision::Remedy { plan, why };
    let mut outcome = record(event, Some(threat), detect, decision, steps, status);
    outcome.names = KeyNames { aliases: vec![alias.to_owned()], owner: Some("platform".to_owned()) };
    if number == 33 {
        // Its outcome was never written.
        return with_intent(outcome).into_iter().take(1).collect();
    }
    with_intent(outcome)
}

/// An incident that only a human can answer.
fn escalated(number: u64) -> Record {
    let (call, threat, advice) = [
        (
            "PutKeyPolicy",
            Threat::PolicyReplaced,
            "with KMS's own lockout check switched off. Check that its administrators are still let in.",
        ),
        (
            "DeleteImportedKeyMaterial",
            Threat::MaterialDeleted,
            "and no approval covers it. Only importing the same key material again makes the key usable.",
        ),
        ("RevokeGrant", Threat::GrantRemoved, "and no approval covers it. Whoever used the key through it can no longer."),
    ][usize::try_from(number % 3).unwrap()];
    let key = key(usize::try_from(number % 3).unwrap(), 9 + number % 3);
    let event =
        event(&format!("escalated-{number}"), call, Target::Key(key.clone()), at(4 + number * 5, 600 + number * 37), "kim@example.com");
    let why = Why::new(Severity::High, format!("`{key}` {} by kim@example.com as Admin {advice}", threat.phrase()));
    record(event, Some(threat), 1_900, Decision::Escalate { why }, Vec::new(), Status::Escalated)
}

/// A vault in Azure whose protection was switched off.
fn azure(number: u64) -> Record {
    let id = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/logs/providers/Microsoft.KeyVault/vaults/log-keys-{number}");
    let id = ResourceId::parse(&id).unwrap();
    let mut event = event(
        &format!("azure-{number}"),
        "Microsoft.KeyVault/vaults/delete",
        Target::Azure(id.clone()),
        at(9 + number * 6, 740),
        "lee@example.com",
    );
    "Microsoft.KeyVault".clone_into(&mut event.source);
    let why = Why::new(
        Severity::High,
        format!("`Microsoft.KeyVault/vaults/delete` by lee@example.com: the vault `{id}` is deleted, and a human must look."),
    );
    let mut record = record(event, None, 41_000, Decision::Escalate { why }, Vec::new(), Status::Escalated);
    record.subject = Some(Subject::Vault(id));
    record
}

fn approval(change: &str, approver: &str, source: ApprovalSource) -> Approval {
    Approval {
        change: change.to_owned(),
        approver: approver.to_owned(),
        approver_identities: [format!("person:{approver}")].into(),
        resource: key(0, 1).to_string(),
        window_start: begin(),
        window_end: later(begin(), 40 * 86_400_000),
        source,
        seal_key: Some("approvals-2026".to_owned()),
        set_at: None,
        revoked: None,
    }
}

fn approved(number: u64) -> Record {
    let source = [ApprovalSource::SealedTags, ApprovalSource::SealedTags, ApprovalSource::Ledger][usize::try_from(number % 3).unwrap()];
    let key = key(usize::try_from(number % 3).unwrap(), 20 + number);
    let time = at(2 + number * 3, 560 + number * 11);
    let event = event(&format!("approved-{number}"), "ScheduleKeyDeletion", Target::Key(key.clone()), time, "terraform");
    let mut why = Why::new(Severity::Informational, format!("`{key}` was scheduled for deletion and change CHG-19{number:02} covers it."));
    why.permitted = true;
    if number == 4 {
        why.pass_ends = Some(later(time, 86_400_000));
        why.severity = Severity::High;
        why.escalations.push("a glass was broken: look at it within 24 hours".to_owned());
        why.sentence = format!("`{key}` was scheduled for deletion and policy break-glass permits it.");
    } else {
        why.approval = ApprovalFinding::Established(Box::new(approval(&format!("CHG-19{number:02}"), "alice@example.com", source)));
    }
    if number == 2 {
        why.escalations.push("the change calendar could not be read".to_owned());
    }
    let mut record = record(event, Some(Threat::DeletionScheduled), 1_200, Decision::Stand { why }, Vec::new(), Status::NothingToDo);
    record.names.aliases = vec![format!("alias/retired-{number}")];
    record
}

fn drill(number: u64) -> Vec<Record> {
    let key = key(0, 0xd411);
    let time = at(1 + number * 7, 300);
    let id = EventId::parse(&format!("drill-{number}")).unwrap();
    let account = AccountId::parse(ACCOUNTS[0].0).unwrap();
    let event = own(id, DRILL, time, (&account, &Region::parse(ACCOUNTS[0].1).unwrap()), Target::Key(key.clone()));
    let proven = |ms: i64| Verdict::Proven { ms };
    let alarm = if number == 2 { Verdict::Missed { deadline_ms: 600_000, after_ms: None } } else { proven(212_000) };
    let paths = vec![
        (Watched::Detection, proven(1_400)),
        (Watched::Enablement, proven(3_100)),
        (Watched::Notice, proven(3_600)),
        (Watched::Alarm, alarm),
    ];
    let report = DrillReport { started_at: time, paths, own_steps: Vec::new() };
    let (decision, status) = if number == 3 {
        not_held(&["the alarm `key-deletion` is going off already: look at what it tells of".to_owned()], Severity::Medium, &[], Vec::new())
    } else {
        held(&report, &key, true, Vec::new())
    };
    let mut outcome = record(event, None, 1_400, decision, Vec::new(), status);
    (outcome.detect_ms, outcome.remediate_ms) = if number == 3 { (None, None) } else { (Some(1_400), Some(3_100)) };
    vec![outcome]
}

fn used(number: u64) -> AuditEvent {
    // Working days and hours are busier.
    let (day, hour) = (pick(number * 19, 30), pick(number * 23, 24));
    let is_quiet = day % 7 == 0 || day % 7 == 6 || !(7..19).contains(&hour);
    let hour = if is_quiet && pick(number * 29, 5) > 0 { 8 + pick(number * 31, 10) } else { hour };
    let which = pick(number * 37, 6) * pick(number * 41, 6) / 4;
    let key = key(0, which);
    let asset = if which == 5 {
        Asset {
            kind: AssetKind::Secret,
            id: "arn:aws:secretsmanager:eu-central-1:111122223333:secret:orders/database-Ab12Cd".to_owned(),
            version: None,
        }
    } else {
        Asset { kind: AssetKind::Key, id: key.to_string(), version: None }
    };
    let mut event = event(&format!("use-{number}"), "Decrypt", Target::Key(key), at(day, hour * 60 + pick(number * 43, 60)), "app");
    let mut operation = [Operation::Decrypt, Operation::Encrypt, Operation::Generate][usize::try_from(number % 3).unwrap()];
    match number % 97 {
        0 => {
            event.outcome = CallOutcome::Refused { code: "AccessDenied".to_owned(), message: None };
            let role = ["batch-import", "legacy-reporting", "<script>alert('role')</script>"][usize::try_from(number % 3).unwrap()];
            event.actor.role = None;
            event.actor.arn = Some(format!("arn:aws:sts::111122223333:assumed-role/{role}/job"));
        }
        1 => {
            operation = Operation::Rotate;
            event.form = EventForm::ServiceEvent;
            "RotateKey".clone_into(&mut event.name);
        }
        2 => operation = Operation::Tag,
        _ => {}
    }
    AuditEvent {
        log: Log::CloudTrail,
        event,
        operation,
        asset: Some(asset),
        credential: Credential::default(),
        request: Excerpt::new(),
        response: Excerpt::new(),
    }
}

fn anomaly(number: u64) -> Finding {
    let mut audit = used(2_000 + number * 3);
    audit.event.id = EventId::parse(&if number == 0 { "incident-005".to_owned() } else { format!("anomaly-{number}") }).unwrap();
    audit.event.actor = person(if number == 1 { ATTACK } else { "nightly-export" });
    let reason = |kind, weight, sentence: &str| Reason { kind, weight, sentence: sentence.to_owned() };
    let reasons = vec![
        reason(ReasonKind::NewPrincipal, 40, "first Decrypt by role `nightly-export` on key `alias/customer-data`"),
        reason(ReasonKind::NewNetwork, 25, "never before from 198.51.100.0/24"),
        reason(ReasonKind::UnusualHour, 15, "03:00 on a Sunday"),
    ];
    let taken = usize::try_from(1 + number % 3).unwrap();
    let reasons: Vec<Reason> = reasons.into_iter().take(taken).collect();
    let score = reasons.iter().map(|reason| reason.weight).sum();
    Finding { found_at: later(audit.event.time.unwrap(), 90_000), score, severity: Severity::Medium, reasons, audit }
}

fn postures() -> Vec<Posture> {
    let taken = at(29, 1_380);
    let of = |(account, region): (&str, &str), cloud, keys, keys_monitored| Posture {
        at: taken,
        cloud,
        account: account.to_owned(),
        region: region.to_owned(),
        keys,
        keys_monitored,
        log_storages: 0,
        log_storages_under_customer_key: 0,
        at_risk: Vec::new(),
    };
    let mut first = of(ACCOUNTS[0], Cloud::Aws, 214, 214);
    first.at_risk = vec![
        KeyAtRisk {
            id: key(0, 4).to_string(),
            why: "its imported material expires, and nobody imported it again".to_owned(),
            deadline: Some(later(taken, 3 * 86_400_000)),
        },
        KeyAtRisk {
            id: key(0, 77).to_string(),
            why: "its policy shuts the guard out: `kms:CancelKeyDeletion` is denied".to_owned(),
            deadline: None,
        },
    ];
    let mut azure = of((SUBSCRIPTION, "global"), Cloud::Azure, 31, 30);
    (azure.log_storages, azure.log_storages_under_customer_key) = (4, 3);
    vec![first, of(ACCOUNTS[1], Cloud::Aws, 58, 55), of(ACCOUNTS[2], Cloud::Aws, 96, 96), azure]
}

/// Writes the archive.
pub(crate) fn write(folder: &Path) {
    let mut records: Vec<Record> = (0..36).flat_map(incident).collect();
    records.extend((0..5).map(escalated));
    records.extend((0..2).map(azure));
    records.extend((0..8).map(approved));
    records.extend((0..4).flat_map(drill));
    for record in &records {
        put(folder, &layout::decision(record), &ocsf::record_json(record));
    }
    let findings: Vec<Finding> = (0..7).map(anomaly).collect();
    for finding in &findings {
        put(folder, &layout::finding(finding), &ocsf::finding_json(finding));
    }
    for posture in postures() {
        put(folder, &layout::posture(&posture), &ocsf::posture_json(&posture));
    }
    let mut files: BTreeMap<String, Vec<AuditEvent>> = BTreeMap::new();
    for entry in (0..2_400).map(used) {
        let (account, region) = layout::place_of_entry(&entry);
        let name = layout::events(entry.event.time.unwrap(), &account, &region, "111122223333_CloudTrail", false);
        files.entry(name).or_default().push(entry);
    }
    for (name, entries) in &files {
        put_lines(folder, name, entries);
    }
    // Another trail wrote the first file too.
    if let Some((name, entries)) = files.iter().next() {
        put_lines(folder, &name.replace("CloudTrail", "second-trail"), entries);
    }
}

fn put(folder: &Path, name: &str, value: &Value) {
    let file = folder.join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, value.to_string()).unwrap();
}

fn put_lines(folder: &Path, name: &str, entries: &[AuditEvent]) {
    let file = folder.join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let mut packed = GzEncoder::new(std::fs::File::create(file).unwrap(), Compression::fast());
    for entry in entries {
        writeln!(packed, "{}", ocsf::audit_json(entry)).unwrap();
    }
    packed.finish().unwrap();
}
