//! What a trail's event selectors record of management events, and how they are widened. Data events stay as they are.
//!
//! Judged by evaluation: for every service that the controls watch, reading and writing calls must be recorded.

use crate::monitoring::world::{AdvancedSelector, BasicSelector, FieldSelector, Selectors};

/// The services whose management events the controls watch. `rdsdata` may be left out: no control watches it.
const SOURCES: [&str; 17] = [
    "account.amazonaws.com",
    "cloudtrail.amazonaws.com",
    "config.amazonaws.com",
    "ec2.amazonaws.com",
    "events.amazonaws.com",
    "iam.amazonaws.com",
    "kms.amazonaws.com",
    "lambda.amazonaws.com",
    "logs.amazonaws.com",
    "monitoring.amazonaws.com",
    "organizations.amazonaws.com",
    "s3.amazonaws.com",
    "scheduler.amazonaws.com",
    "securityhub.amazonaws.com",
    "signin.amazonaws.com",
    "sns.amazonaws.com",
    "sqs.amazonaws.com",
];

/// Says what of the management events is not recorded, as the end of a sentence. `None` where all of it is.
pub(super) fn missing(selectors: &Selectors) -> Option<String> {
    let unrecorded =
        |read_only: bool| -> Vec<&str> { SOURCES.into_iter().filter(|source| !records(selectors, source, read_only)).collect() };
    let (writes, reads) = (unrecorded(false), unrecorded(true));
    let all = SOURCES.len();
    match (writes.len(), reads.len()) {
        (0, 0) => None,
        (writes, reads) if writes == all && reads == all => Some("records no management events".to_owned()),
        (writes, 0) if writes == all => Some("records reading calls only".to_owned()),
        (0, reads) if reads == all => Some("records writing calls only".to_owned()),
        (_, _) => {
            let mut sources: Vec<&str> = writes.into_iter().chain(reads).collect();
            sources.sort_unstable();
            sources.dedup();
            Some(format!("does not record all calls of {}", sources.join(", ")))
        }
    }
}

/// Returns selectors that record all management events, and of data events what they recorded before.
pub(super) fn widened(selectors: &Selectors) -> Selectors {
    match selectors {
        Selectors::Basic(selectors) => Selectors::Basic(widened_basic(selectors)),
        Selectors::Advanced(selectors) => Selectors::Advanced(widened_advanced(selectors)),
    }
}

/// Says whether calls of a service, reading or changing ones, are recorded.
pub(crate) fn records(selectors: &Selectors, source: &str, read_only: bool) -> bool {
    match selectors {
        Selectors::Basic(selectors) => selectors.iter().any(|selector| {
            let covers_kind = match selector.read_write_type.as_str() {
                "All" => true,
                "ReadOnly" => read_only,
                "WriteOnly" => !read_only,
                _ => false,
            };
            selector.includes_management_events && covers_kind && !selector.excluded_sources.iter().any(|excluded| excluded == source)
        }),
        Selectors::Advanced(selectors) => {
            selectors.iter().any(|selector| selector.fields.iter().all(|field| holds(field, source, read_only)))
        }
    }
}

/// Says whether a field selector lets every management event of this service and kind pass. A field that cannot be judged narrows.
fn holds(field: &FieldSelector, source: &str, read_only: bool) -> bool {
    let value = match field.field.as_str() {
        "eventCategory" => "Management",
        "readOnly" if read_only => "true",
        "readOnly" => "false",
        "eventSource" => source,
        _ => return false,
    };
    let starts = |prefixes: &[String]| prefixes.iter().any(|prefix| value.starts_with(prefix.as_str()));
    let ends = |suffixes: &[String]| suffixes.iter().any(|suffix| value.ends_with(suffix.as_str()));
    let is_any = |values: &[String]| values.iter().any(|other| other == value);
    let nothing_asked = field.equals.is_empty() && field.starts_with.is_empty() && field.ends_with.is_empty();
    let is_asked_for = nothing_asked || is_any(&field.equals) || starts(&field.starts_with) || ends(&field.ends_with);
    is_asked_for && !is_any(&field.not_equals) && !starts(&field.not_starts_with) && !ends(&field.not_ends_with)
}

fn is_watched(source: &str) -> bool {
    SOURCES.contains(&source)
}

/// A selector's `ReadWriteType` goes for its data events too, so management events get a selector of their own.
fn widened_basic(selectors: &[BasicSelector]) -> Vec<BasicSelector> {
    let mut excluded_sources: Vec<String> = selectors
        .iter()
        .filter(|selector| selector.includes_management_events)
        .flat_map(|selector| selector.excluded_sources.iter().filter(|source| !is_watched(source)).cloned())
        .collect();
    excluded_sources.sort_unstable();
    excluded_sources.dedup();
    let management =
        BasicSelector { includes_management_events: true, read_write_type: "All".to_owned(), excluded_sources, data_resources: Vec::new() };
    let data = selectors.iter().filter(|selector| !selector.data_resources.is_empty()).map(|selector| BasicSelector {
        includes_management_events: false,
        excluded_sources: Vec::new(),
        ..selector.clone()
    });
    std::iter::once(management).chain(data).collect()
}

fn widened_advanced(selectors: &[AdvancedSelector]) -> Vec<AdvancedSelector> {
    let field = |field: &str| FieldSelector { field: field.to_owned(), ..FieldSelector::default() };
    let (management, others): (Vec<&AdvancedSelector>, Vec<&AdvancedSelector>) =
        selectors.iter().partition(|selector| is_about_management(selector));
    let mut left_out: Vec<String> = management
        .iter()
        .flat_map(|selector| &selector.fields)
        .filter(|field| field.field == "eventSource")
        .flat_map(|field| field.not_equals.iter().filter(|source| !is_watched(source)).cloned())
        .collect();
    left_out.sort_unstable();
    left_out.dedup();
    let mut fields = vec![FieldSelector { equals: vec!["Management".to_owned()], ..field("eventCategory") }];
    if !left_out.is_empty() {
        fields.push(FieldSelector { not_equals: left_out, ..field("eventSource") });
    }
    let all = AdvancedSelector { name: Some("All management events".to_owned()), fields };
    std::iter::once(all).chain(others.into_iter().cloned()).collect()
}

fn is_about_management(selector: &AdvancedSelector) -> bool {
    selector.fields.iter().any(|field| field.field == "eventCategory" && field.equals.iter().any(|value| value == "Management"))
}
