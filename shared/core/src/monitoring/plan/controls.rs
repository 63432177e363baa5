//! Filters and alarms: for each control the chain that serves it, adopted where one stands, of our own where none does.
//!
//! A filter of ours that was altered is put right. Filters and alarms of others are used as they are or left alone.

use std::cell::{LazyCell, OnceCell};
use std::collections::BTreeMap;

use super::Draft;
use super::topic::Hearing;
use super::trail::Feeding;
use crate::decision::Severity;
use crate::facts::Known;
use crate::filter::{Effect, FilterPattern, Probe, probes_at};
use crate::monitoring::FILTER_PREFIX;
use crate::monitoring::baseline::{Control, PatternMode};
use crate::monitoring::change::Change;
use crate::monitoring::finding::{ControlStatus, Subject};
use crate::monitoring::world::{Alarm, MetricFilter, Number, Place};

/// How many metric filters a log group holds.
const FILTERS_LIMIT: usize = 100;

/// The period of an alarm, in seconds, as the benchmark audits it.
const PERIOD_SECONDS: u32 = 300;

/// Plans filters and alarms.
pub(super) fn plan(draft: &mut Draft<'_>, feeding: &Result<Feeding<'_>, String>, hearing: &Hearing) {
    if let Known::Unreadable(reason) = &draft.world.alarms {
        let sentence = format!("The alarms cannot be read ({reason}), so none is made or changed.");
        draft.find(Subject::Alarm("(all)".to_owned()), Severity::High, sentence, "Let the function's role call cloudwatch:DescribeAlarms.");
    }
    if let Ok(Feeding { log_group, filters: Known::Unreadable(reason), .. }) = feeding {
        let sentence = format!("The metric filters of `{log_group}` cannot be read ({reason}), so none is made or changed.");
        draft.find(
            Subject::LogGroup(log_group.clone()),
            Severity::High,
            sentence,
            "Let the function's role call logs:DescribeMetricFilters.",
        );
    }
    let place = draft.place();
    let events = Events::new(move || events_of(place));
    let mut made = 0;
    for control in &draft.desired.baseline.controls {
        let status = match feeding {
            Ok(feeding) => serve(control, feeding, hearing, &events, &mut made, draft),
            Err(why) => unserved(control, vec![why.clone()]),
        };
        draft.plan.controls.push(status);
    }
}

/// The events that filters are tried on, made where a filter has to be tried.
type Events<F> = LazyCell<Vec<Probe>, F>;

/// An account's own events: whether those of others are caught too is for the owner of an organization's trail to say.
fn events_of(place: &Place) -> Vec<Probe> {
    probes_at(place).into_iter().filter(|probe| !probe.of_other_account).collect()
}

fn unserved(control: &Control, gaps: Vec<String>) -> ControlStatus {
    let (id, title) = (control.id.clone(), control.title.to_owned());
    ControlStatus { id, title, filter: None, alarm: None, is_adopted: false, gaps }
}

/// Plans what one control lacks, and says how it stands now.
fn serve(
    control: &Control,
    feeding: &Feeding<'_>,
    hearing: &Hearing,
    events: &Events<impl FnOnce() -> Vec<Probe>>,
    made: &mut usize,
    draft: &mut Draft<'_>,
) -> ControlStatus {
    let filters: &[MetricFilter] = match &feeding.filters {
        Known::Is(filters) => filters,
        Known::Absent => &[],
        Known::Unreadable(reason) => {
            let gaps = feeding.gaps.iter().cloned().chain([format!("the metric filters cannot be read ({reason})")]).collect();
            return unserved(control, gaps);
        }
    };
    let wanted = wanted_filter(control, draft);
    let ours = filters.iter().find(|filter| filter.name == wanted.name);
    let work = Work { control, mode: draft.desired.baseline.mode, events, watched: OnceCell::new() };
    let serves = |filter: &&MetricFilter| counts(filter) && work.is_done_by(filter);
    // Where ours serves, the others need not be tried.
    let serving: Vec<&MetricFilter> = ours.filter(serves).map_or_else(|| filters.iter().filter(serves).collect(), |ours| vec![ours]);
    let chains: Vec<Chain<'_>> = serving.into_iter().map(|filter| Chain::of(filter, hearing, draft)).collect();
    let best = chains.iter().min_by_key(|chain| (ours.is_some_and(|ours| ours.name != chain.filter.name), chain.missing()));
    let mut status = unserved(control, feeding.gaps.clone());
    match best {
        Some(chain) => {
            status.filter = Some(chain.filter.name.clone());
            status.alarm = chain.alarm.map(|alarm| alarm.name.clone());
            status.is_adopted = !chain.filter.name.starts_with(FILTER_PREFIX) || chain.alarm.is_some_and(|alarm| !alarm.is_ours);
            status.gaps.extend(chain.gaps.iter().cloned());
        }
        None => status.gaps.push(no_filter(control, filters)),
    }
    let metric = match (ours, best) {
        // Ours is put right even where another serves: it bears our name.
        (Some(ours), _) if !is_same_filter(ours, &wanted) => {
            put_filter(feeding, wanted, Some(ours), draft);
            None
        }
        (_, Some(chain)) => Some(chain),
        (_, None) if filters.len() + *made >= FILTERS_LIMIT => {
            let sentence = format!("The log group `{}` holds {FILTERS_LIMIT} metric filters, and no more fit.", feeding.log_group);
            draft.find(
                Subject::LogGroup(feeding.log_group.clone()),
                Severity::High,
                sentence,
                "Delete those that match nothing: `reprieve filter audit` tells.",
            );
            return status;
        }
        (_, None) => {
            *made += 1;
            put_filter(feeding, wanted, None, draft);
            None
        }
    };
    put_alarm(control, metric, draft);
    status
}

fn put_filter(feeding: &Feeding<'_>, filter: MetricFilter, was: Option<&MetricFilter>, draft: &mut Draft<'_>) {
    draft.rely_on(&[&filter.name]);
    draft.change(Change::PutMetricFilter { log_group: feeding.log_group.clone(), filter, was: was.cloned().map(Box::new) });
}

/// A filter, the alarm that goes off on it, and what is missing up to a human.
struct Chain<'a> {
    filter: &'a MetricFilter,
    alarm: Option<&'a Alarm>,
    gaps: Vec<String>,
}

impl<'a> Chain<'a> {
    fn of(filter: &'a MetricFilter, hearing: &Hearing, draft: &Draft<'a>) -> Self {
        let alarms = match &draft.world.alarms {
            Known::Is(alarms) => alarms.as_slice(),
            Known::Absent => &[],
            Known::Unreadable(reason) => return Self { filter, alarm: None, gaps: vec![format!("the alarms cannot be read ({reason})")] },
        };
        let on_metric = alarms.iter().filter(|alarm| alarm.namespace == filter.namespace && alarm.metric == filter.metric);
        let mut judged: Vec<(&Alarm, Vec<String>)> = on_metric.map(|alarm| (alarm, alarm_gaps(alarm, hearing))).collect();
        judged.sort_by_key(|(alarm, gaps)| (gaps.len(), !alarm.is_ours, alarm.name.clone()));
        match judged.into_iter().next() {
            Some((alarm, gaps)) => Self { filter, alarm: Some(alarm), gaps },
            None => Self { filter, alarm: None, gaps: vec![format!("no alarm watches the metric `{}`", filter.metric)] },
        }
    }

    const fn missing(&self) -> (bool, usize) {
        (self.alarm.is_none(), self.gaps.len())
    }
}

/// Says why an alarm does not reach a human.
fn alarm_gaps(alarm: &Alarm, hearing: &Hearing) -> Vec<String> {
    let mut gaps = Vec::new();
    if let Some(why) = never_goes_off(alarm) {
        gaps.push(format!("the alarm `{}` {why}", alarm.name));
    }
    if !alarm.actions_enabled {
        gaps.push(format!("the actions of the alarm `{}` are disabled", alarm.name));
    }
    let heard: Vec<(&String, &Vec<String>)> = alarm.alarm_actions.iter().filter_map(|action| hearing.get_key_value(action)).collect();
    if heard.is_empty() {
        gaps.push(format!("the alarm `{}` tells no topic", alarm.name));
    } else if let Some((_, why)) = heard.iter().min_by_key(|(_, why)| why.len()) {
        gaps.extend(why.iter().cloned());
    }
    gaps
}

/// Says why an alarm does not go off at the first match, as the end of a sentence. `None` where it does.
pub(crate) fn never_goes_off(alarm: &Alarm) -> Option<String> {
    let threshold = alarm.threshold.value();
    let trips_at_one = match alarm.comparison.as_str() {
        "GreaterThanOrEqualToThreshold" => threshold > 0.0 && threshold <= 1.0,
        "GreaterThanThreshold" => (0.0..1.0).contains(&threshold),
        _ => false,
    };
    if !alarm.dimensions.is_empty() {
        return Some("watches dimensions that the filter does not write".to_owned());
    }
    if !matches!(alarm.statistic.as_str(), "Sum" | "Maximum") {
        return Some(format!("looks at `{}` instead of Sum", if alarm.statistic.is_empty() { "an expression" } else { &alarm.statistic }));
    }
    if let Some(unit) = only_unit(alarm) {
        return Some(format!("looks only at values in `{unit}`, and what is counted here is taken to bear no unit"));
    }
    if alarm.period_seconds > PERIOD_SECONDS {
        return Some(format!("looks at periods of {} s instead of {PERIOD_SECONDS} s", alarm.period_seconds));
    }
    if !trips_at_one {
        return Some(format!("does not go off at one event ({} {threshold})", alarm.comparison));
    }
    if alarm.datapoints_to_alarm.unwrap_or(alarm.evaluation_periods) != 1 {
        return Some(format!("goes off only after {} periods", alarm.datapoints_to_alarm.unwrap_or(alarm.evaluation_periods)));
    }
    match alarm.missing_data.as_str() {
        "notBreaching" | "missing" | "" => None,
        other => Some(format!("treats missing data as `{other}`, so that it does not go off again")),
    }
}

/// Returns the unit without which an alarm sees no value. `None` is CloudWatch's own word for the unit of values that bear none.
fn only_unit(alarm: &Alarm) -> Option<&str> {
    alarm.unit.as_deref().filter(|unit| *unit != "None")
}

/// Says whether a filter counts its matches so that an alarm without dimensions sees them.
pub(crate) fn counts(filter: &MetricFilter) -> bool {
    filter.dimensions.is_empty() && filter.value.parse::<f64>().is_ok_and(|value| value >= 1.0)
}

/// What a filter is held against to do a control's work.
struct Work<'a, F: FnOnce() -> Vec<Probe>> {
    control: &'a Control,
    mode: PatternMode,
    events: &'a Events<F>,
    /// Which events the control's own pattern matches, found out where a filter has to be tried.
    watched: OnceCell<Vec<usize>>,
}

impl<F: FnOnce() -> Vec<Probe>> Work<'_, F> {
    /// Says whether a filter does the work, and rings for nothing harmless.
    fn is_done_by(&self, filter: &MetricFilter) -> bool {
        match self.mode {
            _ if filter.pattern == self.control.pattern => true,
            PatternMode::Exact => false,
            PatternMode::ByMatching => FilterPattern::parse(&filter.pattern).is_ok_and(|candidate| self.is_covered_by(&candidate)),
        }
    }

    /// Most filters miss the first event that is watched, so that few are tried on all.
    fn is_covered_by(&self, candidate: &FilterPattern) -> bool {
        let watched = self.watched.get_or_init(|| self.watched());
        let catches = |index: &usize| self.events.get(*index).is_some_and(|probe| candidate.matches(&probe.event));
        let harmless = || self.events.iter().enumerate().filter(|(_, probe)| probe.effect == Effect::Benign);
        let rings_for_nothing = || harmless().any(|(index, probe)| !watched.contains(&index) && candidate.matches(&probe.event));
        !watched.is_empty() && watched.iter().all(catches) && !rings_for_nothing()
    }

    fn watched(&self) -> Vec<usize> {
        let Ok(canonical) = FilterPattern::parse(self.control.pattern) else {
            return Vec::new();
        };
        self.events.iter().enumerate().filter(|(_, probe)| canonical.matches(&probe.event)).map(|(index, _)| index).collect()
    }
}

/// Says why no filter serves a control, naming the one that comes nearest by what it counts into.
fn no_filter(control: &Control, filters: &[MetricFilter]) -> String {
    match filters.iter().find(|filter| filter.name == control.name) {
        Some(ours) if counts(ours) => format!("the metric filter `{}` was altered and misses events", ours.name),
        Some(ours) => format!("the metric filter `{}` was altered and counts nothing that an alarm sees", ours.name),
        None => "no metric filter matches what must be watched".to_owned(),
    }
}

fn wanted_filter(control: &Control, draft: &Draft<'_>) -> MetricFilter {
    MetricFilter {
        name: control.name.to_owned(),
        pattern: control.pattern.to_owned(),
        namespace: draft.desired.namespace.clone(),
        metric: control.name.to_owned(),
        value: "1".to_owned(),
        default_value: Some(Number::of(0.0)),
        dimensions: BTreeMap::new(),
    }
}

/// Compares what decides; the number 1 has more than one spelling.
fn is_same_filter(observed: &MetricFilter, wanted: &MetricFilter) -> bool {
    let is_one = observed.value.parse::<f64>().is_ok_and(|value| (value - 1.0).abs() < f64::EPSILON);
    is_one && MetricFilter { value: wanted.value.clone(), ..observed.clone() } == *wanted
}

/// Plans an alarm on the metric of a chain, or of our own filter.
fn put_alarm(control: &Control, chain: Option<&Chain<'_>>, draft: &mut Draft<'_>) {
    let Some(alarms) = (match &draft.world.alarms {
        Known::Is(alarms) => Some(alarms.as_slice()),
        Known::Absent => Some(&[][..]),
        Known::Unreadable(_) => None,
    }) else {
        return;
    };
    if let Some(Chain { filter, .. }) = chain {
        draft.rely_on(&[&filter.name]);
    }
    let topic = &draft.desired.topic.arn;
    // An alarm that tells a topic which nobody hears, and which is not ours to mend, does not suffice.
    if let Some(Chain { alarm: Some(alarm), gaps, .. }) = chain
        && (gaps.is_empty() || (never_goes_off(alarm).is_none() && alarm.actions_enabled && alarm.alarm_actions.contains(topic)))
    {
        draft.rely_on(&[&alarm.name]);
        return;
    }
    let (namespace, metric) = match chain {
        Some(Chain { filter, .. }) => (filter.namespace.clone(), filter.metric.clone()),
        None => (draft.desired.namespace.clone(), control.name.to_owned()),
    };
    let Some((name, was)) = free_name(control.name, alarms, &metric) else {
        let sentence = format!("Every name for the alarm `{}` is taken by alarms that are not ours.", control.name);
        draft.find(Subject::Alarm(control.name.to_owned()), Severity::High, sentence, "Rename or delete those that nobody needs.");
        return;
    };
    let alarm = wanted_alarm(control, name, namespace, metric, was, draft);
    draft.rely_on(&[&alarm.name]);
    if was.is_none_or(|was| !is_same_alarm(was, &alarm)) {
        draft.change(Change::PutMetricAlarm { alarm: Box::new(alarm), was: was.cloned().map(Box::new) });
    }
}

/// Finds the first of a few names that is free, or an alarm of ours. What others made is never overwritten.
fn free_name<'a>(name: &str, alarms: &'a [Alarm], metric: &str) -> Option<(String, Option<&'a Alarm>)> {
    let names = || std::iter::once(name.to_owned()).chain((2..10).map(|number| format!("{name}-{number}")));
    let standing = |name: &String| alarms.iter().find(|alarm| alarm.name == *name);
    let ours =
        names().find_map(|name| standing(&name).filter(|alarm| alarm.is_ours && alarm.metric == metric).map(|alarm| (name, Some(alarm))));
    ours.or_else(|| {
        names().find_map(|name| match standing(&name) {
            None => Some((name, None)),
            Some(alarm) if alarm.is_ours => Some((name, Some(alarm))),
            Some(_) => None,
        })
    })
}

fn wanted_alarm(control: &Control, name: String, namespace: String, metric: String, was: Option<&Alarm>, draft: &Draft<'_>) -> Alarm {
    let topic = &draft.desired.topic.arn;
    let others = was.map(|was| was.alarm_actions.iter().filter(|action| *action != topic).cloned()).into_iter().flatten();
    Alarm {
        name,
        description: format!("{} {}: {}", control.id, control.title, control.why),
        namespace,
        metric,
        dimensions: BTreeMap::new(),
        statistic: "Sum".to_owned(),
        period_seconds: PERIOD_SECONDS,
        unit: None,
        evaluation_periods: 1,
        datapoints_to_alarm: None,
        threshold: Number::of(1.0),
        comparison: "GreaterThanOrEqualToThreshold".to_owned(),
        missing_data: "notBreaching".to_owned(),
        actions_enabled: true,
        alarm_actions: std::iter::once(topic.clone()).chain(others).collect(),
        is_ours: true,
    }
}

/// Compares what decides: what is said of it, and in which order it tells, does not.
fn is_same_alarm(observed: &Alarm, wanted: &Alarm) -> bool {
    let actions = |alarm: &Alarm| {
        let mut actions = alarm.alarm_actions.clone();
        actions.sort_unstable();
        actions
    };
    actions(observed) == actions(wanted)
        && Alarm {
            description: wanted.description.clone(),
            unit: only_unit(observed).map(str::to_owned),
            datapoints_to_alarm: observed.datapoints_to_alarm.filter(|points| *points != 1),
            alarm_actions: wanted.alarm_actions.clone(),
            ..observed.clone()
        } == *wanted
}
