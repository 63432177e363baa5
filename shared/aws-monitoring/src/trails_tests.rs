//! The trails against scripted answers: what is read, where it is asked, what a change sends.

use aws_sdk_cloudtrail::operation::create_trail::{CreateTrailError, CreateTrailOutput};
use aws_sdk_cloudtrail::operation::describe_trails::{DescribeTrailsError, DescribeTrailsOutput};
use aws_sdk_cloudtrail::operation::get_event_selectors::{GetEventSelectorsError, GetEventSelectorsOutput};
use aws_sdk_cloudtrail::operation::get_trail_status::{GetTrailStatusError, GetTrailStatusOutput};
use aws_sdk_cloudtrail::operation::list_tags::ListTagsOutput;
use aws_sdk_cloudtrail::operation::put_event_selectors::PutEventSelectorsOutput;
use aws_sdk_cloudtrail::operation::update_trail::UpdateTrailOutput;
use aws_sdk_cloudtrail::types::ResourceTag;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::retry::RetryConfig;

use super::*;
use crate::scripted::{kind, place, refusal};

const HERE: &str = "arn:aws:cloudtrail:eu-central-1:111122223333:trail/reprieve";
const SHADOW: &str = "arn:aws:cloudtrail:us-east-1:111122223333:trail/main";
const ORGANIZATION: &str = "arn:aws:cloudtrail:us-east-1:999999999999:trail/organization";
const GROUP: &str = "arn:aws:logs:eu-central-1:111122223333:log-group:/reprieve/cloudtrail:*";
const ROLE: &str = "arn:aws:iam::111122223333:role/trail";
const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/trail";

fn trails(rules: &[&Rule]) -> Trails {
    let client = mock_client!(aws_sdk_cloudtrail, RuleMode::MatchAny, rules, |config| config.retry_config(RetryConfig::disabled()));
    Trails::over(client, place())
}

fn trail(arn: &str) -> SdkTrail {
    SdkTrail::builder()
        .trail_arn(arn)
        .name(arn.rsplit('/').next().unwrap())
        .home_region(arn.split(':').nth(3).unwrap())
        .is_multi_region_trail(true)
        .include_global_service_events(true)
        .log_file_validation_enabled(true)
        .s3_bucket_name("bucket")
        .cloud_watch_logs_log_group_arn(GROUP)
        .cloud_watch_logs_role_arn(ROLE)
        .build()
}

fn describes(arns: &'static [&str]) -> Rule {
    mock!(Client::describe_trails)
        .match_requests(|request| request.include_shadow_trails() == Some(true))
        .then_output(|| DescribeTrailsOutput::builder().set_trail_list(Some(arns.iter().map(|arn| trail(arn)).collect())).build())
}

fn records() -> Rule {
    mock!(Client::get_trail_status).then_output(|| GetTrailStatusOutput::builder().is_logging(true).build())
}

fn selects() -> Rule {
    mock!(Client::get_event_selectors).then_output(|| {
        let selector = EventSelector::builder().exclude_management_event_sources("kms.amazonaws.com").build();
        GetEventSelectorsOutput::builder().event_selectors(selector).build()
    })
}

fn bears(value: &'static str) -> Rule {
    mock!(Client::list_tags).then_output(move || {
        let tag = Tag::builder().key(MANAGED_BY_TAG).value(value).build().unwrap();
        ListTagsOutput::builder().resource_tag_list(ResourceTag::builder().tags_list(tag).build()).build()
    })
}

async fn looked(trails: &Trails) -> Vec<Trail> {
    match trails.look(trails.list().await).await {
        Known::Is(trails) => trails,
        other @ (Known::Absent | Known::Unreadable(_)) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_trail_is_read_with_its_status_what_it_records_and_whose_it_is() {
    let trails = trails(&[&describes(&[HERE]), &records(), &selects(), &bears(MANAGED_BY)]);
    let [trail] = <[Trail; 1]>::try_from(looked(&trails).await).unwrap();
    assert_eq!((trail.arn.as_str(), trail.name.as_str(), trail.bucket.as_str()), (HERE, "reprieve", "bucket"));
    assert_eq!(trail.home_region.as_str(), "eu-central-1");
    assert!(trail.is_multi_region && trail.includes_global_services && trail.validates_log_files && trail.is_ours);
    assert_eq!((trail.log_group_arn.as_deref(), trail.log_role_arn.as_deref()), (Some(GROUP), Some(ROLE)));
    assert_eq!((trail.is_logging, trail.delivery_error, trail.file_delivery_error), (Known::Is(true), None, None));
    assert_eq!((trail.prefix, trail.key_arn), (None, None));
    let selector = BasicSelector {
        includes_management_events: true,
        read_write_type: "All".to_owned(),
        excluded_sources: vec!["kms.amazonaws.com".to_owned()],
        data_resources: Vec::new(),
    };
    assert_eq!(trail.selectors, Known::Is(Selectors::Basic(vec![selector])));
}

#[tokio::test]
async fn a_trail_is_read_with_its_prefix_and_its_key_and_what_is_empty_is_none() {
    for (prefix, key_arn) in [("corp", KEY), ("", "")] {
        let mut settings = trail(HERE);
        (settings.s3_key_prefix, settings.kms_key_id) = (Some(prefix.to_owned()), Some(key_arn.to_owned()));
        let described =
            mock!(Client::describe_trails).then_output(move || DescribeTrailsOutput::builder().trail_list(settings.clone()).build());
        let trails = trails(&[&described, &records(), &selects(), &bears(MANAGED_BY)]);
        let [trail] = <[Trail; 1]>::try_from(looked(&trails).await).unwrap();
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        assert_eq!((trail.prefix, trail.key_arn), (some(prefix), some(key_arn)));
    }
}

#[tokio::test]
async fn a_tag_of_another_value_makes_no_trail_ours() {
    let trails = trails(&[&describes(&[HERE]), &records(), &selects(), &bears("somebody")]);
    assert!(!looked(&trails).await.first().unwrap().is_ours);
}

#[tokio::test]
async fn what_cannot_be_read_of_one_trail_is_said_there_and_hides_no_other() {
    let denied = mock!(Client::get_trail_status)
        .match_requests(|request| request.name() == Some(SHADOW))
        .then_error(|| GetTrailStatusError::generic(refusal("AccessDeniedException")));
    let throttled = mock!(Client::get_event_selectors)
        .match_requests(|request| request.trail_name() == Some(SHADOW))
        .then_error(|| GetEventSelectorsError::generic(refusal("ThrottlingException")));
    let trails = trails(&[&describes(&[SHADOW, HERE]), &denied, &throttled, &records(), &selects(), &bears(MANAGED_BY)]);
    let [shadow, here] = <[Trail; 2]>::try_from(looked(&trails).await).unwrap();
    assert!(shadow.is_logging.unreadable_reason().unwrap().starts_with("cloudtrail:GetTrailStatus: access denied"));
    assert!(shadow.selectors.unreadable_reason().unwrap().starts_with("cloudtrail:GetEventSelectors: throttled"));
    assert_eq!(here.is_logging, Known::Is(true));
}

#[tokio::test]
async fn trails_that_cannot_be_listed_are_unreadable_and_none_is_an_empty_list() {
    let denied = mock!(Client::describe_trails).then_error(|| DescribeTrailsError::generic(refusal("AccessDeniedException")));
    let denied = trails(&[&denied]);
    let found = denied.look(denied.list().await).await;
    assert!(found.unreadable_reason().unwrap().starts_with("cloudtrail:DescribeTrails: access denied"), "{found:?}");
    assert_eq!(looked(&trails(&[&describes(&[])])).await, []);
}

#[tokio::test]
async fn the_tags_of_another_accounts_trail_are_not_asked_for() {
    let tags = bears(MANAGED_BY);
    let trails = trails(&[&describes(&[ORGANIZATION]), &records(), &selects(), &tags]);
    assert!(!looked(&trails).await.first().unwrap().is_ours);
    assert_eq!(tags.num_calls(), 0);
}

#[test]
fn a_trail_is_asked_and_changed_in_its_home_region() {
    let trails = trails(&[]);
    let region_of = |client: &Client| client.config().region().map(ToString::to_string);
    for name in [HERE, "reprieve"] {
        assert_eq!(region_of(&trails.client_of(name)), region_of(&trails.client), "{name}");
    }
    let elsewhere = HERE.replace("eu-central-1", "ap-south-1");
    assert_eq!(region_of(&trails.client_of(&elsewhere)).as_deref(), Some("ap-south-1"));
}

#[tokio::test]
async fn delivery_errors_and_advanced_selectors_are_read() {
    let status = mock!(Client::get_trail_status).then_output(|| {
        GetTrailStatusOutput::builder()
            .is_logging(false)
            .latest_cloud_watch_logs_delivery_error("Access denied.")
            .latest_delivery_error("NoSuchBucket")
            .build()
    });
    let selectors = mock!(Client::get_event_selectors).then_output(|| {
        let category = AdvancedFieldSelector::builder().field("eventCategory").equals("Management").build().unwrap();
        let source = AdvancedFieldSelector::builder().field("eventSource").not_equals("kms.amazonaws.com").build().unwrap();
        let selector = AdvancedEventSelector::builder().name("all but KMS").field_selectors(category).field_selectors(source).build();
        GetEventSelectorsOutput::builder().advanced_event_selectors(selector.unwrap()).build()
    });
    let trails = trails(&[&describes(&[HERE]), &status, &selectors, &bears(MANAGED_BY)]);
    let [trail] = <[Trail; 1]>::try_from(looked(&trails).await).unwrap();
    assert_eq!((trail.is_logging, trail.delivery_error.as_deref()), (Known::Is(false), Some("Access denied.")));
    assert_eq!(trail.file_delivery_error.as_deref(), Some("NoSuchBucket"));
    let Known::Is(Selectors::Advanced(selectors)) = trail.selectors else { panic!("{:?}", trail.selectors) };
    let fields: Vec<(&str, &[String], &[String])> =
        selectors[0].fields.iter().map(|field| (field.field.as_str(), field.equals.as_slice(), field.not_equals.as_slice())).collect();
    assert_eq!(fields[0], ("eventCategory", ["Management".to_owned()].as_slice(), [].as_slice()));
    assert_eq!(fields[1], ("eventSource", [].as_slice(), ["kms.amazonaws.com".to_owned()].as_slice()));
}

fn wanted() -> NewTrail<'static> {
    NewTrail { name: "reprieve", bucket: "bucket", prefix: None, key_arn: None, log_group_arn: GROUP, log_role_arn: ROLE }
}

#[tokio::test]
async fn a_trail_is_made_whole_and_tagged() {
    let create = mock!(Client::create_trail)
        .match_requests(|request| {
            request.name() == Some("reprieve")
                && request.s3_bucket_name() == Some("bucket")
                && request.s3_key_prefix().is_none()
                && request.kms_key_id().is_none()
                && request.is_multi_region_trail() == Some(true)
                && request.include_global_service_events() == Some(true)
                && request.enable_log_file_validation() == Some(true)
                && request.cloud_watch_logs_log_group_arn() == Some(GROUP)
                && request.cloud_watch_logs_role_arn() == Some(ROLE)
                && request.tags_list().iter().any(|tag| is_our_tag(tag.key(), tag.value().unwrap()))
        })
        .then_output(|| CreateTrailOutput::builder().build());
    assert_eq!(trails(&[&create]).create(wanted()).await, Ok(()));
}

#[tokio::test]
async fn a_trail_is_made_with_the_prefix_and_the_key_that_are_asked_for() {
    let create = mock!(Client::create_trail)
        .match_requests(|request| request.s3_key_prefix() == Some("corp") && request.kms_key_id() == Some(KEY))
        .then_output(|| CreateTrailOutput::builder().build());
    let wanted = NewTrail { prefix: Some("corp"), key_arn: Some(KEY), ..wanted() };
    assert_eq!(trails(&[&create]).create(wanted).await, Ok(()));
}

#[tokio::test]
async fn a_trail_that_is_there_already_counts_only_where_it_is_the_same() {
    let exists = mock!(Client::create_trail).then_error(|| CreateTrailError::generic(refusal("TrailAlreadyExistsException")));
    let here = describes(&[HERE]);
    let trails = trails(&[&exists, &here]);
    assert_eq!(trails.create(wanted()).await, Ok(()));
    for other in [
        NewTrail { bucket: "another", ..wanted() },
        NewTrail { prefix: Some("another"), ..wanted() },
        NewTrail { key_arn: Some(KEY), ..wanted() },
    ] {
        let error = trails.create(other).await.unwrap_err();
        assert_eq!(kind(&error), "rejected");
        assert!(error.to_string().contains("there is another trail of the name `reprieve`"), "{error}");
    }
}

fn nothing() -> Lacking<'static> {
    Lacking {
        multi_region: false,
        global_services: false,
        log_file_validation: false,
        feeds: None,
        bucket: None,
        prefix: None,
        key_arn: None,
    }
}

#[tokio::test]
async fn an_update_says_only_what_is_lacking() {
    let update = mock!(Client::update_trail)
        .match_requests(|request| {
            request.name() == Some(HERE)
                && request.is_multi_region_trail() == Some(true)
                && request.include_global_service_events().is_none()
                && request.enable_log_file_validation().is_none()
                && request.cloud_watch_logs_log_group_arn().is_none()
                && request.s3_bucket_name().is_none()
                && request.s3_key_prefix().is_none()
                && request.kms_key_id().is_none()
        })
        .then_output(|| UpdateTrailOutput::builder().build());
    assert_eq!(trails(&[&update]).update(HERE, Lacking { multi_region: true, ..nothing() }).await, Ok(()));
}

#[tokio::test]
async fn an_update_names_the_bucket_that_a_trail_writes_to_again() {
    let update = mock!(Client::update_trail)
        .match_requests(|request| {
            request.name() == Some(HERE) && request.s3_bucket_name() == Some("bucket") && request.is_multi_region_trail().is_none()
        })
        .then_output(|| UpdateTrailOutput::builder().build());
    assert_eq!(trails(&[&update]).update(HERE, Lacking { bucket: Some("bucket"), ..nothing() }).await, Ok(()));
}

#[tokio::test]
async fn an_update_says_an_empty_prefix_which_takes_one_off_and_a_key() {
    let update = mock!(Client::update_trail)
        .match_requests(|request| {
            request.s3_key_prefix() == Some("") && request.kms_key_id() == Some(KEY) && request.s3_bucket_name().is_none()
        })
        .then_output(|| UpdateTrailOutput::builder().build());
    let lacking = Lacking { prefix: Some(""), key_arn: Some(KEY), ..nothing() };
    assert_eq!(trails(&[&update]).update(HERE, lacking).await, Ok(()));
}

#[tokio::test]
async fn selectors_are_put_as_they_were_planned() {
    let advanced = Selectors::Advanced(vec![AdvancedSelector {
        name: None,
        fields: vec![FieldSelector {
            field: "eventCategory".to_owned(),
            equals: vec!["Management".to_owned()],
            ..FieldSelector::default()
        }],
    }]);
    let put = mock!(Client::put_event_selectors)
        .match_requests(|request| {
            let [selector] = request.advanced_event_selectors() else { return false };
            let [field] = selector.field_selectors() else { return false };
            request.event_selectors().is_empty() && field.equals() == ["Management"] && field.not_equals.is_none()
        })
        .then_output(|| PutEventSelectorsOutput::builder().build());
    assert_eq!(trails(&[&put]).put_selectors(HERE, &advanced).await, Ok(()));
    let basic = Selectors::Basic(vec![BasicSelector {
        includes_management_events: true,
        read_write_type: "All".to_owned(),
        excluded_sources: Vec::new(),
        data_resources: vec![("AWS::S3::Object".to_owned(), vec!["arn:aws:s3".to_owned()])],
    }]);
    let put = mock!(Client::put_event_selectors)
        .match_requests(|request| {
            let [selector] = request.event_selectors() else { return false };
            selector.include_management_events() == Some(true)
                && selector.read_write_type() == Some(&ReadWriteType::All)
                && selector.exclude_management_event_sources.as_ref().is_some_and(Vec::is_empty)
                && selector.data_resources().len() == 1
        })
        .then_output(|| PutEventSelectorsOutput::builder().build());
    assert_eq!(trails(&[&put]).put_selectors(HERE, &basic).await, Ok(()));
}
