//! What the services make of a change. A change that they would refuse, or that touches what is not ours, fails the test.

use reprieve_core::Known;
use reprieve_core::monitoring::change::log_group_of;
use reprieve_core::monitoring::world::{LogGroup, LogGroupClass, Rule, Selectors, Subscription, Topic, TopicKey, Trail};
use reprieve_core::monitoring::{Change, World};

use super::stage::{all_management_events, our_trail};

/// Makes a change.
pub(crate) fn apply(world: &mut World, change: &Change) -> Result<(), String> {
    match change {
        Change::CreateLogGroup { log_group } => {
            let made = LogGroup {
                name: log_group.clone(),
                retention_days: None,
                class: LogGroupClass::Standard,
                is_ours: true,
                filters: Known::Is(Vec::new()),
            };
            match world.log_groups.insert(log_group.clone(), Known::Is(made)) {
                None | Some(Known::Absent) => {}
                Some(Known::Is(_) | Known::Unreadable(_)) => return Err(format!("the log group {log_group} may exist")),
            }
        }
        Change::PutRetentionPolicy { log_group, days, .. } => group(world, log_group)?.retention_days = Some(*days),
        Change::CreateTrail { name, bucket, prefix, key_arn, log_group_arn, log_role_arn } => {
            group(world, log_group_of(log_group_arn).ok_or("no log group")?)?;
            let trail = Trail {
                arn: world.place.arn("cloudtrail", &format!("trail/{name}")),
                name: name.clone(),
                bucket: bucket.clone(),
                prefix: prefix.clone(),
                key_arn: key_arn.clone(),
                log_group_arn: Some(log_group_arn.clone()),
                log_role_arn: Some(log_role_arn.clone()),
                is_logging: Known::Is(false),
                selectors: Known::Is(Selectors::Basic(vec![all_management_events()])),
                ..our_trail()
            };
            add(known(&mut world.trails, "the trails")?, trail)?;
        }
        Change::UpdateTrail { trail: arn, multi_region, global_services, log_file_validation, feeds, bucket, prefix, key_arn } => {
            if let Some(feed) = feeds {
                group(world, log_group_of(&feed.log_group_arn).ok_or("no log group")?)?;
            }
            let trail = trail(world, arn)?;
            trail.is_multi_region |= multi_region;
            trail.includes_global_services |= global_services;
            trail.validates_log_files |= log_file_validation;
            if let Some(feed) = feeds {
                trail.log_group_arn = Some(feed.log_group_arn.clone());
                trail.log_role_arn = Some(feed.log_role_arn.clone());
            }
            lead(trail, bucket.as_ref(), prefix.as_ref(), key_arn.as_ref());
        }
        Change::PutEventSelectors { trail: arn, selectors, .. } => trail(world, arn)?.selectors = Known::Is(selectors.clone()),
        Change::StartLogging { trail: arn } => trail(world, arn)?.is_logging = Known::Is(true),
        Change::CreateTopic { topic: arn } => {
            let made =
                Topic { arn: arn.clone(), policy: String::new(), key: TopicKey::None, subscriptions: Known::Is(Vec::new()), is_ours: true };
            world.topics.insert(arn.clone(), Known::Is(made));
        }
        Change::SetTopicPolicy { topic: arn, policy } => topic(world, arn)?.policy.clone_from(policy),
        Change::RemoveTopicKey { topic: arn, .. } => topic(world, arn)?.key = TopicKey::None,
        Change::Subscribe { topic: arn, subscriber } => {
            let needs_nobody = ["sqs", "lambda"].contains(&subscriber.protocol.as_str());
            let subscription = Subscription {
                protocol: subscriber.protocol.clone(),
                endpoint: subscriber.endpoint.clone(),
                arn: needs_nobody.then(|| format!("{arn}:1")),
                filter_policy: Known::Absent,
            };
            known(&mut topic(world, arn)?.subscriptions, "the subscriptions")?.push(subscription);
        }
        Change::PutMetricFilter { log_group, filter, .. } => {
            let group = group(world, log_group)?;
            if group.class == LogGroupClass::WithoutMetricFilters {
                return Err(format!("the class of {log_group} takes no metric filters"));
            }
            let filters = known(&mut group.filters, "the metric filters")?;
            let before = filters.len();
            filters.retain(|known| known.name != filter.name);
            // One that is there is written anew, however full the group is.
            if filters.len() == before && before >= 100 {
                return Err("a log group holds 100 metric filters".to_owned());
            }
            filters.push(filter.clone());
        }
        Change::PutMetricAlarm { alarm, .. } => {
            let alarms = known(&mut world.alarms, "the alarms")?;
            if alarms.iter().any(|known| known.name == alarm.name && !known.is_ours) {
                return Err(format!("the alarm {} is somebody else's", alarm.name));
            }
            alarms.retain(|known| known.name != alarm.name);
            alarms.push((**alarm).clone());
        }
        Change::PutRule { rule: name, pattern, .. } => put_rule(world, name, pattern)?,
        Change::EnableRule { rule: name } => rule(world, name)?.is_enabled = true,
        Change::PutTargets { rule: name, target_arn, .. } => match &mut rule(world, name)?.targets {
            Known::Is(targets) => targets.push(target_arn.clone()),
            targets @ Known::Absent => *targets = Known::Is(vec![target_arn.clone()]),
            Known::Unreadable(reason) => return Err(reason.clone()),
        },
    }
    Ok(())
}

/// Makes a change, unless it would leave a trail that it updates as CloudTrail refuses it: it judges the bucket and the key that a trail
/// then has, not those alone that the call names.
pub(crate) fn apply_unless(refuses: fn(&Trail) -> bool, world: &mut World, change: &Change) -> Result<(), String> {
    let mut after = world.clone();
    apply(&mut after, change)?;
    if let Change::UpdateTrail { trail: arn, .. } = change
        && refuses(trail(&mut after, arn)?)
    {
        return Err(format!("{change}: refused"));
    }
    *world = after;
    Ok(())
}

fn add(trails: &mut Vec<Trail>, made: Trail) -> Result<(), String> {
    if trails.iter().any(|known| known.arn == made.arn) {
        return Err(format!("the trail {} exists", made.name));
    }
    trails.push(made);
    Ok(())
}

/// Sets where a trail's files go and the key they are under; what is not named stays, and an empty prefix is none.
fn lead(trail: &mut Trail, bucket: Option<&String>, prefix: Option<&String>, key_arn: Option<&String>) {
    if let Some(bucket) = bucket {
        trail.bucket.clone_from(bucket);
    }
    if let Some(prefix) = prefix {
        trail.prefix = Some(prefix.clone()).filter(|prefix| !prefix.is_empty());
    }
    trail.key_arn = key_arn.cloned().or_else(|| trail.key_arn.take());
}

/// `PutRule` without a state enables.
fn put_rule(world: &mut World, name: &str, pattern: &str) -> Result<(), String> {
    let targets = match world.rules.get(name) {
        Some(Known::Is(rule)) => rule.targets.clone(),
        Some(Known::Absent) | None => Known::Is(Vec::new()),
        Some(Known::Unreadable(reason)) => return Err(reason.clone()),
    };
    let rule = Rule { name: name.to_owned(), is_enabled: true, pattern: Some(pattern.to_owned()), targets };
    world.rules.insert(name.to_owned(), Known::Is(rule));
    Ok(())
}

fn known<'a, T>(part: &'a mut Known<T>, what: &str) -> Result<&'a mut T, String> {
    match part {
        Known::Is(value) => Ok(value),
        Known::Absent | Known::Unreadable(_) => Err(format!("{what} are not there, or cannot be read")),
    }
}

fn group<'a>(world: &'a mut World, name: &str) -> Result<&'a mut LogGroup, String> {
    known(world.log_groups.get_mut(name).ok_or(format!("no log group {name}"))?, name)
}

fn trail<'a>(world: &'a mut World, arn: &str) -> Result<&'a mut Trail, String> {
    let here = world.place.region.clone();
    let trail = known(&mut world.trails, "the trails")?.iter_mut().find(|trail| trail.arn == arn).ok_or(format!("no trail {arn}"))?;
    if trail.home_region == here { Ok(trail) } else { Err(format!("{arn} has its home in another Region")) }
}

fn topic<'a>(world: &'a mut World, arn: &str) -> Result<&'a mut Topic, String> {
    known(world.topics.get_mut(arn).ok_or(format!("no topic {arn}"))?, arn)
}

fn rule<'a>(world: &'a mut World, name: &str) -> Result<&'a mut Rule, String> {
    known(world.rules.get_mut(name).ok_or(format!("no rule {name}"))?, name)
}
