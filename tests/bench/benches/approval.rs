//! What an approval costs: asking the policies, deciding, verifying a seal, and reading the policies when a process starts.
//!
//! Warm measures are Criterion's. Reading policies is measured in a process of its own each time, this bench started anew as a child:
//! Cedar builds its lexer once in a process, and that is most of a first reading. It judges the median and ends with 1 where a promise
//! does not hold; whatever else the machine does only adds, so run it on an idle one.
//!
//! `cargo bench -p reprieve-bench --bench approval`

#![allow(
    clippy::print_stdout,
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a bench prints, and stops on the first surprise"
)]

use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use criterion::Criterion;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use reprieve_core::approval::{ACTION_TAG, APPROVER_TAG, Approval, ApprovalSource, CHANGE_TAG, SEAL_TAG, SealedApproval, WINDOW_TAG};
use reprieve_core::facts::{Recollection, Tags};
use reprieve_core::policy::{Asked, PolicyFile, Question};
use reprieve_core::{
    AccountId, Actor, ActorKind, ApprovalKeys, ApprovalRules, CallOutcome, Decision, Details, Domain, Event, EventForm, EventId, KeyArn,
    KeyDescription, KeyFacts, KeyState, Known, Policy, RoleArn, Situation, Target, decide,
};

/// The argument by which the bench starts itself as a child that reads policies once.
const COLD: &str = "--cold";
/// Processes per cold measure, after one that fills the page cache. Odd, so that the median is one of them.
const STARTS: usize = 31;
/// The user's file of the cold measure.
const USER_POLICIES: &str = include_str!("../../../shared/core/policies/examples/no-plain-tags/no-plain-tags.cedar");
/// What the asking of warm policies may take.
const ASK_LIMIT: Duration = Duration::from_micros(50);
/// What a reading of the policies may take in a new process.
const LOAD_LIMIT: Duration = Duration::from_millis(3);

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip_while(|argument| argument != COLD);
    if let (Some(_), Some(what)) = (arguments.next(), arguments.next()) {
        println!("{}", cold(&what).as_nanos());
        return ExitCode::SUCCESS;
    }
    let rows = [
        ("ask the shipped policies, warm", Some(ASK_LIMIT), warm("ask", ask())),
        ("verify one seal, warm", None, warm("verify", verify())),
        ("decide, with one seal, warm", None, warm("decide", decide_whole())),
        ("load the shipped policies, cold", Some(LOAD_LIMIT), in_new_processes("shipped")),
        ("load and validate a user's file too, cold", Some(LOAD_LIMIT), in_new_processes("user")),
        ("first question after that, cold", None, in_new_processes("first-question")),
    ];
    println!("\n{:<44} {:>12} {:>12} {:>12}", "", "p10 us", "median us", "promised us");
    let mut holds = true;
    for (name, limit, mut samples) in rows {
        samples.sort_unstable();
        let at = |percent: usize| samples.get((samples.len() - 1) * percent / 100).copied().expect("there are samples");
        let (fastest, median) = (microseconds(at(10)), microseconds(at(50)));
        let kept = limit.is_none_or(|limit| at(50) <= limit);
        holds &= kept;
        let promised = limit.map_or_else(|| "-".to_owned(), |limit| format!("{:.0}", microseconds(limit)));
        let verdict = match (limit, kept) {
            (None, _) => "",
            (Some(_), true) => "holds",
            (Some(_), false) => "MISSED",
        };
        println!("{name:<44} {fastest:>12.1} {median:>12.1} {promised:>12} {verdict}");
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Lets Criterion warm up and sample; returns the time of one run in each sample.
fn warm(name: &str, mut run: impl FnMut()) -> Vec<Duration> {
    let mut samples = Vec::new();
    let mut criterion = Criterion::default().without_plots().sample_size(50).measurement_time(Duration::from_secs(3));
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|runs| {
            let started = Instant::now();
            for _ in 0..runs {
                run();
            }
            let took = started.elapsed();
            samples.push(took / u32::try_from(runs).expect("a sample is not that long"));
            took
        });
    });
    // The first are its warm-up.
    samples.split_off(samples.len().saturating_sub(50))
}

/// Starts this bench as a child, again and again; returns what each measured.
fn in_new_processes(what: &str) -> Vec<Duration> {
    let this = std::env::current_exe().expect("a bench has a path");
    let start = || {
        let output = Command::new(&this).args([COLD, what]).output().expect("the bench starts itself");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("a number is text");
        Duration::from_nanos(text.trim().parse().expect("a child prints nanoseconds"))
    };
    start();
    (0..STARTS).map(|_| start()).collect()
}

/// What a child measures, once.
fn cold(what: &str) -> Duration {
    let read = |files: &[PolicyFile]| {
        let policy = Policy::with_user_policies(files).expect("the policies are valid");
        policy.prepare();
        policy
    };
    let user = [PolicyFile { name: "no-plain-tags.cedar".to_owned(), text: USER_POLICIES.to_owned() }];
    let scene = Scene::new();
    let started = Instant::now();
    match what {
        "shipped" => drop(black_box(read(&[]))),
        "user" => drop(black_box(read(&user))),
        "first-question" => {
            let policy = read(&[]);
            let started = Instant::now();
            assert!(policy.ask(&scene.question()).expect("the question is well formed").permitted);
            return started.elapsed();
        }
        other => panic!("`{other}` is not measured"),
    }
    started.elapsed()
}

fn ask() -> impl FnMut() {
    let (scene, policy) = (Scene::new(), Policy::shipped());
    assert!(policy.ask(&scene.question()).expect("the question is well formed").permitted, "an approval covers it");
    move || drop(black_box(policy.ask(black_box(&scene.question()))))
}

fn verify() -> impl FnMut() {
    let scene = Scene::new();
    move || drop(black_box(verified(black_box(&scene))))
}

fn verified(scene: &Scene) -> Approval {
    let sealed = SealedApproval::from_tags(&scene.tags).expect("there are tags").expect("all of them");
    let verified = sealed.verify_for("delete", &scene.key, scene.event.time, &scene.rules.keys, ApprovalSource::SealedTags);
    verified.expect("the seal holds")
}

fn decide_whole() -> impl FnMut() {
    let (scene, policy, domain) = (Scene::new(), Policy::shipped(), Domain::default());
    policy.prepare();
    move || {
        let situation = Situation {
            facts: &scene.facts,
            policy: &policy,
            rules: &scene.rules,
            domain: &domain,
            now: scene.event.time.expect("a time"),
        };
        let decision = decide(black_box(&scene.event), &situation);
        assert!(matches!(decision, Decision::Stand { .. }), "the approval covers it");
        drop(black_box(decision));
    }
}

/// A deletion that a sealed approval covers.
struct Scene {
    event: Event,
    key: KeyArn,
    tags: Tags,
    facts: KeyFacts,
    rules: ApprovalRules,
    approval: Option<Approval>,
}

impl Scene {
    fn new() -> Self {
        let key = KeyArn::parse("arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab").expect("an ARN");
        let (sealed, keys) = sealed_approval(&key);
        let values = [
            (CHANGE_TAG, &sealed.change),
            (ACTION_TAG, &sealed.action),
            (WINDOW_TAG, &sealed.window),
            (APPROVER_TAG, &sealed.approver),
            (SEAL_TAG, &sealed.seal),
        ];
        let mut tags: Tags = values.map(|(name, value)| (name.to_owned(), value.clone())).into();
        tags.extend([("env".to_owned(), "staging".to_owned()), ("owner".to_owned(), "payments".to_owned())]);
        let facts = KeyFacts {
            description: Known::Is(KeyDescription::in_state(KeyState::PendingDeletion)),
            tags: Known::Is(tags.clone()),
            recollection: Known::Is(Recollection::default()),
            ..KeyFacts::default()
        };
        let rules = ApprovalRules { keys, ..ApprovalRules::default() };
        let mut scene = Self { event: deletion_of(&key), key, tags, facts, rules, approval: None };
        scene.approval = Some(verified(&scene));
        scene
    }

    fn question(&self) -> Question<'_> {
        Question {
            actor: &self.event.actor,
            action: "delete",
            resource: Asked::Key(&self.key),
            tags: Some(&self.tags),
            key_state: Some("PendingDeletion"),
            waiting_period_days: Some(7),
            event_time: self.event.time,
            now: self.event.time.expect("a time"),
            change_calendar: Some("OPEN"),
            approval: self.approval.as_ref(),
            revocations_known: true,
            independent_approvers: 1,
            rules: &self.rules,
        }
    }
}

fn deletion_of(key: &KeyArn) -> Event {
    Event {
        id: EventId::parse("ScheduleKeyDeletion-1").expect("an id"),
        form: EventForm::ApiCall,
        source: "kms.amazonaws.com".to_owned(),
        name: "ScheduleKeyDeletion".to_owned(),
        time: Some("2026-11-20T10:00:00Z".parse().expect("a time")),
        account: Some(key.account()),
        region: Some(key.region()),
        actor: Actor {
            kind: ActorKind::AssumedRole,
            arn: Some("arn:aws:sts::111122223333:assumed-role/Admin/mallory@example.com".to_owned()),
            account: AccountId::parse("111122223333").ok(),
            role: RoleArn::parse("arn:aws:iam::111122223333:role/Admin").ok(),
            session_name: Some("mallory@example.com".to_owned()),
            ..Actor::unknown()
        },
        target: Target::Key(key.clone()),
        outcome: CallOutcome::Succeeded,
        details: Details { waiting_period_days: Some(7), ..Details::default() },
        oddities: Vec::new(),
    }
}

/// Seals with a key that exists for this bench alone.
fn sealed_approval(key: &KeyArn) -> (SealedApproval, ApprovalKeys) {
    let secret = SigningKey::from_slice(&[7; 32]).expect("the secret lies within the curve's order");
    let public = secret.verifying_key().to_public_key_der().expect("a public key has a DER form");
    let id = "2f6f1c1e-4f0b-4a53-9a0c-6f1f3ad7a001";
    let mut approval = SealedApproval {
        change: "CHG-1001".to_owned(),
        action: "delete".to_owned(),
        window: "2026-11-20T09:00:00Z/2026-11-20T17:00:00Z".to_owned(),
        approver: "carol@example.com".to_owned(),
        seal: String::new(),
    };
    let signature: Signature = secret.sign(approval.canonical_text(key.as_str()).as_bytes());
    approval.seal = SealedApproval::seal_text(id, &signature.to_bytes().into());
    let keys = ApprovalKeys::parse(&format!("{id}={}", STANDARD.encode(public.as_bytes()))).expect("a key");
    (approval, keys)
}
