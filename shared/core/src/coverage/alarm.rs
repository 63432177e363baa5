//! The way of an alarm to a human: trail, log group, metric filter, alarm, topic, confirmed subscriber. Of several chains the one that
//! comes nearest is told, with the first link that breaks it.

use super::Monitoring;
use super::gap::{Gap, GapKind};
use crate::facts::Known;
use crate::filter::{FilterPattern, audit};
use crate::id::Region;
use crate::monitoring::finding::ControlStatus;
use crate::monitoring::plan::controls::{counts, never_goes_off};
use crate::monitoring::plan::selectors::records;
use crate::monitoring::plan::topic::{Audience, alarms_may_publish, audience, key_silences};
use crate::monitoring::world::{Alarm, LogGroup, LogGroupClass, MetricFilter, Place, Topic, Trail, World};
use crate::resource_policy::Verdict;

/// What mends most of it.
const PROVISION: &str = "Run the monitoring function (aws-provision-monitoring), which puts it right.";

/// Where a chain breaks, and how far it came by then.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Break {
    links: u8,
    gap: Gap,
}

type Link = Result<(), Break>;

fn at(links: u8, gap: Gap) -> Link {
    Err(Break { links, gap })
}

/// Returns the first success, else the break that comes furthest; the earliest of equals.
fn best(links: impl Iterator<Item = Link>) -> Option<Link> {
    let mut furthest: Option<Break> = None;
    for link in links {
        match link {
            Ok(()) => return Some(Ok(())),
            Err(broken) if furthest.as_ref().is_none_or(|known| broken.links > known.links) => furthest = Some(broken),
            Err(_) => {}
        }
    }
    furthest.map(Err)
}

/// Judges the way of an alarm on a key of a Region.
pub(super) fn gaps(monitoring: &Known<Monitoring>, region: &Region) -> Vec<Gap> {
    let monitoring = match monitoring {
        Known::Is(monitoring) => monitoring,
        Known::Absent => return vec![no_trail()],
        Known::Unreadable(why) => return vec![Gap::unreadable("the account's monitoring", why, "cloudtrail:DescribeTrails")],
    };
    match chain(&monitoring.world, region) {
        Err(broken) => vec![broken.gap],
        Ok(()) => control(&monitoring.plan.controls).into_iter().collect(),
    }
}

/// The plan has the last word: it holds the control to all that the benchmark asks.
fn control(controls: &[ControlStatus]) -> Option<Gap> {
    let is_seventh = |control: &&ControlStatus| {
        control.id.split_once('.').is_some_and(|(benchmark, number)| number == "7" && benchmark.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match controls.iter().find(is_seventh) {
        Some(control) if control.holds() => None,
        Some(control) => {
            let reason = format!("The control {} does not hold: {}.", control.id, control.gaps.join("; "));
            Some(GapKind::ControlBroken(control.id.clone()).because(reason, PROVISION))
        }
        None => {
            let reason = "The baseline does not ask for the control of disabled and deleted keys (4.7 or 5.7).";
            Some(GapKind::ControlBroken("7".to_owned()).because(reason, PROVISION))
        }
    }
}

fn no_trail() -> Gap {
    GapKind::NoTrail.because("No trail records the account.", PROVISION)
}

fn chain(world: &World, region: &Region) -> Link {
    let trails = match &world.trails {
        Known::Is(trails) => trails.as_slice(),
        Known::Absent => &[],
        Known::Unreadable(why) => return at(0, Gap::unreadable("the account's trails", why, "cloudtrail:DescribeTrails")),
    };
    best(trails.iter().map(|trail| from_trail(trail, world, region))).unwrap_or_else(|| at(0, no_trail()))
}

fn from_trail(trail: &Trail, world: &World, region: &Region) -> Link {
    let name = &trail.name;
    if !trail.is_multi_region && trail.home_region != *region {
        let reason = format!("The trail `{name}` records {} alone, not {region}.", trail.home_region);
        return at(1, GapKind::NotThisRegion(name.clone()).because(reason, "Make the trail a multi-Region trail."));
    }
    match &trail.is_logging {
        Known::Is(true) => {}
        Known::Is(false) | Known::Absent => {
            return at(
                2,
                GapKind::TrailStopped(name.clone())
                    .because(format!("The trail `{name}` does not record."), "Start the trail, and ask who stopped it."),
            );
        }
        Known::Unreadable(why) => {
            return at(2, Gap::unreadable(&format!("the status of the trail `{name}`"), why, "cloudtrail:GetTrailStatus"));
        }
    }
    match &trail.selectors {
        Known::Is(selectors) if records(selectors, "kms.amazonaws.com", false) => {}
        Known::Is(_) | Known::Absent => {
            let reason = format!("The trail `{name}` leaves out calls that change keys.");
            return at(
                3,
                GapKind::TrailMissesKms(name.clone()).because(reason, "Let the trail record all management events, those of KMS included."),
            );
        }
        Known::Unreadable(why) => {
            return at(3, Gap::unreadable(&format!("what the trail `{name}` records"), why, "cloudtrail:GetEventSelectors"));
        }
    }
    from_log_group(trail, world)
}

fn from_log_group(trail: &Trail, world: &World) -> Link {
    let nothing = |reason: String| at(4, GapKind::TrailFeedsNothing(trail.name.clone()).because(reason, PROVISION));
    let Some(arn) = trail.log_group_arn.as_deref() else {
        return nothing(format!("The trail `{}` feeds no log group.", trail.name));
    };
    let Some(name) = world.place.log_group(arn) else {
        return nothing(format!(
            "The trail `{}` feeds the log group `{arn}`, which is not in the monitored account and Region.",
            trail.name
        ));
    };
    if let Some(error) = &trail.delivery_error {
        return nothing(format!("The trail `{}` cannot deliver to the log group `{name}`: {error}.", trail.name));
    }
    match world.log_groups.get(name) {
        Some(Known::Is(group)) if group.class == LogGroupClass::Standard => from_filters(group, world),
        Some(Known::Is(_)) => nothing(format!("The class of the log group `{name}` takes no metric filters.")),
        Some(Known::Absent) | None => nothing(format!("The log group `{name}`, which the trail feeds, does not exist.")),
        Some(Known::Unreadable(why)) => at(4, Gap::unreadable(&format!("the log group `{name}`"), why, "logs:DescribeLogGroups")),
    }
}

fn from_filters(group: &LogGroup, world: &World) -> Link {
    let filters = match &group.filters {
        Known::Is(filters) => filters.as_slice(),
        Known::Absent => &[],
        Known::Unreadable(why) => {
            return at(5, Gap::unreadable(&format!("the metric filters of `{}`", group.name), why, "logs:DescribeMetricFilters"));
        }
    };
    let meant = filters.iter().filter(|filter| is_meant_for_keys(filter) || catches(filter, &world.place) == Ok(true));
    best(meant.map(|filter| from_filter(filter, world))).unwrap_or_else(|| {
        let reason = format!("No metric filter of `{}` is about keys that are disabled or scheduled for deletion.", group.name);
        at(5, GapKind::NoFilter(group.name.clone()).because(reason, PROVISION))
    })
}

/// A filter that names KMS or its calls was meant to watch them, whether it does or not.
fn is_meant_for_keys(filter: &MetricFilter) -> bool {
    let pattern = filter.pattern.to_ascii_lowercase();
    ["kms", "disablekey", "schedulekeydeletion"].iter().any(|word| pattern.contains(word))
}

/// Says whether a filter matches when keys are disabled or scheduled for deletion, by evaluation.
fn catches(filter: &MetricFilter, place: &Place) -> Result<bool, String> {
    let pattern = FilterPattern::parse(&filter.pattern).map_err(|error| error.to_string())?;
    Ok(audit(&pattern, place).catches_key_events())
}

fn from_filter(filter: &MetricFilter, world: &World) -> Link {
    let dead = |reason: String| {
        let fix = format!("`reprieve filter audit` tells what the pattern catches. {PROVISION}");
        at(6, GapKind::FilterDead(filter.name.clone()).because(reason, fix))
    };
    match catches(filter, &world.place) {
        Ok(true) => {}
        Ok(false) => {
            return dead(format!("The metric filter `{}` does not match when keys are disabled or scheduled for deletion.", filter.name));
        }
        Err(why) => return dead(format!("The pattern of the metric filter `{}` cannot be read: {why}.", filter.name)),
    }
    if !counts(filter) {
        return dead(format!("The metric filter `{}` counts nothing that an alarm sees.", filter.name));
    }
    let alarms = match &world.alarms {
        Known::Is(alarms) => alarms.as_slice(),
        Known::Absent => &[],
        Known::Unreadable(why) => return at(7, Gap::unreadable("the alarms", why, "cloudwatch:DescribeAlarms")),
    };
    let watching = alarms.iter().filter(|alarm| alarm.namespace == filter.namespace && alarm.metric == filter.metric);
    best(watching.map(|alarm| from_alarm(alarm, world))).unwrap_or_else(|| {
        let reason = format!("No alarm watches the metric `{}`, which the filter `{}` counts.", filter.metric, filter.name);
        at(7, GapKind::NoAlarm(filter.name.clone()).because(reason, PROVISION))
    })
}

fn from_alarm(alarm: &Alarm, world: &World) -> Link {
    if let Some(why) = never_goes_off(alarm) {
        return at(8, GapKind::AlarmDead(alarm.name.clone()).because(format!("The alarm `{}` {why}.", alarm.name), PROVISION));
    }
    if !alarm.actions_enabled {
        let reason = format!("The actions of the alarm `{}` are disabled.", alarm.name);
        return at(9, GapKind::ActionsDisabled(alarm.name.clone()).because(reason, "Enable them, and ask who disabled them."));
    }
    let topics = alarm.alarm_actions.iter().filter(|arn| arn.split(':').nth(2) == Some("sns"));
    best(topics.map(|arn| from_topic(arn, world))).unwrap_or_else(|| {
        let reason = format!("The alarm `{}` publishes to no topic.", alarm.name);
        at(10, GapKind::AlarmTellsNobody(alarm.name.clone()).because(reason, PROVISION))
    })
}

fn from_topic(arn: &str, world: &World) -> Link {
    let mute = |reason: String| at(11, GapKind::TopicMute(arn.to_owned()).because(reason, PROVISION));
    let topic = match world.topics.get(arn) {
        Some(Known::Is(topic)) => topic,
        Some(Known::Absent) | None => return mute(format!("The topic `{arn}` does not exist.")),
        Some(Known::Unreadable(why)) => return at(11, Gap::unreadable(&format!("the topic `{arn}`"), why, "sns:GetTopicAttributes")),
    };
    match alarms_may_publish(topic, &world.place) {
        Verdict::Allowed | Verdict::ThroughAccount => {}
        Verdict::Denied(statement) => return mute(format!("{statement} of the topic's policy denies alarms to publish to `{arn}`.")),
        Verdict::NotAllowed => return mute(format!("The policy of the topic `{arn}` lets no alarm publish.")),
        Verdict::Unclear(why) => {
            return mute(format!("Whether the policy of the topic `{arn}` lets alarms publish cannot be said: {why}."));
        }
    }
    if let Some(why) = key_silences(topic, &world.place) {
        return mute(format!("No alarm can publish to `{arn}`: {why}."));
    }
    subscribers(topic)
}

fn subscribers(topic: &Topic) -> Link {
    let arn = &topic.arn;
    let subscriptions = match &topic.subscriptions {
        Known::Is(subscriptions) => subscriptions.as_slice(),
        Known::Absent => &[],
        Known::Unreadable(why) => {
            return at(12, Gap::unreadable(&format!("who is subscribed to `{arn}`"), why, "sns:ListSubscriptionsByTopic"));
        }
    };
    match audience(subscriptions) {
        Audience::Hears => Ok(()),
        Audience::Nobody => {
            let reason = format!("Nobody who reads messages is subscribed to `{arn}`.");
            at(12, GapKind::NoSubscriber(arn.clone()).because(reason, "Subscribe somebody on call, and have it confirmed."))
        }
        Audience::Waiting(people) => {
            let waiting = people.iter().map(|subscription| format!("`{}`", subscription.endpoint)).collect::<Vec<_>>().join(", ");
            let reason = format!("No subscription to `{arn}` is confirmed: {waiting}.");
            let fix = "Follow the link in the message from AWS; SNS drops what nobody confirms within three days.";
            at(13, GapKind::SubscriptionPending(arn.clone()).because(reason, fix))
        }
        Audience::Deaf => {
            let reason = format!("The filter policy of every confirmed subscription to `{arn}` keeps alarms out.");
            let fix = "Take the filter policy off one subscription: alarms carry no attributes, so a policy on attributes lets none pass.";
            at(14, GapKind::SubscriberFiltered(arn.clone()).because(reason, fix))
        }
    }
}
