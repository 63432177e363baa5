//! Starting the sweep without waiting for its hour.

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// Invokes the sweep function as EventBridge Scheduler does, and returns its report.
///
/// # Errors
///
/// Fails when the function does.
pub async fn invoke(lambda: &aws_sdk_lambda::Client, region: &str, account: &str, function: &str, schedule: &str) -> Result<Value> {
    let now = jiff::Timestamp::now();
    let schedule = format!("arn:aws:scheduler:{region}:{account}:schedule/default/{schedule}");
    let envelope = json!({
        "version": "0", "id": format!("execution-{}", now.as_millisecond()), "detail-type": "Scheduled Event", "source": "aws.scheduler",
        "account": account, "time": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "region": region,
        "resources": [schedule], "detail": {"task": "sweep"},
    });
    let call = lambda.invoke().function_name(function).payload(serde_json::to_vec(&envelope)?.into());
    let answer = call.send().await.context("the sweep function cannot be invoked")?;
    let payload = answer.payload().map(|payload| String::from_utf8_lossy(payload.as_ref()).into_owned()).unwrap_or_default();
    if let Some(kind) = answer.function_error() {
        bail!("the sweep failed ({kind}): {payload}");
    }
    serde_json::from_str(&payload).with_context(|| format!("the sweep answered no JSON: {payload}"))
}
