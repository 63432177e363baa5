//! `reprieve approval-key`: the public half of an approval key, as the functions are configured with it.

use std::io::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use crate::args::desk::ApprovalKeyArguments;
use crate::desk::name::SealingName;

#[derive(Debug, Serialize)]
struct Json {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
    /// The URL of the key in Key Vault, with its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    public_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    /// The entry of `REPRIEVE_APPROVAL_KEYS`.
    entry: String,
}

/// Prints the entry.
///
/// # Errors
/// When the key cannot be read, is of the wrong kind, or the two times are in the wrong order.
pub(crate) async fn run(arguments: &ApprovalKeyArguments) -> anyhow::Result<()> {
    let (from, until) = (arguments.from, arguments.until);
    if let (Some(from), Some(until)) = (from, until)
        && from >= until
    {
        anyhow::bail!(
            "--from is not before --until, `{from}` not before `{until}`: such a key would seal nothing; give them in their order"
        );
    }
    let id = arguments.key_id.as_deref();
    let json = match &arguments.key {
        SealingName::Kms(name) => {
            let key = crate::desk::open(&arguments.cloud).await?.sealing_key(name, id).await?;
            let entry = key.entry(from, until);
            Json { id: key.id, arn: Some(key.arn.to_string()), url: None, public_key: key.public_key, from, until, entry }
        }
        SealingName::KeyVault(name) => {
            let key = crate::desk::open_azure(&arguments.azure)?.sealing_key(name, id).await?;
            let entry = key.entry(from, until);
            Json { id: key.id, arn: None, url: Some(key.url.to_string()), public_key: key.public_key, from, until, entry }
        }
    };
    let mut out = anstream::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string(&json)?)?;
    } else {
        writeln!(out, "{}", json.entry)?;
    }
    Ok(())
}
