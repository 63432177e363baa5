//! The services behind the monitoring of one account: each change does what the service would do, or is refused as it would refuse it.
//!
//! What is asked for and does not exist is observed as absent; what exists and nobody asks for is observed all the same.

use std::sync::{Arc, Mutex};

use reprieve_core::facts::Known;
use reprieve_core::monitoring::change::{Feed, log_group_of};
use reprieve_core::monitoring::world::{LogGroup, LogGroupClass, Place, Rule, Subscription, Topic, TopicKey, Trail, World};
use reprieve_core::monitoring::{Change, Desired, Subscriber};
use reprieve_engine::{CallError, MonitoringControl};

use super::all_management_events;
use crate::locked;

/// The services behind the monitoring. Clones show the same account.
#[derive(Debug, Clone)]
pub struct FakeMonitoring {
    world: Arc<Mutex<World>>,
}

impl FakeMonitoring {
    /// Makes the services of an account.
    pub fn of(world: World) -> Self {
        Self { world: Arc::new(Mutex::new(world)) }
    }

    /// Returns everything that is there.
    pub fn world(&self) -> World {
        locked(&self.world).clone()
    }

    /// Changes what is there, as anybody who may could.
    pub fn alter(&self, how: impl FnOnce(&mut World)) {
        how(&mut locked(&self.world));
    }

    /// Stops every trail.
    pub fn stop_trails(&self) {
        self.alter(|world| trails(world).iter_mut().for_each(|trail| trail.is_logging = Known::Is(false)));
    }

    /// Deletes a metric filter, in whichever log group it is.
    pub fn delete_filter(&self, name: &str) {
        self.alter(|world| {
            for group in world.log_groups.values_mut() {
                if let Known::Is(LogGroup { filters: Known::Is(filters), .. }) = group {
                    filters.retain(|filter| filter.name != name);
                }
            }
        });
    }

    /// Deletes an alarm.
    pub fn delete_alarm(&self, name: &str) {
        self.alter(|world| {
            if let Known::Is(alarms) = &mut world.alarms {
                alarms.retain(|alarm| alarm.name != name);
            }
        });
    }

    /// Lets every subscriber of a topic follow the link.
    pub fn confirm_all(&self, topic: &str) {
        self.alter(|world| {
            if let Some(Known::Is(Topic { arn, subscriptions: Known::Is(subscriptions), .. })) = world.topics.get_mut(topic) {
                for (index, subscription) in subscriptions.iter_mut().enumerate() {
                    subscription.arn = Some(format!("{arn}:{index}"));
                }
            }
        });
    }
}

impl MonitoringControl for FakeMonitoring {
    async fn observe(&self, desired: &Desired) -> World {
        let mut world = self.world();
        world.log_groups.entry(desired.log_group.clone()).or_insert(Known::Absent);
        world.topics.entry(desired.topic.arn.clone()).or_insert(Known::Absent);
        for wish in &desired.rules {
            world.rules.entry(wish.name.clone()).or_insert(Known::Absent);
        }
        world
    }

    async fn apply(&self, change: &Change) -> Result<(), CallError> {
        apply(change, &mut locked(&self.world))
    }
}

fn not_found(call: &'static str, what: &str) -> CallError {
    CallError::NotFound { call, message: format!("`{what}` does not exist") }
}

fn trails(world: &mut World) -> &mut Vec<Trail> {
    if !matches!(world.trails, Known::Is(_)) {
        world.trails = Known::Is(Vec::new());
    }
    match &mut world.trails {
        Known::Is(trails) => trails,
        Known::Absent | Known::Unreadable(_) => unreachable!("it was just made known"),
    }
}

fn trail<'a>(world: &'a mut World, named: &str, call: &'static str) -> Result<&'a mut Trail, CallError> {
    let is_named = |trail: &&mut Trail| trail.arn == named || trail.name == named;
    trails(world).iter_mut().find(is_named).ok_or_else(|| not_found(call, named))
}

fn log_group<'a>(world: &'a mut World, name: &str, call: &'static str) -> Result<&'a mut LogGroup, CallError> {
    match world.log_groups.get_mut(name) {
        Some(Known::Is(group)) => Ok(group),
        Some(Known::Absent | Known::Unreadable(_)) | None => Err(not_found(call, name)),
    }
}

fn topic<'a>(world: &'a mut World, arn: &str, call: &'static str) -> Result<&'a mut Topic, CallError> {
    match world.topics.get_mut(arn) {
        Some(Known::Is(topic)) => Ok(topic),
        Some(Known::Absent | Known::Unreadable(_)) | None => Err(not_found(call, arn)),
    }
}

fn rule<'a>(world: &'a mut World, name: &str, call: &'static str) -> Result<&'a mut Rule, CallError> {
    match world.rules.get_mut(name) {
        Some(Known::Is(rule)) => Ok(rule),
        Some(Known::Absent | Known::Unreadable(_)) | None => Err(not_found(call, name)),
    }
}

/// Takes the list that a change goes into; what was not readable is still there on the service's side.
fn known_list<T>(list: &mut Known<Vec<T>>) -> Option<&mut Vec<T>> {
    if matches!(list, Known::Absent) {
        *list = Known::Is(Vec::new());
    }
    match list {
        Known::Is(list) => Some(list),
        Known::Absent | Known::Unreadable(_) => None,
    }
}

/// Puts an item in the place of its namesake.
fn put<T: Clone>(list: &mut Known<Vec<T>>, item: &T, name: impl Fn(&T) -> &str) {
    if let Some(list) = known_list(list) {
        list.retain(|known| name(known) != name(item));
        list.push(item.clone());
    }
}

fn apply(change: &Change, world: &mut World) -> Result<(), CallError> {
    let call = change.name();
    match change {
        Change::CreateLogGroup { log_group } => {
            create_log_group(log_group, world);
            Ok(())
        }
        Change::PutRetentionPolicy { log_group: name, days, .. } => {
            log_group(world, name, call).map(|group| group.retention_days = Some(*days))
        }
        Change::CreateTrail { name, bucket, prefix, key_arn, log_group_arn, log_role_arn } => {
            let feed = Feed { log_group_arn: log_group_arn.clone(), log_role_arn: log_role_arn.clone() };
            create_trail(name, bucket, (prefix.clone(), key_arn.clone()), feed, world)
        }
        Change::UpdateTrail { trail: named, multi_region, global_services, log_file_validation, feeds, bucket, prefix, key_arn } => {
            if let Some(feed) = feeds {
                log_group(world, log_group_of(&feed.log_group_arn).unwrap_or_default(), call)?;
            }
            let trail = trail(world, named, call)?;
            trail.is_multi_region |= multi_region;
            trail.includes_global_services |= global_services;
            trail.validates_log_files |= log_file_validation;
            if let Some(Feed { log_group_arn, log_role_arn }) = feeds.clone() {
                (trail.log_group_arn, trail.log_role_arn, trail.delivery_error) = (Some(log_group_arn), Some(log_role_arn), None);
            }
            update_files(trail, bucket.as_deref(), prefix.as_deref(), key_arn.as_deref());
            Ok(())
        }
        Change::PutEventSelectors { trail: named, selectors, .. } => {
            trail(world, named, call).map(|trail| trail.selectors = Known::Is(selectors.clone()))
        }
        Change::StartLogging { trail: named } => trail(world, named, call).map(|trail| trail.is_logging = Known::Is(true)),
        Change::CreateTopic { topic } => {
            create_topic(topic, world);
            Ok(())
        }
        Change::SetTopicPolicy { topic: arn, policy } => topic(world, arn, call).map(|topic| topic.policy.clone_from(policy)),
        Change::RemoveTopicKey { topic: arn, .. } => topic(world, arn, call).map(|topic| topic.key = TopicKey::None),
        Change::Subscribe { topic: arn, subscriber } => topic(world, arn, call).map(|topic| subscribe(subscriber, topic)),
        Change::PutMetricFilter { log_group: name, filter, .. } => {
            log_group(world, name, call).map(|group| put(&mut group.filters, filter, |filter| filter.name.as_str()))
        }
        Change::PutMetricAlarm { alarm, .. } => {
            put(&mut world.alarms, alarm.as_ref(), |alarm| alarm.name.as_str());
            Ok(())
        }
        Change::PutRule { rule, pattern, .. } => {
            put_rule(rule, pattern, world);
            Ok(())
        }
        Change::EnableRule { rule: name } => rule(world, name, call).map(|rule| rule.is_enabled = true),
        Change::PutTargets { rule: name, target_arn, .. } => {
            rule(world, name, call).map(|rule| put(&mut rule.targets, target_arn, String::as_str))
        }
    }
}

fn create_log_group(name: &str, world: &mut World) {
    let group = LogGroup {
        name: name.to_owned(),
        retention_days: None,
        class: LogGroupClass::Standard,
        is_ours: true,
        filters: Known::Is(Vec::new()),
    };
    let known = world.log_groups.entry(name.to_owned()).or_insert(Known::Absent);
    if matches!(known, Known::Absent) {
        *known = Known::Is(group);
    }
}

/// A new trail does not record, and cannot be made to feed what is not there.
fn create_trail(
    name: &str,
    bucket: &str,
    (prefix, key_arn): (Option<String>, Option<String>),
    feed: Feed,
    world: &mut World,
) -> Result<(), CallError> {
    let arn = world.place.arn("cloudtrail", &format!("trail/{name}"));
    if trails(world).iter().any(|trail| trail.arn == arn) {
        return Ok(());
    }
    log_group(world, log_group_of(&feed.log_group_arn).unwrap_or_default(), "CreateTrail")?;
    let home_region = world.place.region.clone();
    trails(world).push(Trail {
        arn,
        name: name.to_owned(),
        home_region,
        is_multi_region: true,
        is_organization: false,
        includes_global_services: true,
        validates_log_files: true,
        bucket: bucket.to_owned(),
        prefix,
        key_arn,
        log_group_arn: Some(feed.log_group_arn),
        log_role_arn: Some(feed.log_role_arn),
        is_logging: Known::Is(false),
        delivery_error: None,
        file_delivery_error: None,
        selectors: Known::Is(all_management_events()),
        is_ours: true,
    });
    Ok(())
}

/// What is absent stays; an empty prefix takes the trail's off. What was refused last is told until the next delivery, which succeeds.
fn update_files(trail: &mut Trail, bucket: Option<&str>, prefix: Option<&str>, key_arn: Option<&str>) {
    if let Some(bucket) = bucket {
        bucket.clone_into(&mut trail.bucket);
    }
    if let Some(prefix) = prefix {
        trail.prefix = Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty());
    }
    if let Some(key_arn) = key_arn {
        trail.key_arn = Some(key_arn.to_owned());
    }
    if bucket.or(prefix).or(key_arn).is_some() {
        trail.file_delivery_error = None;
    }
}

fn create_topic(arn: &str, world: &mut World) {
    let topic = Topic {
        arn: arn.to_owned(),
        policy: policy_of_a_new_topic(arn, &world.place),
        key: TopicKey::None,
        subscriptions: Known::Is(Vec::new()),
        is_ours: true,
    };
    let known = world.topics.entry(arn.to_owned()).or_insert(Known::Absent);
    if matches!(known, Known::Absent) {
        *known = Known::Is(topic);
    }
}

/// People must confirm; queues and functions of the account are confirmed at once.
fn subscribe(subscriber: &Subscriber, topic: &mut Topic) {
    let arn = topic.arn.clone();
    let Some(subscriptions) = known_list(&mut topic.subscriptions) else {
        return;
    };
    let is_known = |known: &Subscription| known.protocol == subscriber.protocol && known.endpoint == subscriber.endpoint;
    if subscriptions.iter().any(is_known) {
        return;
    }
    let is_machine = matches!(subscriber.protocol.as_str(), "sqs" | "lambda" | "firehose");
    subscriptions.push(Subscription {
        protocol: subscriber.protocol.clone(),
        endpoint: subscriber.endpoint.clone(),
        arn: is_machine.then(|| format!("{arn}:{}", subscriptions.len())),
        filter_policy: Known::Absent,
    });
}

/// Putting a rule enables it and keeps its targets.
fn put_rule(name: &str, pattern: &str, world: &mut World) {
    let known = world.rules.entry(name.to_owned()).or_insert(Known::Absent);
    match known {
        Known::Is(rule) => (rule.pattern, rule.is_enabled) = (Some(pattern.to_owned()), true),
        Known::Absent | Known::Unreadable(_) => {
            let rule = Rule { name: name.to_owned(), is_enabled: true, pattern: Some(pattern.to_owned()), targets: Known::Is(Vec::new()) };
            *known = Known::Is(rule);
        }
    }
}

/// What SNS gives a new topic: the account's own principals alone.
fn policy_of_a_new_topic(arn: &str, place: &Place) -> String {
    format!(
        r#"{{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{{"Sid":"__default_statement_ID","Effect":"Allow","Principal":{{"AWS":"*"}},"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes","SNS:AddPermission","SNS:RemovePermission","SNS:DeleteTopic","SNS:Subscribe","SNS:ListSubscriptionsByTopic","SNS:Publish"],"Resource":"{arn}","Condition":{{"StringEquals":{{"AWS:SourceOwner":"{}"}}}}}}]}}"#,
        place.account
    )
}
