//! Events of Event Grid as the resource manager publishes them, in both schemas.
//!
//! Must not decide who hears of an event. Source: Azure subscription as an Event Grid source.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::request::Caller;
use crate::tenant::{ArmWrite, WriteKind};

/// How `authorization`, `claims` and `httpRequest` are written: the service has done all three.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DataForm {
    /// As objects.
    #[default]
    Objects,
    /// As text that is JSON.
    JsonText,
    /// As text that is not JSON.
    OtherText,
}

/// How a subscription wants its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    EventGrid,
    CloudEvents,
}

/// One event.
#[derive(Debug, Clone)]
pub(super) struct GridEvent {
    pub(super) id: String,
    pub(super) subject: String,
    pub(super) event_type: String,
    pub(super) time: String,
    pub(super) data: Value,
}

impl GridEvent {
    /// Returns the event that a write on ARM makes.
    pub(super) fn of(write: &ArmWrite, form: DataForm) -> Self {
        let is_success = write.status_code < 400;
        let kind = match write.kind {
            WriteKind::Write => "Write",
            WriteKind::Delete => "Delete",
            WriteKind::Action => "Action",
        };
        let outcome = if is_success { "Success" } else { "Failure" };
        let provider = write.operation.split('/').next().unwrap_or_default();
        let data = json!({
            "authorization": formed(authorization(write), form),
            "claims": formed(claims(&write.caller, write.at), form),
            "correlationId": write.correlation_id,
            "httpRequest": formed(http_request(write), form),
            "resourceProvider": provider,
            "resourceUri": write.resource_id,
            "operationName": write.operation,
            "status": if is_success { "Succeeded" } else { "Failed" },
            "subscriptionId": write.subscription,
            "tenantId": write.caller.tenant_id,
        });
        Self {
            id: Uuid::new_v4().to_string(),
            subject: write.resource_id.clone(),
            event_type: format!("Microsoft.Resources.Resource{kind}{outcome}"),
            time: seven_digits(write.at),
            data,
        }
    }

    /// Writes the event in the schema of a subscription to `topic`.
    pub(super) fn written(&self, schema: Schema, topic: &str) -> Value {
        match schema {
            Schema::EventGrid => json!({
                "id": self.id,
                "topic": topic,
                "subject": self.subject,
                "eventType": self.event_type,
                "eventTime": self.time,
                "data": self.data,
                "dataVersion": "2",
                "metadataVersion": "1",
            }),
            Schema::CloudEvents => json!({
                "id": self.id,
                "source": topic,
                "subject": self.subject,
                "type": self.event_type,
                "time": self.time,
                "data": self.data,
                "specversion": "1.0",
            }),
        }
    }
}

/// Writes a time as Azure does: UTC with seven digits after the point.
pub(super) fn seven_digits(at: Timestamp) -> String {
    let hundreds_of_nanoseconds = at.subsec_nanosecond().max(0) / 100;
    format!("{}.{hundreds_of_nanoseconds:07}Z", at.strftime("%Y-%m-%dT%H:%M:%S"))
}

fn formed(value: Value, form: DataForm) -> Value {
    match form {
        DataForm::Objects => value,
        DataForm::JsonText => Value::String(value.to_string()),
        // What a value without a converter is written as.
        DataForm::OtherText => Value::String("System.Collections.Generic.Dictionary`2[System.String,System.String]".to_owned()),
    }
}

fn authorization(write: &ArmWrite) -> Value {
    let evidence = match write.caller.upn {
        Some(_) => json!({ "role": "Subscription Admin" }),
        None => json!({
            "role": "Contributor",
            "roleAssignmentScope": format!("/subscriptions/{}", write.subscription),
            "principalId": write.caller.object_id.replace('-', ""),
            "principalType": "ServicePrincipal",
        }),
    };
    json!({ "scope": write.resource_id, "action": write.operation, "evidence": evidence })
}

fn claims(caller: &Caller, at: Timestamp) -> Value {
    let issued = at.as_second();
    let mut claims = json!({
        "aud": "https://management.core.windows.net/",
        "iss": format!("https://sts.windows.net/{}/", caller.tenant_id),
        "iat": issued.to_string(),
        "nbf": issued.to_string(),
        "exp": (issued + 3_600).to_string(),
        "ipaddr": caller.ip,
        "http://schemas.microsoft.com/identity/claims/objectidentifier": caller.object_id,
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier": caller.object_id,
        "http://schemas.microsoft.com/identity/claims/tenantid": caller.tenant_id,
        "ver": "1.0",
    });
    let Some(fields) = claims.as_object_mut() else {
        return claims;
    };
    if let Some(app_id) = &caller.app_id {
        fields.insert("appid".to_owned(), json!(app_id));
        fields.insert("appidacr".to_owned(), json!(if caller.upn.is_some() { "0" } else { "2" }));
    }
    if let Some(upn) = &caller.upn {
        fields.insert("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn".to_owned(), json!(upn));
        fields.insert("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name".to_owned(), json!(upn));
        fields.insert("http://schemas.microsoft.com/identity/claims/scope".to_owned(), json!("user_impersonation"));
    } else {
        let provider = format!("https://sts.windows.net/{}/", caller.tenant_id);
        fields.insert("http://schemas.microsoft.com/identity/claims/identityprovider".to_owned(), json!(provider));
    }
    claims
}

fn http_request(write: &ArmWrite) -> Value {
    json!({
        "clientRequestId": write.correlation_id,
        "clientIpAddress": write.caller.ip,
        "method": write.method,
        "url": write.url,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(upn: Option<&str>, status_code: u16) -> ArmWrite {
        ArmWrite {
            subscription: "s".to_owned(),
            resource_id: "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v".to_owned(),
            operation: "Microsoft.KeyVault/vaults/delete".to_owned(),
            kind: WriteKind::Delete,
            status_code,
            caller: Caller {
                object_id: "o".to_owned(),
                app_id: Some("a".to_owned()),
                upn: upn.map(str::to_owned),
                tenant_id: "t".to_owned(),
                ip: "127.0.0.1".to_owned(),
            },
            correlation_id: "c".to_owned(),
            at: Timestamp::new(1_700_000_000, 123_456_789).unwrap_or_default(),
            method: "DELETE".to_owned(),
            url: "https://management.azure.com/v".to_owned(),
        }
    }

    #[test]
    fn times_have_seven_digits() {
        assert_eq!(seven_digits(write(None, 200).at), "2023-11-14T22:13:20.1234567Z");
    }

    #[test]
    fn a_refused_write_is_a_failure() {
        assert_eq!(GridEvent::of(&write(None, 200), DataForm::Objects).event_type, "Microsoft.Resources.ResourceDeleteSuccess");
        assert_eq!(GridEvent::of(&write(None, 403), DataForm::Objects).event_type, "Microsoft.Resources.ResourceDeleteFailure");
    }

    #[test]
    fn claims_name_a_user_by_upn_and_an_application_without() {
        let upn = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";
        let user = GridEvent::of(&write(Some("eve@contoso.example"), 200), DataForm::Objects);
        assert_eq!(user.data.get("claims").and_then(|claims| claims.get(upn)), Some(&json!("eve@contoso.example")));
        let application = GridEvent::of(&write(None, 200), DataForm::Objects);
        assert_eq!(application.data.get("claims").and_then(|claims| claims.get(upn)), None);
    }

    #[test]
    fn claims_can_be_text() {
        let event = GridEvent::of(&write(None, 200), DataForm::JsonText);
        let text = event.data.get("claims").and_then(Value::as_str).unwrap_or_default();
        assert!(serde_json::from_str::<Value>(text).is_ok_and(|claims| claims.is_object()), "{text}");
    }

    #[test]
    fn both_schemas_carry_the_same_event() {
        let event = GridEvent::of(&write(None, 200), DataForm::Objects);
        let grid = event.written(Schema::EventGrid, "/subscriptions/s");
        let cloud = event.written(Schema::CloudEvents, "/subscriptions/s");
        for (grid_key, cloud_key) in
            [("id", "id"), ("topic", "source"), ("eventType", "type"), ("eventTime", "time"), ("subject", "subject"), ("data", "data")]
        {
            assert_eq!(grid.get(grid_key), cloud.get(cloud_key), "{grid_key}");
        }
        assert_eq!(cloud.get("specversion"), Some(&json!("1.0")));
    }
}
