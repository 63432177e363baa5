//! What a call was about, by its full id, and which version of it.
//!
//! An ARN that the record holds is taken before one that is put together; a name that cannot be completed is kept as it is written.

use reprieve_core::audit::{Asset, AssetKind};
use reprieve_core::{Event, Target};
use serde_json::Value;

use super::{Parts, Service, text};
use crate::fields::{Fields, Oddities};

/// The longest id of several things that is kept, in characters.
const LONGEST_ID_CHARACTERS: usize = 2048;

/// Returns what the call was about; `None` where it names nothing, as a list or `GenerateRandom`.
pub(super) fn of(service: Service, event: &Event, parts: &Parts<'_>) -> Option<Asset> {
    let call = Call { event, parts };
    let (kind, id, version) = match service {
        Service::Kms => return call.key(),
        Service::Secrets => (AssetKind::Secret, call.secret()?, call.secret_version()),
        Service::Parameters => (AssetKind::Parameter, call.parameter()?, call.parameter_version()),
        Service::Hsm => (AssetKind::KeyStore, call.hsm()?, None),
        Service::Certificates => (AssetKind::Certificate, call.first(&["certificateArn", "resourceArn"])?, None),
        Service::Authorities => (AssetKind::Certificate, call.first(&["certificateAuthorityArn", "certificateArn", "resourceArn"])?, None),
        Service::Buckets => (AssetKind::Storage, call.bucket()?, text(&parts.request, "versionId")),
        Service::Trails => (AssetKind::AuditLog, call.trail()?, None),
        Service::Logs => return call.log_group(),
        Service::Alarms => (AssetKind::Alert, call.alarm()?, None),
        Service::Topics => (AssetKind::Alert, call.topic()?, None),
        Service::Rules => (AssetKind::Alert, call.rule()?, None),
        // Every key of it is meant, and none is named.
        Service::Regions => return None,
    };
    Some(Asset { kind, id: shortened(id), version })
}

struct Call<'a> {
    event: &'a Event,
    parts: &'a Parts<'a>,
}

impl Call<'_> {
    /// The first of these fields that the answer or the request has.
    fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| text(&self.parts.response, name).or_else(|| text(&self.parts.request, name)))
    }

    /// Every ARN under `resources` that has this in it.
    fn listed(&self, part: &str) -> Vec<String> {
        let items = self.parts.record.value("resources", &mut Oddities::default()).and_then(Value::as_array);
        let arn = |item: &Value| ["ARN", "arn", "ARNPrefix"].iter().find_map(|name| item.get(*name)?.as_str().map(ToOwned::to_owned));
        items.into_iter().flatten().filter_map(arn).filter(|arn| arn.contains(part)).collect()
    }

    /// Puts an ARN together, where the record says whose and where it is; else the name as it is written.
    fn arn(&self, service: &str, resource: &str, name: &str) -> String {
        let is_arn = name.starts_with("arn:");
        let partition = self.event.actor.arn.as_deref().and_then(|arn| arn.strip_prefix("arn:")?.split(':').next());
        match (&self.event.region, &self.event.account) {
            (Some(region), Some(account)) if !is_arn => {
                let partition = partition.map_or_else(|| region.partition().to_string(), ToOwned::to_owned);
                format!("arn:{partition}:{service}:{region}:{account}:{resource}{name}")
            }
            (Some(_) | None, Some(_) | None) => name.to_owned(),
        }
    }

    fn key(&self) -> Option<Asset> {
        let names_an_alias = self.event.name.ends_with("Alias");
        if names_an_alias && let Some(alias) = self.alias() {
            return Some(Asset { kind: AssetKind::KeyAlias, id: alias, version: None });
        }
        let (kind, id) = match &self.event.target {
            Target::Key(key) => (AssetKind::Key, key.as_str().to_owned()),
            Target::KeyStore(id) => (AssetKind::KeyStore, id.clone()),
            Target::Named(name) if self.event.name.contains("CustomKeyStore") => (AssetKind::KeyStore, name.clone()),
            Target::Named(name) if name.contains(":alias/") => (AssetKind::KeyAlias, name.clone()),
            Target::Named(name) if name.starts_with("alias/") => (AssetKind::KeyAlias, self.arn("kms", "", name)),
            Target::Named(name) => (AssetKind::Key, name.clone()),
            Target::Azure(_) | Target::Google(_) | Target::Unnamed => return None,
        };
        let version = if kind == AssetKind::Key { self.key_material() } else { None };
        Some(Asset { kind, id: shortened(id), version })
    }

    fn alias(&self) -> Option<String> {
        let listed = self.listed(":alias/").into_iter().next();
        listed.or_else(|| text(&self.parts.request, "aliasName").map(|name| self.arn("kms", "", &name)))
    }

    /// Which key material was used, made or deleted: newer records say so. Of a re-encryption, that of the key that is the target.
    fn key_material(&self) -> Option<String> {
        let parts = self.parts;
        let source = text(&parts.request, "sourceKeyId");
        let is_source = source.is_some_and(|id| self.event.target.key().is_some_and(|key| id == key.as_str() || id == key.key_id()));
        let of_reencryption = if is_source { "sourceKeyMaterialId" } else { "destinationKeyMaterialId" };
        let places = [
            (&parts.response, "keyMaterialId"),
            (&parts.additional, "keyMaterialId"),
            (&parts.additional, of_reencryption),
            (&parts.details, "currentKeyMaterialId"),
            (&parts.details, "keyMaterialId"),
            (&parts.request, "keyMaterialId"),
        ];
        let metadata = parts.response.object("keyMetadata", &mut Oddities::default());
        places.iter().find_map(|(fields, name)| text(fields, name)).or_else(|| text(&metadata, "currentKeyMaterialId"))
    }

    /// A secret's name without the end that makes its ARN cannot be completed.
    fn secret(&self) -> Option<String> {
        let parts = self.parts;
        let named = [
            text(&parts.response, "arn"),
            text(&parts.additional, "arn"),
            text(&parts.additional, "secretId"),
            text(&parts.details, "secretId"),
            text(&parts.details, "arn"),
            self.listed(":secret:").into_iter().next(),
            text(&parts.request, "secretId"),
            texts(&parts.request, "secretIdList"),
        ];
        let arn = named.iter().flatten().find(|name| name.starts_with("arn:")).cloned();
        let created = || (self.event.name == "CreateSecret").then(|| text(&parts.request, "name"))?;
        arn.or_else(|| named.into_iter().flatten().next()).or_else(created)
    }

    fn secret_version(&self) -> Option<String> {
        let parts = self.parts;
        let fields = [&parts.response, &parts.additional, &parts.details, &parts.request];
        let named = fields.iter().find_map(|fields| text(fields, "versionId").or_else(|| text(fields, "secretVersionId")));
        // "This value becomes the VersionId of the new version":
        // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
        let makes_one = matches!(self.event.name.as_str(), "CreateSecret" | "PutSecretValue" | "RotateSecret");
        let token = || text(&parts.request, "clientRequestToken").filter(|token| makes_one && is_uuid(token));
        named.or_else(token)
    }

    fn parameter(&self) -> Option<String> {
        let listed = self.listed(":parameter");
        if !listed.is_empty() {
            return Some(listed.join(", "));
        }
        let request = &self.parts.request;
        let names = text(request, "name")
            .map(|name| vec![name])
            .or_else(|| request.texts("names", &mut Oddities::default()))
            .or_else(|| ["path", "resourceId", "resourceArn"].iter().find_map(|field| text(request, field)).map(|name| vec![name]))?;
        let arn = |name: &String| {
            let (name, _) = without_selector(name);
            let separator = if name.starts_with('/') { "" } else { "/" };
            self.arn("ssm", &format!("parameter{separator}"), name)
        };
        Some(names.iter().map(arn).collect::<Vec<_>>().join(", "))
    }

    fn parameter_version(&self) -> Option<String> {
        let asked = || text(&self.parts.request, "name").and_then(|name| without_selector(&name).1.map(ToOwned::to_owned));
        text(&self.parts.response, "version").or_else(|| text(&self.parts.request, "parameterVersion")).or_else(asked)
    }

    fn hsm(&self) -> Option<String> {
        let inside = |part: &str, name: &str| text(&self.parts.response.object(part, &mut Oddities::default()), name);
        let backup = text(&self.parts.request, "backupId").or_else(|| inside("backup", "backupId"));
        if let Some(backup) = backup {
            return Some(self.arn("cloudhsm", "backup/", &backup));
        }
        let cluster = text(&self.parts.request, "clusterId")
            .or_else(|| inside("cluster", "clusterId"))
            .or_else(|| inside("hsm", "clusterId"))
            .or_else(|| text(&self.parts.request, "resourceId"));
        let other = || ["resourceArn", "hsmId"].iter().find_map(|name| text(&self.parts.request, name));
        cluster.map(|id| self.arn("cloudhsm", "cluster/", &id)).or_else(other)
    }

    fn bucket(&self) -> Option<String> {
        let bucket = text(&self.parts.request, "bucketName")?;
        let region = self.event.region.as_ref();
        let partition = region.map_or_else(|| "aws".to_owned(), |region| region.partition().to_string());
        let object = text(&self.parts.request, "key").map_or_else(String::new, |key| format!("/{key}"));
        Some(format!("arn:{partition}:s3:::{bucket}{object}"))
    }

    fn trail(&self) -> Option<String> {
        let store = |id: String| self.arn("cloudtrail", "eventdatastore/", &id);
        let trail = |name: String| self.arn("cloudtrail", "trail/", &name);
        let request = &self.parts.request;
        let named = self.first(&["trailARN", "eventDataStoreArn", "channelArn"]).or_else(|| text(request, "trailName").map(trail));
        let of_trail = !["Channel", "EventDataStore", "Dashboard"].iter().any(|other| self.event.name.contains(other));
        named
            .or_else(|| text(request, "eventDataStore").map(store))
            .or_else(|| text(request, "name").map(|name| if of_trail { trail(name) } else { name }))
            .or_else(|| ["channel", "resourceArn", "resourceId"].iter().find_map(|name| text(request, name)))
            .or_else(|| texts(request, "resourceIdList"))
            .or_else(|| {
                request
                    .texts("trailNameList", &mut Oddities::default())
                    .map(|names| names.into_iter().map(trail).collect::<Vec<_>>().join(", "))
            })
            .or_else(|| self.listed(":cloudtrail:").into_iter().next())
    }

    /// A filter is told by its name; a group by its ARN.
    fn log_group(&self) -> Option<Asset> {
        let request = &self.parts.request;
        let filter = text(request, "filterName");
        let kind = if filter.is_some() { AssetKind::Alert } else { AssetKind::Storage };
        let group = text(request, "logGroupName").or_else(|| text(request, "logGroupIdentifier"));
        let id = filter
            .or_else(|| group.map(|name| self.arn("logs", "log-group:", &name)))
            .or_else(|| ["resourceIdentifier", "resourceArn", "policyName"].iter().find_map(|name| text(request, name)))?;
        Some(Asset { kind, id: shortened(id), version: None })
    }

    fn alarm(&self) -> Option<String> {
        let request = &self.parts.request;
        let alarm = |name: String| self.arn("cloudwatch", "alarm:", &name);
        let several = || request.texts("alarmNames", &mut Oddities::default());
        let names = text(request, "alarmName").map(|name| vec![name]).or_else(several);
        let joined = names.map(|names| names.into_iter().map(alarm).collect::<Vec<_>>().join(", "));
        joined.or_else(|| text(request, "resourceARN"))
    }

    /// A subscription's ARN is its topic's, with an id behind it.
    fn topic(&self) -> Option<String> {
        let of_subscription = || {
            let arn = text(&self.parts.request, "subscriptionArn")?;
            let is_subscription = arn.split(':').count() == 7;
            Some(if is_subscription { arn.rsplit_once(':').map_or(arn.clone(), |(topic, _)| topic.to_owned()) } else { arn })
        };
        let named = || text(&self.parts.request, "name").map(|name| self.arn("sns", "", &name));
        self.first(&["topicArn"]).or_else(of_subscription).or_else(|| text(&self.parts.request, "resourceArn")).or_else(named)
    }

    fn rule(&self) -> Option<String> {
        let request = &self.parts.request;
        let bus = text(request, "eventBusName").map(|bus| bus.rsplit('/').next().unwrap_or_default().to_owned());
        let resource = match bus.as_deref() {
            None | Some("default" | "") => "rule/".to_owned(),
            Some(bus) => format!("rule/{bus}/"),
        };
        let named = || text(request, "name").or_else(|| text(request, "rule")).map(|name| self.arn("events", &resource, &name));
        text(&self.parts.response, "ruleArn").or_else(named).or_else(|| text(request, "resourceARN"))
    }
}

fn texts(fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.texts(name, &mut Oddities::default()).map(|texts| texts.join(", "))
}

/// `NAME:3` and `NAME:label` ask for one version of a parameter.
fn without_selector(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((name, selector)) if !name.starts_with("arn:") => (name, Some(selector)),
        Some(_) | None => (name, None),
    }
}

fn is_uuid(text: &str) -> bool {
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn shortened(id: String) -> String {
    if id.chars().count() <= LONGEST_ID_CHARACTERS {
        id
    } else {
        format!("{}…", id.chars().take(LONGEST_ID_CHARACTERS).collect::<String>())
    }
}
