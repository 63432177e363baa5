//! The trail: which one the monitoring stands on, what it lacks, and when one of our own is made.
//!
//! A trail that lacks nothing is adopted, whoever made it. One in our care is mended: it bears our tag, the configuration names it, or
//! it feeds a log group in which our filters stand. Other people's trails are never changed, nor is how long a log group keeps its events
//! that the configuration does not name.

use super::{Draft, selectors};
use crate::decision::Severity;
use crate::facts::Known;
use crate::monitoring::FILTER_PREFIX;
use crate::monitoring::change::{Change, Feed};
use crate::monitoring::finding::Subject;
use crate::monitoring::world::{LogGroup, LogGroupClass, MetricFilter, Trail};

/// The log group that filters go into.
pub(super) struct Feeding<'a> {
    pub(super) log_group: String,
    /// Its filters as they are; none where the group is made by this plan.
    pub(super) filters: Known<&'a [MetricFilter]>,
    /// Why nothing reaches it yet; empty where a trail that lacks nothing feeds it.
    pub(super) gaps: Vec<String>,
}

/// One thing that a trail lacks.
enum Lack {
    /// It does not record.
    Stopped,
    /// It records one Region.
    SingleRegion,
    /// It leaves out global services.
    NoGlobalServices,
    /// It writes no digests.
    NoValidation,
    /// It writes its files to another bucket than is asked for.
    OtherBucket { bucket: String, wanted: String },
    /// It writes them under another prefix, or under one where none is asked for.
    OtherPrefix { prefix: Option<String>, wanted: Option<String> },
    /// It encrypts them with another key than is asked for, or with none.
    OtherKey { key_arn: Option<String>, wanted: String },
    /// Its bucket refused its files last. That stays said until the next one, as below.
    FilesRefused { bucket: String, error: String },
    /// It feeds no log group here.
    NoFeed(String),
    /// The log group that it feeds does not exist.
    GroupGone(String),
    /// It feeds a log group, and its last delivery was refused. That stays said until the next one, so it is no reason to turn away.
    NotDelivering { log_group: String, error: String },
    /// It records too little.
    Records(String),
    /// Nobody can mend it from here, or nobody can say.
    BeyondUs { sentence: String, fix: &'static str },
}

impl Lack {
    /// Says it, as the end of a sentence that begins with the trail.
    fn phrase(&self) -> String {
        match self {
            Self::Stopped => "does not record".to_owned(),
            Self::SingleRegion => "records one Region only".to_owned(),
            Self::NoGlobalServices => "leaves out IAM and other global services".to_owned(),
            Self::NoValidation => "writes no digests to validate its files by".to_owned(),
            Self::OtherBucket { bucket, wanted } => format!("writes to the bucket `{bucket}` instead of `{wanted}`"),
            Self::OtherPrefix { prefix, wanted } => {
                let named = |prefix: Option<&str>| prefix.map_or_else(|| "no prefix".to_owned(), |prefix| format!("the prefix `{prefix}`"));
                format!("writes its files under {} instead of {}", named(prefix.as_deref()), named(wanted.as_deref()))
            }
            Self::OtherKey { key_arn: Some(key), wanted } => format!("encrypts its files with the key `{key}` instead of `{wanted}`"),
            Self::OtherKey { key_arn: None, wanted } => format!("encrypts its files with no key instead of `{wanted}`"),
            Self::FilesRefused { bucket, error } => format!("could not deliver to the bucket `{bucket}` last: {error}"),
            Self::NoFeed(why) | Self::Records(why) => why.clone(),
            Self::GroupGone(group) => format!("feeds the log group `{group}`, which does not exist"),
            Self::NotDelivering { log_group, error } => format!("could not deliver to the log group `{log_group}` last: {error}"),
            Self::BeyondUs { sentence, .. } => sentence.clone(),
        }
    }
}

/// Plans the trail and the log group that it feeds. `None` where nothing feeds one, and nothing will.
pub(super) fn plan<'a>(draft: &mut Draft<'a>) -> Result<Feeding<'a>, String> {
    let trails = match &draft.world.trails {
        Known::Is(trails) => trails.as_slice(),
        Known::Absent => &[],
        Known::Unreadable(reason) => {
            let sentence = format!("The account's trails cannot be read ({reason}), so none is made or changed.");
            draft.find(
                Subject::Trail("(all)".to_owned()),
                Severity::High,
                sentence,
                "Let the function's role call cloudtrail:DescribeTrails.",
            );
            return Err("the account's trails cannot be read".to_owned());
        }
    };
    let mut judged: Vec<(Standing, &Trail, Vec<Lack>)> = trails
        .iter()
        .map(|trail| {
            let lacks = lacks(trail, draft);
            (standing(trail, &lacks, draft), trail, lacks)
        })
        .collect();
    judged.sort_by_key(|(standing, trail, _)| (*standing, trail.arn.clone()));
    for (_, trail, lacks) in judged.iter().filter(|(standing, ..)| *standing == Standing::NotOurs) {
        let sentence = format!("The trail `{}` is not relied on: it {}.", trail.name, phrases(lacks));
        let fix = "Mend it, or name it in the configuration (TrailName) so that it is mended.";
        draft.find(Subject::Trail(trail.name.clone()), Severity::Low, sentence, fix);
    }
    tell_of_foreign_keys(trails, draft);
    match judged.first() {
        Some((Standing::NotOurs, ..)) | None => make(draft),
        Some((_, trail, lacks)) if lacks.is_empty() => Ok(adopt(trail, draft)),
        Some((_, trail, lacks)) => mend(trail, lacks, draft),
    }
}

/// How a trail stands to us, the one to rely on first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// Made by us or named in the configuration, and lacks nothing.
    Ours,
    /// Made by us or named in the configuration, and can be mended.
    OursToMend,
    /// Adopted before, and lacks nothing.
    Adopted,
    /// Can be adopted.
    Adoptable,
    /// Adopted before, and lacks something.
    AdoptedToMend,
    /// Made by us or named in the configuration, and lacks what we cannot mend.
    OursBeyondUs,
    /// Lacks something, and is nothing of ours.
    NotOurs,
}

fn standing(trail: &Trail, lacks: &[Lack], draft: &Draft<'_>) -> Standing {
    let is_beyond_us = trail.home_region != draft.place().region || lacks.iter().any(|lack| matches!(lack, Lack::BeyondUs { .. }));
    match (care(trail, draft), lacks.is_empty()) {
        (Some(Care::Configured), true) => Standing::Ours,
        (Some(Care::Configured), false) if is_beyond_us => Standing::OursBeyondUs,
        (Some(Care::Configured), false) => Standing::OursToMend,
        (Some(Care::Adopted), true) => Standing::Adopted,
        (Some(Care::Adopted), false) => Standing::AdoptedToMend,
        (None, true) => Standing::Adoptable,
        (None, false) => Standing::NotOurs,
    }
}

/// Why a trail is in our care.
enum Care {
    /// It bears our tag, or the configuration names it.
    Configured,
    /// Our filters stand in the log group that it feeds.
    Adopted,
}

/// Says why a trail is in our care. `None` where it is not.
fn care(trail: &Trail, draft: &Draft<'_>) -> Option<Care> {
    if arn_part(&trail.arn, 4) != Some(draft.place().account.as_str()) {
        return None;
    }
    if trail.is_ours || trail.name == draft.desired.trail.name {
        return Some(Care::Configured);
    }
    let filters = group_of(trail, draft)?.filters.value()?;
    filters.iter().any(|filter| filter.name.starts_with(FILTER_PREFIX)).then_some(Care::Adopted)
}

fn arn_part(arn: &str, index: usize) -> Option<&str> {
    arn.split(':').nth(index)
}

/// Returns the log group that a trail feeds, where it is here and was read.
fn group_of<'a>(trail: &Trail, draft: &Draft<'a>) -> Option<&'a LogGroup> {
    draft.world.log_groups.get(local_group(trail, draft)?)?.value()
}

/// Returns the name of the log group that a trail feeds, where that is in this account and Region.
fn local_group<'t>(trail: &'t Trail, draft: &Draft<'_>) -> Option<&'t str> {
    draft.place().log_group(trail.log_group_arn.as_deref()?)
}

fn lacks(trail: &Trail, draft: &Draft<'_>) -> Vec<Lack> {
    let beyond = |sentence: String, fix: &'static str| Lack::BeyondUs { sentence, fix };
    let mut lacks = Vec::new();
    match &trail.is_logging {
        Known::Is(true) => {}
        Known::Is(false) | Known::Absent => lacks.push(Lack::Stopped),
        Known::Unreadable(reason) => {
            let sentence = format!("may not record: its status cannot be read ({reason})");
            lacks.push(beyond(sentence, "Let the function's role call cloudtrail:GetTrailStatus."));
        }
    }
    if !trail.is_multi_region {
        lacks.push(Lack::SingleRegion);
    }
    if !trail.includes_global_services {
        lacks.push(Lack::NoGlobalServices);
    }
    if !trail.validates_log_files {
        lacks.push(Lack::NoValidation);
    }
    match &trail.selectors {
        Known::Is(selectors) => lacks.extend(selectors::missing(selectors).map(Lack::Records)),
        Known::Absent => lacks.push(Lack::Records("records nothing".to_owned())),
        Known::Unreadable(reason) => {
            let sentence = format!("may record too little: its event selectors cannot be read ({reason})");
            lacks.push(beyond(sentence, "Let the function's role call cloudtrail:GetEventSelectors."));
        }
    }
    lacks.extend(lacks_of_files(trail, draft));
    lacks.extend(lack_of_feed(trail, draft));
    lacks
}

/// Judges where the files of a trail go, and by what they are encrypted, that bears our tag or is named, and can be changed here. Where
/// others keep theirs is their business.
fn lacks_of_files(trail: &Trail, draft: &Draft<'_>) -> Vec<Lack> {
    if trail.home_region != draft.place().region || !matches!(care(trail, draft), Some(Care::Configured)) {
        return Vec::new();
    }
    let wish = &draft.desired.trail;
    let mut lacks = Vec::new();
    if let Some(wanted) = &wish.bucket {
        if *wanted != trail.bucket {
            lacks.push(Lack::OtherBucket { bucket: trail.bucket.clone(), wanted: wanted.clone() });
        }
        if wish.prefix != trail.prefix {
            lacks.push(Lack::OtherPrefix { prefix: trail.prefix.clone(), wanted: wish.prefix.clone() });
        }
    }
    if let Some(wanted) = wish.key_arn.clone().filter(|wanted| trail.key_arn.as_ref() != Some(wanted)) {
        lacks.push(Lack::OtherKey { key_arn: trail.key_arn.clone(), wanted });
    }
    // What was refused elsewhere, or under another key, says nothing of what comes next.
    if lacks.is_empty() {
        lacks.extend(trail.file_delivery_error.clone().map(|error| Lack::FilesRefused { bucket: trail.bucket.clone(), error }));
    }
    lacks
}

/// Tells of keys that nobody asked for. It is no lack: there is nothing to lead the trail back to, and its log group is fed all the same.
fn tell_of_foreign_keys(trails: &[Trail], draft: &mut Draft<'_>) {
    for trail in trails {
        let Some(key) = foreign_key(trail, draft) else {
            continue;
        };
        let sentence = format!(
            "The trail `{}` encrypts its files with the key `{key}` of another account, and no key was asked for, so that it is kept.",
            trail.name
        );
        let fix = "Name the key that it must have (TrailKeyArn, or --trail-key of `reprieve monitoring plan`): this one where it is \
                   meant, else yours.";
        draft.find(Subject::Trail(trail.name.clone()), Severity::Medium, sentence, fix);
    }
}

/// Returns the key of a trail that bears our tag or is named, where no key is asked for and this one is of neither this account nor the
/// one that holds the notice topic. Whose a bucket is, its name does not tell.
fn foreign_key<'t>(trail: &'t Trail, draft: &Draft<'_>) -> Option<&'t str> {
    let key = trail.key_arn.as_deref()?;
    if draft.desired.trail.key_arn.is_some() || !matches!(care(trail, draft), Some(Care::Configured)) {
        return None;
    }
    let owner = arn_part(key, 4)?;
    let is_known = owner == draft.place().account.as_str() || arn_part(&draft.desired.topic.arn, 4) == Some(owner);
    (!is_known).then_some(key)
}

fn lack_of_feed(trail: &Trail, draft: &Draft<'_>) -> Option<Lack> {
    let Some(arn) = &trail.log_group_arn else {
        return Some(Lack::NoFeed("feeds no log group".to_owned()));
    };
    let Some(group) = local_group(trail, draft) else {
        return Some(Lack::NoFeed(format!("feeds a log group of another account or Region (`{arn}`)")));
    };
    match draft.world.log_groups.get(group) {
        Some(Known::Is(LogGroup { class: LogGroupClass::WithoutMetricFilters, .. })) => Some(Lack::BeyondUs {
            sentence: format!("feeds the log group `{group}`, whose class takes no metric filters"),
            fix: "Let the trail feed a log group of class STANDARD; a group's class cannot be changed.",
        }),
        Some(Known::Is(_)) => {
            trail.delivery_error.as_ref().map(|error| Lack::NotDelivering { log_group: group.to_owned(), error: error.clone() })
        }
        Some(Known::Absent) | None => Some(Lack::GroupGone(group.to_owned())),
        Some(Known::Unreadable(reason)) => Some(Lack::BeyondUs {
            sentence: format!("feeds the log group `{group}`, which cannot be read ({reason})"),
            fix: "Let the function's role call logs:DescribeLogGroups.",
        }),
    }
}

/// Takes a trail as it is.
fn adopt<'a>(trail: &Trail, draft: &mut Draft<'a>) -> Feeding<'a> {
    draft.rely_on(&[&trail.arn, &trail.name]);
    let group = local_group(trail, draft).unwrap_or_default().to_owned();
    feeding(&group, Vec::new(), draft)
}

/// Gives a trail in our care back what it lacks.
fn mend<'a>(trail: &Trail, lacks: &[Lack], draft: &mut Draft<'a>) -> Result<Feeding<'a>, String> {
    draft.rely_on(&[&trail.arn, &trail.name]);
    let gaps: Vec<String> = lacks.iter().map(|lack| format!("the trail `{}` {}", trail.name, lack.phrase())).collect();
    if trail.home_region != draft.place().region {
        let sentence = format!("The trail `{}` {}, and can be changed only in {}.", trail.name, phrases(lacks), trail.home_region);
        draft.find(Subject::Trail(trail.name.clone()), Severity::High, sentence, "Deploy the monitoring in the trail's home Region.");
        let stands = |group: &&str| matches!(draft.world.log_groups.get(*group), Some(Known::Is(_) | Known::Unreadable(_)));
        let group = local_group(trail, draft).filter(stands).filter(|group| takes_filters(group, draft)).map(str::to_owned);
        return group.map(|group| feeding(&group, gaps.clone(), draft)).ok_or_else(|| gaps.join("; "));
    }
    for lack in lacks {
        let fix = match lack {
            Lack::BeyondUs { fix, .. } => fix,
            Lack::NotDelivering { .. } => "Look whether the trail's role may call logs:CreateLogStream and logs:PutLogEvents on it.",
            Lack::FilesRefused { .. } => "Look whether the bucket and its key stand, and whether their policies let CloudTrail use them.",
            Lack::Stopped
            | Lack::SingleRegion
            | Lack::NoGlobalServices
            | Lack::NoValidation
            | Lack::OtherBucket { .. }
            | Lack::OtherPrefix { .. }
            | Lack::OtherKey { .. }
            | Lack::NoFeed(_)
            | Lack::GroupGone(_)
            | Lack::Records(_) => continue,
        };
        let sentence = format!("The trail `{}` {}.", trail.name, lack.phrase());
        draft.find(Subject::Trail(trail.name.clone()), Severity::High, sentence, fix);
    }
    let mut group = local_group(trail, draft).map(str::to_owned);
    let mut feeds = None;
    if lacks.iter().any(|lack| matches!(lack, Lack::NoFeed(_))) {
        match new_feed(draft) {
            Ok((name, feed)) => (group, feeds) = (Some(name), Some(feed)),
            Err(why) => {
                let sentence = format!("The trail `{}` {}, and {why}.", trail.name, phrases(lacks));
                draft.find(
                    Subject::Trail(trail.name.clone()),
                    Severity::High,
                    sentence,
                    "Configure the role by which CloudTrail feeds CloudWatch Logs.",
                );
            }
        }
    }
    if let Some(gone) = lacks.iter().find_map(|lack| if let Lack::GroupGone(group) = lack { Some(group) } else { None }) {
        draft.change(Change::CreateLogGroup { log_group: gone.clone() });
    }
    let has = |wanted: fn(&Lack) -> bool| lacks.iter().any(wanted);
    let multi_region = has(|lack| matches!(lack, Lack::SingleRegion));
    let global_services = has(|lack| matches!(lack, Lack::NoGlobalServices));
    let log_file_validation = has(|lack| matches!(lack, Lack::NoValidation));
    if multi_region || global_services || log_file_validation || feeds.is_some() {
        let trail = trail.arn.clone();
        let (bucket, prefix, key_arn) = (None, None, None);
        draft.change(Change::UpdateTrail { trail, multi_region, global_services, log_file_validation, feeds, bucket, prefix, key_arn });
    }
    mend_files(trail, lacks, draft);
    if let (true, Some(was)) = (has(|lack| matches!(lack, Lack::Records(_))), trail.selectors.value()) {
        let selectors = selectors::widened(was);
        draft.change(Change::PutEventSelectors { trail: trail.arn.clone(), selectors, was: Some(was.clone()) });
    }
    if has(|lack| matches!(lack, Lack::Stopped)) {
        draft.change(Change::StartLogging { trail: trail.arn.clone() });
    }
    match group.filter(|group| takes_filters(group, draft)) {
        Some(group) => Ok(feeding(&group, gaps, draft)),
        None => Err(gaps.join("; ")),
    }
}

/// Lets a trail encrypt its files with its key again, and write them to its bucket. Calls of their own: a key or a bucket that refuses
/// keeps no other setting from being mended. Bucket and prefix go together: a bucket's policy may let a trail write under one prefix alone.
///
/// A trail that was led to somebody else's bucket and key is led back in one call first, for either call may be refused for what the
/// trail still has of the other. Where that call succeeds, the two change nothing; they mend what they can where it is refused.
fn mend_files(trail: &Trail, lacks: &[Lack], draft: &mut Draft<'_>) {
    let wish = &draft.desired.trail;
    let has = |wanted: fn(&Lack) -> bool| lacks.iter().any(wanted);
    let update = |bucket, prefix, key_arn| Change::UpdateTrail {
        trail: trail.arn.clone(),
        multi_region: false,
        global_services: false,
        log_file_validation: false,
        feeds: None,
        bucket,
        prefix,
        key_arn,
    };
    let key_arn = wish.key_arn.clone().filter(|_| has(|lack| matches!(lack, Lack::OtherKey { .. })));
    let bucket = wish.bucket.clone().filter(|_| has(|lack| matches!(lack, Lack::OtherBucket { .. })));
    let prefix = has(|lack| matches!(lack, Lack::OtherPrefix { .. })).then(|| wish.prefix.clone().unwrap_or_default());
    let is_led_away = bucket.is_some() || prefix.is_some();
    if is_led_away && key_arn.is_some() {
        draft.change(update(bucket.clone(), prefix.clone(), key_arn.clone()));
    }
    if key_arn.is_some() {
        draft.change(update(None, None, key_arn));
    }
    if is_led_away {
        draft.change(update(bucket, prefix, None));
    }
}

/// Says whether metric filters can stand in a log group: where it was read, its class decides.
fn takes_filters(group: &str, draft: &Draft<'_>) -> bool {
    match draft.world.log_groups.get(group) {
        Some(Known::Is(group)) => group.class == LogGroupClass::Standard,
        Some(Known::Absent | Known::Unreadable(_)) | None => true,
    }
}

fn phrases(lacks: &[Lack]) -> String {
    lacks.iter().map(Lack::phrase).collect::<Vec<_>>().join("; it ")
}

/// Makes a trail of our own, and the log group that it feeds.
fn make<'a>(draft: &mut Draft<'a>) -> Result<Feeding<'a>, String> {
    let wish = &draft.desired.trail;
    let no_trail = "no trail records this account as it must";
    let Some(bucket) = wish.bucket.clone() else {
        let sentence = "No trail records this account as it must, and no bucket is configured that a new one could write to.".to_owned();
        draft.find(
            Subject::Trail(wish.name.clone()),
            Severity::High,
            sentence,
            "Configure the trail's bucket, or name a trail that may be mended.",
        );
        return Err(no_trail.to_owned());
    };
    match new_feed(draft) {
        Err(why) => {
            let sentence = format!("No trail records this account as it must, and none can be made: {why}.");
            draft.find(
                Subject::Trail(wish.name.clone()),
                Severity::High,
                sentence,
                "Configure the role by which CloudTrail feeds CloudWatch Logs.",
            );
            Err(no_trail.to_owned())
        }
        Ok((group, Feed { log_group_arn, log_role_arn })) => {
            let arn = draft.place().arn("cloudtrail", &format!("trail/{}", wish.name));
            draft.rely_on(&[&arn, &wish.name]);
            let (name, prefix, key_arn) = (wish.name.clone(), wish.prefix.clone(), wish.key_arn.clone());
            draft.change(Change::CreateTrail { name, bucket, prefix, key_arn, log_group_arn, log_role_arn });
            draft.change(Change::StartLogging { trail: arn });
            Ok(feeding(&group, vec![no_trail.to_owned()], draft))
        }
    }
}

/// Plans the log group that is asked for, and how a trail comes to feed it.
fn new_feed(draft: &mut Draft<'_>) -> Result<(String, Feed), String> {
    let name = draft.desired.log_group.clone();
    let Some(log_role_arn) = draft.desired.trail.log_role_arn.clone() else {
        return Err("no role is configured by which it could feed a log group".to_owned());
    };
    match draft.world.log_groups.get(&name) {
        Some(Known::Is(group)) if group.class == LogGroupClass::WithoutMetricFilters => {
            return Err(format!("the class of the log group `{name}` takes no metric filters"));
        }
        Some(Known::Is(_)) => {}
        Some(Known::Unreadable(reason)) => return Err(format!("the log group `{name}` cannot be read ({reason})")),
        Some(Known::Absent) | None => draft.change(Change::CreateLogGroup { log_group: name.clone() }),
    }
    let log_group_arn = draft.place().arn("logs", &format!("log-group:{name}:*"));
    Ok((name, Feed { log_group_arn, log_role_arn }))
}

/// Looks after the retention of the log group, and shows its filters.
fn feeding<'a>(name: &str, gaps: Vec<String>, draft: &mut Draft<'a>) -> Feeding<'a> {
    draft.rely_on(&[name]);
    let days = draft.desired.retention_days;
    let filters = match draft.world.log_groups.get(name) {
        Some(Known::Is(group)) => {
            if let Some(was) = group.retention_days.filter(|was| *was < days) {
                keep_longer(name, was, draft);
            }
            match &group.filters {
                Known::Is(filters) => Known::Is(filters.as_slice()),
                Known::Absent => Known::Absent,
                Known::Unreadable(reason) => Known::Unreadable(reason.clone()),
            }
        }
        Some(Known::Absent) | None => {
            draft.change(Change::PutRetentionPolicy { log_group: name.to_owned(), days, was_days: None });
            Known::Absent
        }
        Some(Known::Unreadable(reason)) => Known::Unreadable(reason.clone()),
    };
    Feeding { log_group: name.to_owned(), filters, gaps }
}

/// Lengthens the retention of the log group that the configuration names. Any other is somebody's, whichever trail feeds it, and the
/// function's role may not change it: people are told.
fn keep_longer(name: &str, was: u32, draft: &mut Draft<'_>) {
    let days = draft.desired.retention_days;
    if name == draft.desired.log_group {
        draft.change(Change::PutRetentionPolicy { log_group: name.to_owned(), days, was_days: Some(was) });
        return;
    }
    let sentence = format!("The log group `{name}` keeps events for {was} days instead of {days}, and is not the one that is configured.");
    let fix = "Lengthen its retention, or name it (TrailLogGroup, or --log-group of `reprieve monitoring plan`) so that it is lengthened.";
    draft.find(Subject::LogGroup(name.to_owned()), Severity::Medium, sentence, fix);
}
