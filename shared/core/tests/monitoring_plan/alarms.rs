//! Alarms, each broken in one way, and those of others.

use reprieve_core::Known;
use reprieve_core::monitoring::world::{Alarm, Number, Topic};

use super::Case;
use super::stage::{KEYS, NAMESPACE, Stage, THEIR_TOPIC, open_policy, our_topic, subscription, their_alarm, unreadable};

const MADE: &str = "PutMetricAlarm Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled on ReprieveMonitoring/Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled telling reprieve";
const PUT_RIGHT: &str = "PutMetricAlarm Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled on ReprieveMonitoring/Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled again telling reprieve";
const UNDER_ANOTHER_NAME: &str = "PutMetricAlarm Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled-2 on ReprieveMonitoring/Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled telling reprieve";

/// An alarm of somebody else on the metric of our filter.
fn theirs_on_ours() -> Alarm {
    Alarm { namespace: NAMESPACE.to_owned(), metric: KEYS.to_owned(), ..their_alarm() }
}

/// Adds a topic of somebody else, and who is subscribed to it.
fn their_topic(stage: &mut Stage, is_confirmed: bool) {
    let topic = Topic {
        arn: THEIR_TOPIC.to_owned(),
        policy: open_policy(THEIR_TOPIC),
        subscriptions: Known::Is(vec![subscription("email", "corp@example.com", is_confirmed)]),
        is_ours: false,
        ..our_topic()
    };
    stage.world.topics.insert(THEIR_TOPIC.to_owned(), Known::Is(topic));
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = ours();
    cases.extend(of_others());
    cases
}

fn ours() -> Vec<Case> {
    vec![
        Case::of("our alarm was deleted", |stage| stage.alarms().retain(|alarm| alarm.name != KEYS), &[MADE], &[]),
        Case::of("our alarm goes off at 100 events", |stage| stage.alarm().threshold = Number::of(100.0), &[PUT_RIGHT], &[]),
        Case::of("our alarm goes off always", |stage| stage.alarm().threshold = Number::of(0.0), &[PUT_RIGHT], &[]),
        Case::of(
            "our alarm goes off at more than no event, which is the same",
            |stage| {
                stage.alarm().threshold = Number::of(0.0);
                "GreaterThanThreshold".clone_into(&mut stage.alarm().comparison);
            },
            &[],
            &[],
        ),
        Case::of(
            "our alarm goes off when fewer events come",
            |stage| "LessThanThreshold".clone_into(&mut stage.alarm().comparison),
            &[PUT_RIGHT],
            &[],
        ),
        Case::of("our alarm looks at a day at a time", |stage| stage.alarm().period_seconds = 86_400, &[PUT_RIGHT], &[]),
        Case::of("our alarm looks at a minute at a time", |stage| stage.alarm().period_seconds = 60, &[], &[]),
        Case::of("our alarm looks only at values in seconds", |stage| stage.alarm().unit = Some("Seconds".to_owned()), &[PUT_RIGHT], &[]),
        Case::of("our alarm looks only at values without a unit", |stage| stage.alarm().unit = Some("None".to_owned()), &[], &[]),
        Case::of("our alarm waits for three periods", |stage| stage.alarm().evaluation_periods = 3, &[PUT_RIGHT], &[]),
        Case::of(
            "our alarm takes missing data for breaching",
            |stage| "breaching".clone_into(&mut stage.alarm().missing_data),
            &[PUT_RIGHT],
            &[],
        ),
        Case::of("our alarm ignores missing data", |stage| "ignore".clone_into(&mut stage.alarm().missing_data), &[PUT_RIGHT], &[]),
        Case::of("our alarm looks at the average", |stage| "Average".clone_into(&mut stage.alarm().statistic), &[PUT_RIGHT], &[]),
        Case::of("our alarm is over an expression", |stage| stage.alarm().statistic.clear(), &[PUT_RIGHT], &[]),
        Case::of("the actions of our alarm are disabled", |stage| stage.alarm().actions_enabled = false, &[PUT_RIGHT], &[]),
        Case::of("our alarm tells nobody", |stage| stage.alarm().alarm_actions.clear(), &[PUT_RIGHT], &[]),
        Case::of(
            "our alarm tells another topic that nobody knows, which it goes on telling",
            |stage| stage.alarm().alarm_actions = vec![THEIR_TOPIC.to_owned()],
            &[
                "PutMetricAlarm Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled on ReprieveMonitoring/Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled again telling reprieve+corp",
            ],
            &[],
        ),
        Case::of(
            "our alarm watches a dimension that the filter does not write",
            |stage| {
                stage.alarm().dimensions.insert("Region".to_owned(), "eu-central-1".to_owned());
            },
            &[PUT_RIGHT],
            &[],
        ),
        Case::of("our alarm watches another metric", |stage| "Elsewhere".clone_into(&mut stage.alarm().metric), &[PUT_RIGHT], &[]),
        Case::of("our alarm lost its tag and still serves", |stage| stage.alarm().is_ours = false, &[], &[]),
        Case::of(
            "the alarms cannot be read",
            |stage| stage.world.alarms = unreadable(),
            &[],
            &[("alarm `(all)`", "cannot be read (AccessDenied)")],
        ),
    ]
}

fn of_others() -> Vec<Case> {
    vec![
        Case::of("somebody else's alarm watches our metric and serves", |stage| stage.replace_alarm(theirs_on_ours()), &[], &[]),
        Case::of(
            "somebody else's alarm watches our metric and is silenced",
            |stage| stage.replace_alarm(Alarm { actions_enabled: false, ..theirs_on_ours() }),
            &[MADE],
            &[],
        ),
        Case::of(
            "somebody else's alarm watches our metric and looks only at values in bytes",
            |stage| stage.replace_alarm(Alarm { unit: Some("Bytes".to_owned()), ..theirs_on_ours() }),
            &[MADE],
            &[],
        ),
        Case::of(
            "somebody else's alarm bears our name, watches something else, and is not overwritten",
            |stage| stage.replace_alarm(Alarm { name: KEYS.to_owned(), ..their_alarm() }),
            &[UNDER_ANOTHER_NAME],
            &[],
        ),
        Case::of(
            "our alarm lost its tag and was silenced, so it is taken for somebody else's",
            |stage| {
                stage.alarm().is_ours = false;
                stage.alarm().actions_enabled = false;
            },
            &[UNDER_ANOTHER_NAME],
            &[],
        ),
        Case::of(
            "all names for our alarm are taken by others",
            |stage| {
                let names = std::iter::once(KEYS.to_owned()).chain((2..10).map(|number| format!("{KEYS}-{number}")));
                let taken: Vec<Alarm> = names.map(|name| Alarm { name, ..their_alarm() }).collect();
                stage.alarms().retain(|alarm| alarm.name != KEYS);
                stage.alarms().extend(taken);
            },
            &[],
            &[("alarm `Reprieve-CIS-7-KmsKeyDisabledOrDeletionScheduled`", "Every name")],
        ),
        Case::of(
            "somebody else's alarm tells a topic of theirs, where a human hears",
            |stage| {
                their_topic(stage, true);
                stage.replace_alarm(Alarm { alarm_actions: vec![THEIR_TOPIC.to_owned()], ..theirs_on_ours() });
            },
            &[],
            &[],
        ),
        Case::of(
            "somebody else's alarm tells a topic of theirs, where nobody has confirmed",
            |stage| {
                their_topic(stage, false);
                stage.replace_alarm(Alarm { alarm_actions: vec![THEIR_TOPIC.to_owned()], ..theirs_on_ours() });
            },
            &[MADE],
            &[],
        ),
        Case::of("ours and somebody else's alarm watch the same metric", |stage| stage.alarms().push(theirs_on_ours()), &[], &[]),
    ]
}
