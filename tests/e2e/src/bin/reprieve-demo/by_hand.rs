//! What the demo says and does for those who play by hand.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Subcommand;
use owo_colors::OwoColorize as _;
use reprieve_e2e::by_hand::{self, FOLDER_VARIABLE, Handout, Operation};
use reprieve_e2e::stage::Stage;

use crate::screen::say;

/// The calls that stand in for the AWS CLI, against a stage that another process keeps.
#[derive(Debug, Subcommand)]
pub(crate) enum ByHand {
    /// Calls KMS in a person's name, and waits for the guard's answer: act pat schedule-key-deletion KEY
    Act {
        /// Who: pat, mallory, alice, sam, cora, oscar or rosa.
        person: String,
        /// What.
        #[arg(value_enum)]
        operation: Operation,
        /// The key, as id or ARN.
        key: String,
    },
    /// Starts the sweep at once
    Sweep,
    /// Prints what CloudTrail knows of a key, as `aws cloudtrail lookup-events` does
    Events {
        /// The key, as ARN.
        key: String,
    },
    /// Prints the state and tags of a key, for `reprieve explain --facts`
    Facts {
        /// The key, as id or ARN.
        key: String,
    },
}

/// Does one of the calls.
pub(crate) async fn call(what: &ByHand) -> Result<()> {
    let folder = folder();
    match what {
        ByHand::Act { person, operation, key } => {
            let act = by_hand::act(&folder, person, *operation, key).await?;
            say(&format!("{} {}", format!("{person}$").bold(), act.command))?;
            say(&format!("KMS:   {}", act.state))?;
            if let Some((sentence, state)) = act.answer {
                say(&format!("Guard: {sentence}"))?;
                say(&format!("Key:   {}", state.bold()))?;
            }
            Ok(())
        }
        ByHand::Sweep => say(&by_hand::sweep(&folder).await?.to_string()),
        ByHand::Events { key } => say(&format!("{:#}", by_hand::events(&folder, key).await?)),
        ByHand::Facts { key } => say(&format!("{:#}", by_hand::facts(&folder, key).await?)),
    }
}

/// Returns the folder of the handout.
fn folder() -> PathBuf {
    std::env::var_os(FOLDER_VARIABLE).filter(|given| !given.is_empty()).map_or_else(by_hand::default_folder, PathBuf::from)
}

/// Writes the files for people who play by hand, and says what to do with them.
pub(crate) async fn hand_out(stage: &Stage) -> Result<PathBuf> {
    let folder = by_hand::default_folder();
    let this = std::env::current_exe().context("cannot tell where this program is")?;
    Handout::write(stage, &folder, this.parent().unwrap_or(&this)).await?;
    say("")?;
    say(&"Approve and delete by hand, in another terminal (shared/docs/approvals.md goes on from here):".bold().to_string())?;
    let people = stage.people.named().map(|person| person.name).join(", ");
    let shown = shown(&folder);
    for (what, line) in [
        ("keys to play with: $payments, $sessions, $cards (env=prod), $pilot", format!(". {shown}/keys.env")),
        (&*format!("be somebody: {people}"), format!(". {shown}/people/alice.env")),
        ("approve", r#"reprieve approve "$payments" --action delete --change CHG-1 --window "2h from $(date -u +%FT%H:00Z)""#.to_owned()),
        ("delete, in somebody else's name", r#"reprieve-demo act pat schedule-key-deletion "$payments""#.to_owned()),
        ("what is approved", r#"reprieve approvals "$payments""#.to_owned()),
    ] {
        say(&format!("  {}", format!("# {what}").dimmed()))?;
        say(&format!("  {line}"))?;
    }
    Ok(folder)
}

/// Returns the folder as it is called from here, where that is shorter.
fn shown(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).ok();
    here.and_then(|here| folder.strip_prefix(here).ok()).unwrap_or(&folder).display().to_string()
}

/// Says how to play with the AWS CLI.
pub(crate) fn show_how_to_play(stage: &Stage) -> Result<()> {
    say("")?;
    say(&"Or with the AWS CLI, as the account's root user:".bold().to_string())?;
    let environment = stage.cloud.client_environment();
    for (name, value) in &environment {
        say(&format!("  export {name}={value}"))?;
    }
    // Version 1 of the command line reads this one.
    if let Some((_, region)) = environment.iter().find(|(name, _)| *name == "AWS_REGION") {
        say(&format!("  export AWS_DEFAULT_REGION={region}"))?;
    }
    let (bucket, table) = (stage.audit.name(), stage.outputs.named("LedgerTableName")?);
    for (what, line) in [
        ("make a key, and schedule its deletion", "key=$(aws kms create-key --query KeyMetadata.Arn --output text)".to_owned()),
        ("", "aws kms schedule-key-deletion --key-id $key --pending-window-in-days 7".to_owned()),
        ("a moment later it is back", "aws kms describe-key --key-id $key --query KeyMetadata.KeyState --output text".to_owned()),
        ("what the guard wrote down of it", format!("aws s3 cp --quiet --recursive s3://{bucket}/audit/decisions/ /tmp/reprieve-records")),
        ("", "grep -rhoE '\"message\":\"[^\"]*\"' /tmp/reprieve-records | grep ${key##*/}".to_owned()),
        ("nobody can delete it", format!("aws s3api get-object-lock-configuration --bucket {bucket}")),
        ("what the guard remembers", format!("aws dynamodb scan --table-name {table} --max-items 2")),
        ("every call that was made", "curl -s $AWS_ENDPOINT_URL/_localcloud/calls | python3 -m json.tool | tail -40".to_owned()),
        (
            "let the next two EnableKey calls be throttled",
            r#"curl -H content-type:application/json $AWS_ENDPOINT_URL/_localcloud/faults -d '{"service":"kms","operation":"EnableKey","calls":2,"answer":{"status":400,"code":"ThrottlingException"}}'"#.to_owned(),
        ),
    ] {
        if !what.is_empty() {
            say(&format!("  {}", format!("# {what}").dimmed()))?;
        }
        say(&format!("  {line}"))?;
    }
    let logs = stage.cloud.function_log(stage.outputs.named("EventFunctionName")?);
    say(&format!("  {}", "# the function's log".dimmed()))?;
    say(&format!("  tail -f {}", logs.display()))?;
    Ok(())
}
