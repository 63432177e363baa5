//! Trails: looks at those that record here, makes one, gives back what it lacks. It has no call that deletes or stops a trail.
//!
//! What a trail is set to is asked of its home Region, and changed there, because only there `CloudTrail` takes changes and knows tags.

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::config::Region as SdkRegion;
use aws_sdk_cloudtrail::types::{
    AdvancedEventSelector, AdvancedFieldSelector, DataResource, EventSelector, ReadWriteType, Tag, Trail as SdkTrail,
};
use aws_types::SdkConfig;
use futures_util::{StreamExt as _, join, stream};
use reprieve_core::Region;
use reprieve_core::facts::Known;
use reprieve_core::monitoring::change::Feed;
use reprieve_core::monitoring::world::{AdvancedSelector, BasicSelector, FieldSelector, Place, Selectors, Trail};
use reprieve_core::monitoring::{MANAGED_BY, MANAGED_BY_TAG};
use reprieve_engine::CallError;

use crate::answer::{AT_ONCE, code_of, is_our_tag, is_ours, known, senseless, sorted, sorted_change};

const DESCRIBE: &str = "cloudtrail:DescribeTrails";
const CREATE: &str = "cloudtrail:CreateTrail";

/// The trails of an account, as they are seen from a Region.
#[derive(Debug, Clone)]
pub(crate) struct Trails {
    client: Client,
    place: Place,
}

/// A trail as it is listed, which says neither whether it records, nor what.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    arn: String,
    home_region: Region,
    settings: SdkTrail,
}

impl Listed {
    /// Returns the log group that it feeds, by ARN.
    pub(crate) fn log_group_arn(&self) -> Option<&str> {
        self.settings.cloud_watch_logs_log_group_arn().filter(|arn| !arn.is_empty())
    }
}

/// Whether a trail records, and what it was last refused.
#[derive(Debug, Default)]
struct Delivery {
    is_logging: bool,
    logs_error: Option<String>,
    files_error: Option<String>,
}

/// What a trail is made with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewTrail<'a> {
    pub(crate) name: &'a str,
    pub(crate) bucket: &'a str,
    pub(crate) prefix: Option<&'a str>,
    pub(crate) key_arn: Option<&'a str>,
    pub(crate) log_group_arn: &'a str,
    pub(crate) log_role_arn: &'a str,
}

/// What a trail is given back; what is `false` or absent stays as it is. An empty prefix takes the trail's off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lacking<'a> {
    pub(crate) multi_region: bool,
    pub(crate) global_services: bool,
    pub(crate) log_file_validation: bool,
    pub(crate) feeds: Option<&'a Feed>,
    pub(crate) bucket: Option<&'a str>,
    pub(crate) prefix: Option<&'a str>,
    pub(crate) key_arn: Option<&'a str>,
}

impl Trails {
    pub(crate) fn new(config: &SdkConfig, place: Place) -> Self {
        Self::over(Client::new(config), place)
    }

    pub(crate) const fn over(client: Client, place: Place) -> Self {
        Self { client, place }
    }

    /// Lists the trails that record here, shadows of trails of other Regions and of the organization included.
    pub(crate) async fn list(&self) -> Result<Vec<Listed>, CallError> {
        let answer = self.client.describe_trails().include_shadow_trails(true).send().await.map_err(sorted(DESCRIBE))?;
        answer.trail_list.unwrap_or_default().into_iter().map(listed).collect()
    }

    /// Looks at each trail that was listed. What cannot be read of one says so in its part.
    pub(crate) async fn look(&self, listed: Result<Vec<Listed>, CallError>) -> Known<Vec<Trail>> {
        match listed {
            // No trail at all is an empty list, never an error.
            Err(error) => Known::Unreadable(error.to_string()),
            Ok(listed) => Known::Is(stream::iter(listed).map(|trail| self.look_at(trail)).buffered(AT_ONCE).collect().await),
        }
    }

    async fn look_at(&self, Listed { arn, home_region, settings }: Listed) -> Trail {
        let client = self.client_in(&home_region);
        let (status, selectors, is_ours) = join!(status(&client, &arn), selectors(&client, &arn), self.is_ours(&client, &arn));
        let (is_logging, Delivery { logs_error, files_error, .. }) = match status {
            Ok(delivery) => (Known::Is(delivery.is_logging), delivery),
            Err(error) => (known(Err(error)), Delivery::default()),
        };
        let non_empty = |text: Option<String>| text.filter(|text| !text.is_empty());
        Trail {
            name: settings.name.unwrap_or_default(),
            home_region,
            is_multi_region: settings.is_multi_region_trail.unwrap_or(false),
            is_organization: settings.is_organization_trail.unwrap_or(false),
            includes_global_services: settings.include_global_service_events.unwrap_or(false),
            validates_log_files: settings.log_file_validation_enabled.unwrap_or(false),
            bucket: settings.s3_bucket_name.unwrap_or_default(),
            prefix: non_empty(settings.s3_key_prefix),
            key_arn: non_empty(settings.kms_key_id),
            log_group_arn: non_empty(settings.cloud_watch_logs_log_group_arn),
            log_role_arn: non_empty(settings.cloud_watch_logs_role_arn),
            is_logging,
            delivery_error: logs_error,
            file_delivery_error: files_error,
            selectors: known(selectors),
            is_ours,
            arn,
        }
    }

    /// Says whether a trail bears our tag. Another account's trail never does, and does not show its tags.
    async fn is_ours(&self, client: &Client, arn: &str) -> bool {
        let ours = arn.split(':').nth(4) == Some(self.place.account.as_str());
        ours && is_ours(arn, bears_our_tag(client, arn).await)
    }

    /// Makes a multi-Region trail that validates its log files and feeds a log group.
    pub(crate) async fn create(&self, trail: NewTrail<'_>) -> Result<(), CallError> {
        let tag = Tag::builder().key(MANAGED_BY_TAG).value(MANAGED_BY).build();
        let request = self
            .client
            .create_trail()
            .name(trail.name)
            .s3_bucket_name(trail.bucket)
            .set_s3_key_prefix(trail.prefix.map(str::to_owned))
            .set_kms_key_id(trail.key_arn.map(str::to_owned))
            .is_multi_region_trail(true)
            .include_global_service_events(true)
            .enable_log_file_validation(true)
            .cloud_watch_logs_log_group_arn(trail.log_group_arn)
            .cloud_watch_logs_role_arn(trail.log_role_arn)
            .tags_list(tag.map_err(|error| senseless(CREATE, error.to_string()))?);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if code_of(&error) == "TrailAlreadyExistsException" => self.is_the_same(trail).await,
            Err(error) => Err(sorted_change(CREATE)(error)),
        }
    }

    /// Says whether the trail of this name is the one that was to be made; an earlier attempt may have made it.
    async fn is_the_same(&self, wanted: NewTrail<'_>) -> Result<(), CallError> {
        let listed = self.list().await?;
        let there = listed.iter().find(|trail| trail.settings.name() == Some(wanted.name) && trail.home_region == self.place.region);
        let is_same = there.is_some_and(|trail| {
            trail.settings.s3_bucket_name() == Some(wanted.bucket)
                && trail.settings.s3_key_prefix().unwrap_or_default() == wanted.prefix.unwrap_or_default()
                && trail.settings.kms_key_id().unwrap_or_default() == wanted.key_arn.unwrap_or_default()
                && trail.settings.is_multi_region_trail() == Some(true)
                && trail.log_group_arn() == Some(wanted.log_group_arn)
        });
        let why = || format!("there is another trail of the name `{}`: give ours another name, or put that one right", wanted.name);
        if is_same { Ok(()) } else { Err(senseless(CREATE, why())) }
    }

    /// Gives a trail back what it lacks.
    pub(crate) async fn update(&self, trail: &str, lacking: Lacking<'_>) -> Result<(), CallError> {
        let on = |wanted: bool| wanted.then_some(true);
        self.client_of(trail)
            .update_trail()
            .name(trail)
            .set_is_multi_region_trail(on(lacking.multi_region))
            .set_include_global_service_events(on(lacking.global_services))
            .set_enable_log_file_validation(on(lacking.log_file_validation))
            .set_cloud_watch_logs_log_group_arn(lacking.feeds.map(|feed| feed.log_group_arn.clone()))
            .set_cloud_watch_logs_role_arn(lacking.feeds.map(|feed| feed.log_role_arn.clone()))
            .set_s3_bucket_name(lacking.bucket.map(str::to_owned))
            .set_s3_key_prefix(lacking.prefix.map(str::to_owned))
            .set_kms_key_id(lacking.key_arn.map(str::to_owned))
            .send()
            .await
            .map_err(sorted_change("cloudtrail:UpdateTrail"))?;
        Ok(())
    }

    /// Sets what a trail records.
    pub(crate) async fn put_selectors(&self, trail: &str, selectors: &Selectors) -> Result<(), CallError> {
        let call = "cloudtrail:PutEventSelectors";
        let request = self.client_of(trail).put_event_selectors().trail_name(trail);
        let request = match selectors {
            Selectors::Basic(selectors) => request.set_event_selectors(Some(selectors.iter().map(basic_for_sdk).collect())),
            Selectors::Advanced(selectors) => {
                let selectors: Result<Vec<_>, _> = selectors.iter().map(advanced_for_sdk).collect();
                request.set_advanced_event_selectors(Some(selectors.map_err(|why| senseless(call, why))?))
            }
        };
        request.send().await.map_err(sorted_change(call))?;
        Ok(())
    }

    /// Starts recording.
    pub(crate) async fn start(&self, trail: &str) -> Result<(), CallError> {
        self.client_of(trail).start_logging().name(trail).send().await.map_err(sorted_change("cloudtrail:StartLogging"))?;
        Ok(())
    }

    /// The client of a trail's home Region; that of this one where a name does not say any.
    fn client_of(&self, trail: &str) -> Client {
        match trail.split(':').nth(3).map(Region::parse) {
            Some(Ok(region)) => self.client_in(&region),
            Some(Err(_)) | None => self.client.clone(),
        }
    }

    fn client_in(&self, region: &Region) -> Client {
        if *region == self.place.region {
            return self.client.clone();
        }
        Client::from_conf(self.client.config().to_builder().region(SdkRegion::new(region.to_string())).build())
    }
}

fn listed(settings: SdkTrail) -> Result<Listed, CallError> {
    let arn = settings.trail_arn().ok_or_else(|| senseless(DESCRIBE, "a trail has no `TrailARN`"))?.to_owned();
    let home_region = settings.home_region().or_else(|| arn.split(':').nth(3)).unwrap_or_default();
    let home_region = Region::parse(home_region).map_err(|error| senseless(DESCRIBE, format!("the trail `{arn}`: {error}")))?;
    Ok(Listed { arn, home_region, settings })
}

async fn status(client: &Client, arn: &str) -> Result<Delivery, CallError> {
    let call = "cloudtrail:GetTrailStatus";
    let status = client.get_trail_status().name(arn).send().await.map_err(sorted(call))?;
    let is_logging = status.is_logging.ok_or_else(|| senseless(call, "the answer has no `IsLogging`"))?;
    let said = |error: Option<String>| error.filter(|error| !error.is_empty());
    let logs_error = said(status.latest_cloud_watch_logs_delivery_error);
    Ok(Delivery { is_logging, logs_error, files_error: said(status.latest_delivery_error) })
}

async fn selectors(client: &Client, arn: &str) -> Result<Selectors, CallError> {
    let answer = client.get_event_selectors().trail_name(arn).send().await.map_err(sorted("cloudtrail:GetEventSelectors"))?;
    let advanced = answer.advanced_event_selectors.unwrap_or_default();
    if advanced.is_empty() {
        return Ok(Selectors::Basic(answer.event_selectors.unwrap_or_default().into_iter().map(basic).collect()));
    }
    Ok(Selectors::Advanced(advanced.into_iter().map(advanced_selector).collect()))
}

async fn bears_our_tag(client: &Client, arn: &str) -> Result<bool, CallError> {
    let mut pages = client.list_tags().resource_id_list(arn).into_paginator().items().send();
    while let Some(resource) = pages.try_next().await.map_err(sorted("cloudtrail:ListTags"))? {
        if resource.tags_list().iter().any(|tag| is_our_tag(tag.key(), tag.value().unwrap_or_default())) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What is not said is `CloudTrail`'s default: management events, all of them.
fn basic(selector: EventSelector) -> BasicSelector {
    BasicSelector {
        includes_management_events: selector.include_management_events.unwrap_or(true),
        read_write_type: selector.read_write_type.unwrap_or(ReadWriteType::All).as_str().to_owned(),
        excluded_sources: selector.exclude_management_event_sources.unwrap_or_default(),
        data_resources: selector
            .data_resources
            .unwrap_or_default()
            .into_iter()
            .map(|resource| (resource.r#type.unwrap_or_default(), resource.values.unwrap_or_default()))
            .collect(),
    }
}

fn basic_for_sdk(selector: &BasicSelector) -> EventSelector {
    let resources =
        selector.data_resources.iter().map(|(kind, values)| DataResource::builder().r#type(kind).set_values(Some(values.clone())).build());
    EventSelector::builder()
        .include_management_events(selector.includes_management_events)
        .read_write_type(ReadWriteType::from(selector.read_write_type.as_str()))
        .set_exclude_management_event_sources(Some(selector.excluded_sources.clone()))
        .set_data_resources(Some(resources.collect()))
        .build()
}

fn advanced_selector(selector: AdvancedEventSelector) -> AdvancedSelector {
    let fields = selector.field_selectors.into_iter().map(|field| FieldSelector {
        field: field.field,
        equals: field.equals.unwrap_or_default(),
        starts_with: field.starts_with.unwrap_or_default(),
        ends_with: field.ends_with.unwrap_or_default(),
        not_equals: field.not_equals.unwrap_or_default(),
        not_starts_with: field.not_starts_with.unwrap_or_default(),
        not_ends_with: field.not_ends_with.unwrap_or_default(),
    });
    AdvancedSelector { name: selector.name.filter(|name| !name.is_empty()), fields: fields.collect() }
}

fn advanced_for_sdk(selector: &AdvancedSelector) -> Result<AdvancedEventSelector, String> {
    // CloudTrail refuses empty lists of values.
    let some = |values: &Vec<String>| (!values.is_empty()).then(|| values.clone());
    let fields: Result<Vec<_>, _> = selector
        .fields
        .iter()
        .map(|field| {
            AdvancedFieldSelector::builder()
                .field(&field.field)
                .set_equals(some(&field.equals))
                .set_starts_with(some(&field.starts_with))
                .set_ends_with(some(&field.ends_with))
                .set_not_equals(some(&field.not_equals))
                .set_not_starts_with(some(&field.not_starts_with))
                .set_not_ends_with(some(&field.not_ends_with))
                .build()
        })
        .collect();
    let fields = fields.map_err(|error| error.to_string())?;
    AdvancedEventSelector::builder()
        .set_name(selector.name.clone())
        .set_field_selectors(Some(fields))
        .build()
        .map_err(|error| error.to_string())
}

#[cfg(test)]
#[path = "trails_tests.rs"]
mod tests;
