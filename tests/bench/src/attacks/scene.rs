//! Who and what there is, and the log that it leaves.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reprieve_core::audit::{Asset, AssetKind, Credential, Excerpt, Log, Operation};
use reprieve_core::{
    AccountId, Actor, ActorKind, AuditEvent, CallOutcome, Details, Event, EventForm, EventId, KeyArn, Region, RoleArn, Target,
};

use super::{Incident, Labelled};

const ACCOUNT: &str = "111122223333";
/// The first day, a Monday.
const FIRST_DAY: i64 = 20_731;

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// All days.
    pub days: i64,
    /// The days before the first attack.
    pub quiet_days: i64,
    /// Services around the clock.
    pub services: usize,
    /// People.
    pub people: usize,
    /// Keys and secrets, of each as many.
    pub assets: usize,
    /// Calls of a service in an hour, about.
    pub calls_an_hour: f64,
    /// Attacks of each kind.
    pub attacks: usize,
}

impl Scale {
    /// Eight weeks of a middling account.
    pub const FULL: Self = Self { days: 56, quiet_days: 28, services: 14, people: 18, assets: 60, calls_an_hour: 9.0, attacks: 8 };
    /// What a test can wait for.
    pub const SMALL: Self = Self { days: 42, quiet_days: 28, services: 6, people: 8, assets: 24, calls_an_hour: 3.0, attacks: 3 };
}

/// Numbers that follow from a seed (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts with a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`; 0 where `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    /// Returns a number from `first` to `last`.
    pub fn between(&mut self, first: i64, last: i64) -> i64 {
        let width = u64::try_from(last - first + 1).unwrap_or(1).max(1);
        first + i64::try_from(self.next() % width).unwrap_or(0)
    }

    /// Returns whether a thing of this chance happens.
    pub fn chance(&mut self, chance: f64) -> bool {
        self.unit() < chance
    }

    /// Returns a number from 0 up to 1.
    pub fn unit(&mut self) -> f64 {
        let bits = u32::try_from(self.next() >> 32).unwrap_or(0);
        f64::from(bits) / (f64::from(u32::MAX) + 1.0)
    }

    /// Returns how often something of this mean happens (Poisson), up to a few thousand.
    pub fn times(&mut self, mean: f64) -> usize {
        if mean > 30.0 {
            // Near enough to the normal distribution, by the sum of twelve uniform ones.
            let normal = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
            let times = normal.mul_add(mean.sqrt(), mean).round().clamp(0.0, 5_000.0);
            return (0..5_000_usize).find(|count| f64::from(u32::try_from(*count).unwrap_or(0)) >= times).unwrap_or(5_000);
        }
        let limit = (-mean).exp();
        let mut product = self.unit();
        let mut count = 0;
        while product > limit && count < 200 {
            product *= self.unit();
            count += 1;
        }
        count
    }

    /// Returns one of them.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let index = self.below(of.len());
        of.get(index).expect("there is one to choose")
    }
}

/// Somebody who calls.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) role: String,
    pub(super) session: String,
    /// Where they usually are.
    pub(super) networks: Vec<String>,
    /// What they use.
    pub(super) assets: Vec<usize>,
    /// The service that calls for them.
    pub(super) through: Option<&'static str>,
}

/// One call, before it is an entry.
#[derive(Debug, Clone)]
pub(super) struct Call<'a> {
    pub(super) caller: &'a Caller,
    pub(super) second: i64,
    pub(super) address: String,
    pub(super) asset: Option<usize>,
    pub(super) name: &'a str,
    pub(super) is_refused: bool,
    pub(super) region: &'a str,
    pub(super) incident: Option<Incident>,
}

/// Everything.
#[derive(Debug)]
pub struct Scene {
    pub(super) random: Random,
    pub(super) scale: Scale,
    pub(super) services: Vec<Caller>,
    pub(super) people: Vec<Caller>,
    pub(super) admins: Vec<Caller>,
    /// How many keys and secrets there are now: even ones are keys.
    pub(super) assets: usize,
    log: Vec<Labelled>,
    counters: BTreeMap<&'static str, u64>,
}

impl Scene {
    /// Makes who and what there is.
    #[must_use]
    pub fn new(seed: u64, scale: &Scale) -> Self {
        Self {
            random: Random::new(seed),
            scale: *scale,
            services: Vec::new(),
            people: Vec::new(),
            admins: Vec::new(),
            assets: scale.assets * 2,
            log: Vec::new(),
            counters: BTreeMap::new(),
        }
    }

    pub(super) fn number(&mut self, of: &'static str) -> u64 {
        let counter = self.counters.entry(of).or_default();
        *counter += 1;
        *counter
    }

    /// Returns an address in a network such as `198.51.100`.
    pub(super) fn address_in(&mut self, network: &str) -> String {
        format!("{network}.{}", self.random.between(1, 254))
    }

    /// Writes a call into the log.
    pub(super) fn call(&mut self, call: &Call<'_>) {
        let number = self.number("entry");
        let event = entry(number, call);
        self.log.push(Labelled { event, incident: call.incident });
    }

    pub(super) fn into_log(mut self) -> Vec<Labelled> {
        self.log.sort_by_key(|labelled| labelled.event.event.time);
        self.log
    }
}

/// Returns the second at which an hour of a day begins.
pub(super) fn hour_of(day: i64, hour: i64) -> i64 {
    (FIRST_DAY + day) * 86_400 + hour * 3_600
}

/// Says whether a day is of a weekend.
pub(super) const fn is_weekend(day: i64) -> bool {
    // 1970-01-01 was a Thursday.
    (FIRST_DAY + day + 3).rem_euclid(7) >= 5
}

fn asset_of(number: usize, region: &str) -> (Asset, Option<KeyArn>) {
    if number.is_multiple_of(2) {
        let arn = format!("arn:aws:kms:{region}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-{number:012}");
        return (Asset { kind: AssetKind::Key, id: arn.clone(), version: None }, KeyArn::parse(&arn).ok());
    }
    let id = format!("arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:team-{}/secret-{number}-AbCdEf", number % 7);
    (Asset { kind: AssetKind::Secret, id, version: None }, None)
}

fn operation_of(name: &str) -> (Operation, &'static str) {
    let kms = "kms.amazonaws.com";
    let secrets = "secretsmanager.amazonaws.com";
    match name {
        "Decrypt" => (Operation::Decrypt, kms),
        "Encrypt" => (Operation::Encrypt, kms),
        "GenerateDataKey" => (Operation::Generate, kms),
        "DescribeKey" => (Operation::Read, kms),
        "ListKeys" => (Operation::List, kms),
        "TagResource" => (Operation::Tag, kms),
        "CreateKey" => (Operation::Create, kms),
        "GetSecretValue" => (Operation::Access, secrets),
        "DescribeSecret" => (Operation::Read, secrets),
        "PutSecretValue" => (Operation::Rotate, secrets),
        "CreateSecret" => (Operation::Create, secrets),
        "ListSecrets" => (Operation::List, secrets),
        _ => (Operation::Other, kms),
    }
}

fn entry(number: u64, call: &Call<'_>) -> AuditEvent {
    let (operation, source) = operation_of(call.name);
    let (asset, key) = call.asset.map(|asset| asset_of(asset, call.region)).map_or((None, None), |(asset, key)| (Some(asset), key));
    let target = match (key, &asset) {
        (Some(key), _) => Target::Key(key),
        (None, Some(asset)) => Target::Named(asset.id.clone()),
        (None, None) => Target::Unnamed,
    };
    let Caller { role, session, through, .. } = call.caller;
    let outcome = if call.is_refused {
        CallOutcome::Refused { code: "AccessDeniedException".to_owned(), message: None }
    } else {
        CallOutcome::Succeeded
    };
    let event = Event {
        id: EventId::parse(&format!("{number:032x}")).expect("an id"),
        form: EventForm::ApiCall,
        source: source.to_owned(),
        name: call.name.to_owned(),
        time: Timestamp::from_second(call.second).ok(),
        account: AccountId::parse(ACCOUNT).ok(),
        region: Region::parse(call.region).ok(),
        actor: Actor {
            kind: ActorKind::AssumedRole,
            arn: Some(format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}")),
            account: AccountId::parse(ACCOUNT).ok(),
            role: RoleArn::parse(&format!("arn:aws:iam::{ACCOUNT}:role/{role}")).ok(),
            session_name: Some(session.clone()),
            invoked_by: through.map(ToOwned::to_owned),
            source_address: Some(call.address.clone()),
            ..Actor::unknown()
        },
        target,
        outcome,
        details: Details::default(),
        oddities: Vec::new(),
    };
    AuditEvent {
        log: Log::CloudTrail,
        event,
        operation,
        asset,
        credential: Credential::default(),
        request: Excerpt::new(),
        response: Excerpt::new(),
    }
}

/// Returns what reads an asset: `Decrypt` of a key, `GetSecretValue` of a secret.
pub(super) const fn reading(asset: usize) -> &'static str {
    if asset.is_multiple_of(2) { "Decrypt" } else { "GetSecretValue" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_day_is_a_monday() {
        let days: Vec<bool> = (0..7).map(is_weekend).collect();
        assert_eq!(days, [false, false, false, false, false, true, true]);
        let first = Timestamp::from_second(hour_of(0, 0)).unwrap();
        assert_eq!(first.strftime("%A").to_string(), "Monday");
    }
}
