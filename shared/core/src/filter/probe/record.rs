//! From the table of probes to CloudTrail records.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Caller, Effect, Outcome, Probe};
use crate::place::Place;

/// The account that is not the audited one.
const OTHER_ACCOUNT: &str = "444455556666";
/// In its place where the audited account is that one.
const YET_ANOTHER_ACCOUNT: &str = "777788889999";
/// Services whose events are of one Region: their records say `us-east-1` wherever the trail is.
const GLOBAL: [&str; 2] = ["iam.amazonaws.com", "organizations.amazonaws.com"];

/// `probes.json`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Table {
    calls: Vec<Group>,
    records: Vec<Whole>,
}

/// Events of one service that are alike.
#[derive(Debug, Deserialize)]
struct Group {
    source: String,
    effect: Effect,
    #[serde(default)]
    controls: Vec<u8>,
    #[serde(default)]
    form: Form,
    #[serde(default)]
    read_only: bool,
    events: BTreeMap<String, Row>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Form {
    /// Somebody called.
    #[default]
    Call,
    /// The service itself did it: nobody called, and nothing can be refused.
    ServiceEvent,
}

#[derive(Debug, Deserialize)]
struct Row {
    #[serde(default)]
    request: Value,
    #[serde(default)]
    response: Value,
    #[serde(default)]
    resources: Vec<String>,
    additional: Option<Value>,
    service_details: Option<Value>,
}

/// A record that is like no other.
#[derive(Debug, Deserialize)]
struct Whole {
    name: String,
    caller: Caller,
    outcome: Outcome,
    effect: Effect,
    controls: Vec<u8>,
    event: Value,
}

impl Table {
    /// The table is part of the program: a test reads it, so that what is empty here would be seen there.
    pub(super) fn read() -> Self {
        serde_json::from_str(include_str!("probes.json")).unwrap_or_default()
    }

    pub(super) fn probes(&self, place: &Place) -> Vec<Probe> {
        let home = Values::new(place, place.account.as_str());
        let other = if place.account.as_str() == OTHER_ACCOUNT { YET_ANOTHER_ACCOUNT } else { OTHER_ACCOUNT };
        let abroad = Values::new(place, other);
        let mut probes: Vec<Probe> = self.calls.iter().flat_map(|group| group.probes(&home, false)).collect();
        probes.extend(self.calls.iter().filter(|group| group.is_harmful()).flat_map(|group| group.probes(&abroad, true)));
        probes.extend(self.records.iter().map(|whole| whole.probe(&home)));
        probes
    }

    pub(super) fn harmful_in(&self, account: &str, place: &Place) -> Vec<Probe> {
        let abroad = Values::new(place, account);
        self.calls.iter().filter(|group| group.is_harmful()).flat_map(|group| group.probes(&abroad, true)).collect()
    }
}

impl Group {
    fn is_harmful(&self) -> bool {
        match self.effect {
            Effect::MakesKeyUnusable | Effect::BlindsMonitoring => true,
            Effect::Watched | Effect::Benign => false,
        }
    }

    fn probes(&self, values: &Values, of_other_account: bool) -> Vec<Probe> {
        let ways = self.ways(of_other_account);
        let of_event = |(name, row): (&String, &Row)| {
            let (name, row) = (name.clone(), row.filled(values));
            ways.iter()
                .map(move |(caller, outcome)| self.probe(&name, &row, *caller, *outcome, values, of_other_account))
                .collect::<Vec<_>>()
        };
        self.events.iter().flat_map(of_event).collect()
    }

    /// Who calls, and with what outcome. All of it for what harms; of the rest, each caller and each outcome once.
    fn ways(&self, of_other_account: bool) -> Vec<(Caller, Outcome)> {
        if self.form == Form::ServiceEvent {
            return vec![(Caller::Service, Outcome::Succeeded)];
        }
        if of_other_account {
            return Outcome::ALL.map(|outcome| (Caller::AssumedRole, outcome)).to_vec();
        }
        let all = Caller::ALL.into_iter().flat_map(|caller| Outcome::ALL.map(|outcome| (caller, outcome)));
        let is_star = |(caller, outcome): &(Caller, Outcome)| *caller == Caller::AssumedRole || *outcome == Outcome::Succeeded;
        all.filter(|way| self.is_harmful() || is_star(way)).collect()
    }

    fn probe(&self, name: &str, row: &Row, caller: Caller, outcome: Outcome, values: &Values, of_other_account: bool) -> Probe {
        let event = match self.form {
            Form::Call => self.call(name, row, caller, outcome, values),
            Form::ServiceEvent => self.service_event(name, row, values),
        };
        let (name, source, controls) = (name.to_owned(), self.source.clone(), self.controls.clone());
        Probe { name, source, effect: self.effect, controls, caller, outcome, of_other_account, event }
    }

    fn call(&self, name: &str, row: &Row, caller: Caller, outcome: Outcome, values: &Values) -> Value {
        let Calling { identity, address, agent } = values.calling(caller);
        let mut event = json!({
            "eventVersion": "1.11", "userIdentity": identity, "eventTime": "2026-11-20T10:15:00Z", "eventSource": self.source,
            "eventName": name, "awsRegion": values.region_of(&self.source), "sourceIPAddress": address, "userAgent": agent,
            "requestParameters": row.request, "responseElements": row.response,
            "requestID": "f1b5c0a2-9d8e-4f3a-b6c7-d8e9f0a1b2c3", "eventID": "5d2c2f55-3d1e-4336-b940-dbf8e66f588c",
            "readOnly": self.read_only, "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": values.account,
            "eventCategory": "Management",
        });
        if let (Some(event), Some(code)) = (event.as_object_mut(), outcome.error_code()) {
            let action = self.source.trim_end_matches(".amazonaws.com");
            let message = format!("User: {} is not authorized to perform: {action}:{name}", values.named(caller));
            event.insert("errorCode".to_owned(), json!(code));
            event.insert("errorMessage".to_owned(), json!(message));
            // A refused call's parameters are left out.
            event.insert("requestParameters".to_owned(), Value::Null);
            event.insert("responseElements".to_owned(), Value::Null);
        }
        row.add_to(&mut event, outcome == Outcome::Succeeded, values);
        event
    }

    /// Nobody called, so the identity is the account's alone: AWS KMS Developer Guide, examples of `DeleteKey` and others.
    fn service_event(&self, name: &str, row: &Row, values: &Values) -> Value {
        let mut event = json!({
            "eventVersion": "1.11", "userIdentity": {"accountId": values.account, "invokedBy": "AWS Internal"},
            "eventTime": "2026-11-20T10:15:00Z", "eventSource": self.source, "eventName": name, "awsRegion": values.region_of(&self.source),
            "sourceIPAddress": "AWS Internal", "userAgent": "AWS Internal", "requestParameters": null, "responseElements": null,
            "eventID": "c21f1f47-f52b-4ffe-bff0-6d994403cf40", "readOnly": false, "eventType": "AwsServiceEvent", "managementEvent": true,
            "recipientAccountId": values.account, "eventCategory": "Management",
        });
        row.add_to(&mut event, true, values);
        event
    }
}

impl Row {
    fn filled(&self, values: &Values) -> Self {
        Self {
            request: values.fill(&self.request),
            response: values.fill(&self.response),
            resources: self.resources.iter().map(|resource| values.fill_text(resource)).collect(),
            additional: self.additional.as_ref().map(|value| values.fill(value)),
            service_details: self.service_details.as_ref().map(|value| values.fill(value)),
        }
    }

    fn add_to(&self, event: &mut Value, succeeded: bool, values: &Values) {
        let Some(event) = event.as_object_mut() else { return };
        if !self.resources.is_empty() {
            let resource = |arn: &String| json!({"accountId": values.account, "type": "AWS::KMS::Key", "ARN": arn});
            event.insert("resources".to_owned(), self.resources.iter().map(resource).collect());
        }
        if let (Some(additional), true) = (&self.additional, succeeded) {
            event.insert("additionalEventData".to_owned(), additional.clone());
        }
        if let Some(details) = &self.service_details {
            event.insert("serviceEventDetails".to_owned(), details.clone());
        }
    }
}

impl Whole {
    fn probe(&self, values: &Values) -> Probe {
        let event = values.fill(&self.event);
        let source = event.get("eventSource").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Self { name, caller, outcome, effect, controls, .. } = self;
        let (name, controls) = (name.clone(), controls.clone());
        Probe { name, source, effect: *effect, controls, caller: *caller, outcome: *outcome, of_other_account: false, event }
    }
}

/// What is filled in.
struct Values<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
}

/// How a record shows a caller.
struct Calling {
    identity: Value,
    address: &'static str,
    agent: &'static str,
}

impl<'a> Values<'a> {
    fn new(place: &'a Place, account: &'a str) -> Self {
        Self { partition: place.partition.as_str(), region: place.region.as_str(), account }
    }

    fn region_of(&self, source: &str) -> &str {
        if self.partition == "aws" && GLOBAL.contains(&source) { "us-east-1" } else { self.region }
    }

    fn calling(&self, caller: Caller) -> Calling {
        let Self { partition, account, .. } = self;
        let arn = self.named(caller);
        let session = json!({"creationDate": "2026-11-20T10:00:00Z", "mfaAuthenticated": "true"});
        let identity = match caller {
            Caller::Root => json!({"type": "Root", "principalId": account, "arn": arn, "accountId": account,
                "accessKeyId": "ASIAIOSFODNN7EXAMPLE", "sessionContext": {"attributes": session}}),
            Caller::IamUser => json!({"type": "IAMUser", "principalId": "AIDACKCEVSQ6C2EXAMPLE", "arn": arn, "accountId": account,
                "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "userName": "alice"}),
            Caller::AssumedRole => json!({"type": "AssumedRole", "principalId": "AROACKCEVSQ6C2EXAMPLE:alice", "arn": arn,
                "accountId": account, "accessKeyId": "ASIAIOSFODNN7EXAMPLE", "sessionContext": {"sessionIssuer": {"type": "Role",
                "principalId": "AROACKCEVSQ6C2EXAMPLE", "arn": format!("arn:{partition}:iam::{account}:role/Admin"), "accountId": account,
                "userName": "Admin"}, "attributes": session}}),
            Caller::IdentityCenterUser => {
                let store = format!("arn:{partition}:identitystore::{account}:identitystore/d-9067642ac7");
                let user = json!({"userId": "94482488-3041-7050-e6d1-5f3a0d7f6a4b", "identityStoreArn": store});
                json!({"type": "IdentityCenterUser", "accountId": account, "onBehalfOf": user, "credentialId": "VP3LExampleCredential"})
            }
            Caller::Service => {
                let service = "cloudformation.amazonaws.com";
                return Calling { identity: json!({"type": "AWSService", "invokedBy": service}), address: service, agent: service };
            }
        };
        Calling { identity, address: "198.51.100.7", agent: "aws-cli/2.31.0" }
    }

    /// Returns the ARN of a caller, or what stands for it.
    fn named(&self, caller: Caller) -> String {
        let Self { partition, account, .. } = self;
        match caller {
            Caller::Root => format!("arn:{partition}:iam::{account}:root"),
            Caller::IamUser => format!("arn:{partition}:iam::{account}:user/alice"),
            Caller::AssumedRole => format!("arn:{partition}:sts::{account}:assumed-role/Admin/alice"),
            Caller::IdentityCenterUser => "anonymous".to_owned(),
            Caller::Service => "cloudformation.amazonaws.com".to_owned(),
        }
    }

    fn fill(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill_text(text)),
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(fields) => {
                Value::Object(fields.iter().map(|(name, value)| (name.clone(), self.fill(value))).collect::<Map<_, _>>())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn fill_text(&self, text: &str) -> String {
        text.replace("{partition}", self.partition).replace("{region}", self.region).replace("{account}", self.account)
    }
}
