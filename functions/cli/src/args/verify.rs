//! `reprieve verify` and `reprieve prove`: which archive, which keys, how strictly.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use reprieve_evidence::seal::Hash;

use super::desk::CloudArguments;

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The archive: a folder that holds `audit/` and `seals/`, or `s3://BUCKET[/PREFIX]`; or a proof that `reprieve prove` wrote
    #[arg(value_name = "ARCHIVE|PROOF", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) subject: String,

    /// The public key of the seals, as PEM, got from elsewhere than the archive; again for each key that sealed before it
    /// [default: `public-key.pem` of the archive]
    #[arg(long = "public-key", value_name = "FILE")]
    pub(crate) public_keys: Vec<PathBuf>,

    /// Reads the objects that were sealed after this time alone; all seals are verified nonetheless
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: Option<Timestamp>,

    /// Reads the objects that were sealed before this time alone; all seals are verified nonetheless
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) to: Option<Timestamp>,

    /// Counts objects that are in no seal instead of naming them: the hour that has begun is not sealed yet. Of a bucket, what
    /// waits for a seal that is not due, or not for long, is counted anyway.
    #[arg(long)]
    pub(crate) allow_unsealed: bool,

    /// Until when there must be seals: shows whether seals were cut off at the end
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) sealed_until: Option<Timestamp>,

    /// The hash of a seal that must be there, as an earlier run told it: shows whether seals were cut off at the end
    #[arg(long, value_name = "HASH", value_parser = hash)]
    pub(crate) last_seal: Option<Hash>,

    /// Prints the report as JSON, with up to 1,000 problems
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) cloud: CloudArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ProveArguments {
    /// The archive: a folder that holds `audit/` and `seals/`, or `s3://BUCKET[/PREFIX]`
    #[arg(value_name = "ARCHIVE", value_hint = clap::ValueHint::DirPath)]
    pub(crate) archive: String,

    /// The record: its id, or the name of an object, such as `audit/events/.../FILE.json.gz`
    #[arg(value_name = "RECORD")]
    pub(crate) record: String,

    /// Which record of the object, from 1 [default: the object as a whole, where it holds several]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) line: Option<u64>,

    /// Writes the proof there instead of printing it
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// The public key of the seals, as PEM; again for each key that sealed before it [default: `public-key.pem` of the archive]
    #[arg(long = "public-key", value_name = "FILE")]
    pub(crate) public_keys: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) cloud: CloudArguments,
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "give a time such as `2026-11-21T05:00:00Z`".to_owned())
}

fn hash(text: &str) -> Result<Hash, String> {
    Hash::parse(text).ok_or_else(|| "give the 64 hexadecimal digits of a seal's hash, as `reprieve verify` prints it".to_owned())
}

pub(crate) const VERIFY_HELP: &str = r"WHAT IS VERIFIED
  Each seal's signature; that each follows the one before it, without a gap in
  time; that its list is what was signed; that every object of the list is
  there, byte for byte; and that there is no other. The first problem is named,
  and then the rest:
    changed        an object, or the list of a seal, is not what was sealed
    missing        an object was sealed, and is not there
    added          an object is in no seal, or a file among the seals is none
    reordered      a seal lies under another's name, or its list is in another
                   order
    gap            hours have no seal
    bad signature  a signature does not belong to its seal
    unknown key    a seal was made with a key that was not given
    broken chain   a seal does not follow the one before it
    unreadable     a seal or an object cannot be read
    unsealed       there are objects, and no seal at all
    truncated      the seals end before --sealed-until, or --last-seal is not
                   among them
  An archive cannot show by itself that its last seals were removed with all
  that they seal. Keep the hash of the last seal elsewhere, and give it with
  --last-seal; or say with --sealed-until what there must be.

THE KEY
  A public key that comes out of the archive proves only that the archive agrees
  with itself: whoever forged it put his own key there. Get the key from where
  it is kept: `aws kms get-public-key`, or the team that runs Reprieve.

A PROOF
  A file that `reprieve prove` wrote is verified with --public-key alone,
  without the archive.

PERMISSIONS
  Of a bucket: s3:ListBucket and s3:GetObject. Of a folder, nothing is called.

EXIT CODES
  0  everything is as it was sealed
  1  something is not; it is named
  2  it could not be verified: bad input, something could not be read, or there
     is nothing to verify

EXAMPLES
  reprieve verify archive/ --public-key seals.pem
  reprieve verify archive/ --public-key seals.pem --last-seal 5f0c...
  reprieve verify s3://my-evidence --public-key seals.pem --region eu-central-1
  reprieve verify proof.json --public-key seals.pem
  reprieve verify archive/ --json | jq -r '.problems[] | [.kind, .name] | @tsv'
";

pub(crate) const PROVE_HELP: &str = r"WHAT A PROOF IS
  One JSON file that shows that one record was sealed, and when: the record, its
  way up the Merkle trees, and the signed head of the seal. It shows no other
  record. Anybody verifies it with the public key alone: `reprieve verify PROOF
  --public-key FILE`, or by the description in shared/docs/seals.md.

EXIT CODES
  0  the proof was written
  2  there is no such record, or what was sealed was changed: `reprieve verify`
     says what

EXAMPLES
  reprieve prove archive/ 0a1b2c3d-1234-5678-9abc-def012345678 --out proof.json
  reprieve prove archive/ audit/events/.../trail.json.gz.json.gz --line 3
";
