//! Systems Manager as AWS runs it, laid over the emulator: what Parameter Store refuses too little, and Change Calendars.
//!
//! Must not store parameters; the emulator does.

use jiff::Timestamp;
use serde_json::Value;

use super::answer::{Answer, Refusal};
use super::call::Call;
use super::caller::Caller;
use super::upstream::Incoming;
use super::{Proxy, locked};
use crate::error::LocalCloudError;

/// Largest value of a standard parameter, in bytes.
const STANDARD_VALUE_BYTES: usize = 4_096;

/// Largest page of `GetParametersByPath`.
const PAGE: u64 = 10;

impl Proxy {
    /// Answers a call of Systems Manager.
    pub(crate) async fn answer_ssm(&self, call: &Call, caller: &Caller, incoming: &Incoming) -> Result<Answer, LocalCloudError> {
        if let Some(refusal) = refusal(call) {
            return Ok(Answer::refused(call, &refusal));
        }
        let answer = self.upstream.forward(incoming).await?;
        if call.operation != "GetCalendarState" {
            return Ok(answer);
        }
        // The emulator knows no calendars, but it says first whether the caller may ask.
        match answer.error(call.protocol) {
            Some((code, _)) if code == "InvalidAction" => {}
            _ => return Ok(answer),
        }
        let state = locked(&self.calendars).state(&caller.account, &call.region, &call.input, Timestamp::now());
        Ok(state.map_or_else(|refusal| Answer::refused(call, &refusal), |state| Answer::said(call, &state)))
    }
}

/// What Parameter Store refuses and the emulator does not.
fn refusal(call: &Call) -> Option<Refusal> {
    let message = match call.operation.as_str() {
        "GetParametersByPath" if !call.text("Path").is_some_and(|path| path.starts_with('/')) => {
            "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\"."
        }
        "GetParametersByPath" if call.input.get("MaxResults").and_then(Value::as_u64).is_some_and(|size| !(1..=PAGE).contains(&size)) => {
            "1 validation error detected: Value at 'maxResults' failed to satisfy constraint: Member must be between 1 and 10"
        }
        "PutParameter" if is_too_long(call) => {
            "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, \
             upgrade the parameter to use the advanced-parameter tier."
        }
        _ => return None,
    };
    Some(Refusal::bad_request("ValidationException", message))
}

fn is_too_long(call: &Call) -> bool {
    let standard = call.text("Tier").is_none_or(|tier| tier == "Standard");
    standard && call.text("Value").is_some_and(|value| value.len() > STANDARD_VALUE_BYTES)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::call::Protocol;
    use super::*;

    #[test]
    fn parameter_store_refuses_what_it_documents() {
        let long = "x".repeat(STANDARD_VALUE_BYTES + 1);
        let table = [
            ("GetParametersByPath", json!({"Path": "/a/"}), false),
            ("GetParametersByPath", json!({"Path": "a"}), true),
            ("GetParametersByPath", json!({"Path": "/a", "MaxResults": 10}), false),
            ("GetParametersByPath", json!({"Path": "/a", "MaxResults": 11}), true),
            ("PutParameter", json!({"Name": "/a", "Value": "x"}), false),
            ("PutParameter", json!({"Name": "/a", "Value": long}), true),
            ("PutParameter", json!({"Name": "/a", "Value": long, "Tier": "Advanced"}), false),
            ("GetParameter", json!({"Name": "a"}), false),
        ];
        for (operation, input, expected) in table {
            let call = Call {
                service: "ssm".into(),
                operation: operation.into(),
                region: "us-east-1".into(),
                access_key_id: None,
                protocol: Protocol::Json11,
                input,
                user_agent: String::new(),
            };
            assert_eq!(refusal(&call).is_some(), expected, "{operation}");
        }
    }
}
