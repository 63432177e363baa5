//! The arguments of `reprieve replay`.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use reprieve_core::Region;

use super::report::{from, to};
use super::rules::RulesArguments;

#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// Log files, folders of them, `s3://BUCKET[/PREFIX]`, and parts of earlier replays
    #[arg(value_name = "PATH", required = true)]
    pub(crate) places: Vec<PathBuf>,

    /// The first day or moment that is decided on, in UTC [default: the logs' first]
    #[arg(long, value_name = "DAY", value_parser = from)]
    pub(crate) from: Option<Timestamp>,

    /// The last day, which is all of it, or the moment before which to end, in UTC [default: the logs' last]
    #[arg(long, value_name = "DAY", value_parser = to)]
    pub(crate) to: Option<Timestamp>,

    /// An account, subscription or project that is decided on; may be given more than once [default: all]
    #[arg(long = "account", value_name = "ID")]
    pub(crate) accounts: Vec<String>,

    /// A Region or location that is decided on; may be given more than once [default: all]
    #[arg(long = "region", value_name = "REGION")]
    pub(crate) regions: Vec<String>,

    /// Tells the story of one key instead: every event, decision and state, in order
    ///
    /// The key by its ARN, its id, its alias, an id of Azure, a name of Google, or the last part of one.
    #[arg(long, value_name = "KEY", conflicts_with_all = ["html", "save", "anomalies", "accounts", "regions"])]
    pub(crate) explain: Option<String>,

    /// Finds what was unusual as well; reads everything a second time
    #[arg(long)]
    pub(crate) anomalies: bool,

    /// Writes the answer as JSON; `-` for standard output, in place of the summary
    #[arg(long, value_name = "FILE|-")]
    pub(crate) json: Option<PathBuf>,

    /// Writes the answer as one self-contained page
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Writes what was read, to be merged with other parts or judged anew by other rules without reading the logs again
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,

    /// Files that are read at once [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,

    /// Prints neither progress nor a summary
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Cedar policies of your own beside the shipped ones: a folder of `*.cedar` files, or one file; may be given more than once
    #[arg(long, visible_alias = "policies", value_name = "DIR|FILE", help_heading = "By what is decided")]
    pub(crate) policy: Vec<PathBuf>,

    /// Approvals and revocations that the ledger held, as JSON by key; the form is below
    #[arg(long, value_name = "FILE", help_heading = "By what is decided")]
    pub(crate) approvals: Option<PathBuf>,

    #[command(flatten, next_help_heading = "By what is decided")]
    pub(crate) rules: RulesArguments,

    /// The Region of the buckets [default: as every AWS tool finds it]
    #[arg(long, value_name = "REGION", value_parser = Region::parse, help_heading = "AWS")]
    pub(crate) bucket_region: Option<Region>,

    /// The profile of the AWS configuration files, to read `s3://` with [default: as every AWS tool finds it]
    #[arg(long, value_name = "NAME", help_heading = "AWS")]
    pub(crate) profile: Option<String>,
}

pub(crate) const REPLAY_HELP: &str = r#"WHAT IT SAYS
  What Reprieve would have done, had it been there when these logs were written:
  it decides on every act that endangers a key with the code of the functions,
  and tells what became of the key. It calls nothing but S3 where a PATH is
  there, and changes nothing. An event that several files hold counts once; the
  order of files and records does not matter. What lies outside of the period,
  accounts and Regions is not decided on, but is history all the same: a
  deletion of before may be undone within.

WHAT IS READ
  Files of CloudTrail, Azure's diagnostic logs and Activity Log, sinks of Google
  Cloud Audit Logs; gz or not, told by what they hold. Of a folder: files that
  end with .json, .jsonl, .ndjson or .log, each also with .gz; digests and
  Insights are left out, and so are parts of earlier replays, unless the folder
  holds nothing else. A file that is named twice is read once. Parts must be of
  different files: what is in two of them counts twice as records, and once as
  an event.

VERDICTS
  would restore    no approval and no policy covered it: the key would have been
                   given back
  approved         an approval, or a policy that needs none, covered it
  refused          the provider had refused the call
  would escalate   it cannot be undone, or not by Reprieve: a human would have
                   been woken
  recorded         it endangers no key, or was done by Reprieve itself

FALSE POSITIVES
  Of what would have been undone: what people undid themselves is a true
  positive. What nobody undid until the provider deleted the key is a false one:
  it was meant, and lacked an approval. The rest is not judged, for the logs do
  not tell its end.

APPROVALS
  By the ARN of the key; sealed approvals as `reprieve approve` writes them into
  the ledger:

    {"arn:aws:kms:eu-central-1:111122223333:key/1234abcd": {
       "approvals": [{"change", "action", "window", "approver", "seal"}],
       "revocations": [{"change", "by", "at"}]}}

OUTPUT WITH --json
  {"files", "records", "unique_events", "errors", "bytes", "bytes_read",
   "first", "last", "acts",
   "keys": [{"key", "acts", "verdicts", "state", "seconds_in_danger"}],
   "decisions": [{"event", "time", "key", "call", "by", "verdict", "why",
                  "plan", "aftermath", ...}],
   "kpis", "problems"}; with --anomalies also "anomalies";
  with --explain the story, "chapters"
  The same logs and rules give the same bytes, on one machine and on many.

EXIT CODES
  0    replayed
  1    the cloud failed, or did not allow it
  2    bad input
  3    replayed, but something could not be read; it is named on standard error
  130  stopped by Ctrl-C: what is printed is of what was read until then

EXAMPLES
  reprieve replay AWSLogs/ --from 2026-07-01 --to 2026-09-30 --html quarter.html
  reprieve replay s3://my-trail/AWSLogs --account 111122223333 --json answer.json
  reprieve replay AWSLogs/ --save logs.part && reprieve replay logs.part --policy mine/
  reprieve replay AWSLogs/ --explain alias/payments
  reprieve replay AWSLogs/ --json - | jq '.decisions[] | select(.verdict == "would_restore")'
"#;
