//! The arguments of `reprieve record`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct RecordArguments {
    /// Log files, or folders of them
    #[arg(value_name = "FILE|FOLDER", required = true)]
    pub(crate) places: Vec<PathBuf>,

    /// The folder of the archive; made where there is none
    #[arg(long, value_name = "FOLDER")]
    pub(crate) to: Option<PathBuf>,

    /// What is written
    #[arg(long, value_name = "FORMAT", default_value = "archive")]
    pub(crate) format: Format,

    /// Files that are read at once [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,

    /// Prints what was read as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Gz JSON lines of OCSF and Parquet tables, as the functions write them, into a folder
    Archive,
    /// The Parquet tables alone, into a folder
    Parquet,
    /// JSON lines of OCSF 1.8, to standard output
    Ocsf,
    /// JSON lines with the fields of the Elastic Common Schema, to standard output
    Ecs,
    /// CSV with a line of names, to standard output
    Csv,
}

pub(crate) const RECORD_HELP: &str = r"WHAT IS READ
  Files of CloudTrail, Azure's diagnostic logs and Activity Log (`PT1H.json`,
  lists), sinks of Google Cloud Audit Logs, archives of EventBridge, the answer
  of `aws cloudtrail lookup-events`; gz or not, as JSON lines, lists or
  containers, told by what they hold. Of a folder: files that end with .json,
  .jsonl, .ndjson or .log, each also with .gz; digests and Insights of
  CloudTrail are left out.

WHAT IS WRITTEN
  Entries about keys, secrets, certificates, and the logging of them. Each log
  file always comes to the same objects, so recording it again writes nothing;
  of a file that has grown, what is new. Nothing in the archive is replaced.

EXIT CODES
  0  everything was read, and lies in its place
  1  the archive cannot be written
  2  bad input
  3  something could not be read, or the archive refused it in its place and
     it lies elsewhere; it is named, and the rest is recorded

EXAMPLES
  aws s3 sync s3://my-trail/AWSLogs logs/ && reprieve record logs/ --to archive/
  reprieve record PT1H.json --format csv > keys.csv
  reprieve report archive/
";
