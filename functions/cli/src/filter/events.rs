//! Reads the events that a filter is tried on: JSON in the forms in which CloudTrail records are kept. It interprets none of them.

use std::io::Read as _;

use anyhow::Context as _;
use serde_json::Value;

/// Reads all events of a file, or of standard input for `-`.
///
/// # Errors
/// When it cannot be read, is no JSON, or holds no event.
pub(super) fn read(file: &str) -> anyhow::Result<Vec<Value>> {
    let name = if file == "-" { "standard input".to_owned() } else { format!("`{file}`") };
    let mut bytes = Vec::new();
    if file == "-" {
        std::io::stdin().read_to_end(&mut bytes).context("standard input cannot be read")?;
    } else {
        bytes = std::fs::read(file).with_context(|| format!("{name} cannot be read"))?;
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        anyhow::bail!("{name} is compressed: unpack it first, for example with `gunzip -c FILE | reprieve filter test PATTERN --event -`");
    }
    let mut events = Vec::new();
    for value in serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>() {
        let value = value.with_context(|| format!("{name} is not JSON, nor JSON lines"))?;
        collect(value, &mut events).with_context(|| format!("{name} holds what is no event"))?;
    }
    anyhow::ensure!(!events.is_empty(), "{name} holds no event");
    Ok(events)
}

fn collect(value: Value, events: &mut Vec<Value>) -> anyhow::Result<()> {
    match value {
        Value::Array(items) => items.into_iter().try_for_each(|item| event(item, events)),
        Value::Object(mut fields) => match (fields.remove("Records"), fields.remove("Events")) {
            (Some(Value::Array(records)), _) => records.into_iter().try_for_each(|record| event(record, events)),
            (_, Some(Value::Array(found))) => found.into_iter().try_for_each(|found| looked_up(&found, events)),
            (records, found) => {
                let put_back =
                    [("Records", records), ("Events", found)].into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
                fields.extend(put_back);
                event(Value::Object(fields), events)
            }
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => event(value, events),
    }
}

fn event(value: Value, events: &mut Vec<Value>) -> anyhow::Result<()> {
    anyhow::ensure!(value.is_object(), "`{value}` is no JSON object, as a CloudTrail record is");
    events.push(value);
    Ok(())
}

/// `aws cloudtrail lookup-events` answers with the record as text.
fn looked_up(found: &Value, events: &mut Vec<Value>) -> anyhow::Result<()> {
    let text = found.get("CloudTrailEvent").and_then(Value::as_str).context("an item of `Events` has no `CloudTrailEvent`")?;
    event(serde_json::from_str(text).context("a `CloudTrailEvent` is not JSON")?, events)
}
