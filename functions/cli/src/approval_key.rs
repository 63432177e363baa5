//! `reprieve approval-key`: the public half of an approval key, as the functions are configured with it.

use std::io::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use crate::args::desk::ApprovalKeyArguments;

#[derive(Debug, Serialize)]
struct Json<'a> {
    id: &'a str,
    arn: &'a str,
    public_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    /// The entry of `REPRIEVE_APPROVAL_KEYS`.
    entry: &'a str,
}

/// Prints the entry.
///
/// # Errors
/// When the key cannot be read, is of the wrong kind, or the two times are in the wrong order.
pub(crate) async fn run(arguments: &ApprovalKeyArguments) -> anyhow::Result<()> {
    let (from, until) = (arguments.from, arguments.until);
    anyhow::ensure!(
        from.zip(until).is_none_or(|(from, until)| from < until),
        "--from is not before --until: such a key would seal nothing"
    );
    let key = crate::desk::open(&arguments.cloud).await?.sealing_key(&arguments.key, arguments.key_id.as_deref()).await?;
    let entry = key.entry(from, until);
    let mut out = anstream::stdout().lock();
    if arguments.json {
        let json = Json { id: &key.id, arn: key.arn.as_str(), public_key: &key.public_key, from, until, entry: &entry };
        writeln!(out, "{}", serde_json::to_string(&json)?)?;
    } else {
        writeln!(out, "{entry}")?;
    }
    Ok(())
}
