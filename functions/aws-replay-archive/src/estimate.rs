//! What a run would read, counted before anything is paid for: a listing, and no file opened.

use std::time::Duration;

use reprieve_scan::why_left_out;

use crate::failure::Failure;
use crate::port::LogFiles;
use crate::task::{Estimate, Limits, Plan};

const GIGABYTE: f64 = 1e9;

/// Lists the archive and says what is in it.
///
/// # Errors
/// When there is more than was meant, nothing, or too much to be listed in time; and when S3 refuses.
pub(crate) async fn estimate(logs: &impl LogFiles, task: Estimate, left: Duration) -> Result<Plan, Failure> {
    let Estimate { asked, limits: Limits { gigabytes: most_gigabytes, files_per_batch, at_once }, confirmed_gigabytes } = task;
    let place = format!("s3://{}/{}", asked.bucket, asked.prefix);
    let mut plan = Plan { asked, log_files: 0, left_out: 0, bytes: 0, files_per_batch, at_once };
    let (bucket, prefix) = (plan.asked.bucket.clone(), plan.asked.prefix.clone());
    let listed = tokio::time::timeout(
        left,
        logs.visit(&bucket, &prefix, |file| {
            if why_left_out(file.name_below(&prefix)).is_some() {
                plan.left_out += 1;
            } else {
                plan.log_files += 1;
                plan.bytes += file.bytes;
            }
        }),
    )
    .await;
    let Ok(listed) = listed else {
        let seen = plan.log_files + plan.left_out;
        let why = format!("`{place}` could not be listed in {} s: it holds more than {seen} objects", left.as_secs());
        return Err(Failure::OutOfTime(format!("{why}. Give a longer `prefix`, such as one account's, and start a run for each")));
    };
    listed.map_err(|error| Failure::of_call(&format!("`{place}` cannot be listed"), &error))?;
    if plan.log_files == 0 {
        let why = format!("`{place}` holds no log files ({} object(s) are none)", plan.left_out);
        return Err(Failure::Refused(format!("{why}: give the `prefix` under which the trail writes, such as `AWSLogs/`")));
    }
    let gigabytes = as_f64(plan.bytes) / GIGABYTE;
    let most = confirmed_gigabytes.unwrap_or(0.0).max(most_gigabytes);
    if gigabytes > most {
        let confirm = gigabytes.ceil();
        return Err(Failure::Refused(format!(
            "`{place}` holds {gigabytes:.1} GB in {} log files, and {most} GB are read without a word: what that costs is in \
             infra/aws/README.md. To read them, start the run with \"confirmed_gigabytes\": {confirm}",
            plan.log_files
        )));
    }
    tracing::info!(run = plan.asked.run, place, log_files = plan.log_files, left_out = plan.left_out, bytes = plan.bytes, "a run begins");
    Ok(plan)
}

#[expect(clippy::cast_precision_loss, reason = "to be compared with gigabytes that somebody typed")]
const fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}
