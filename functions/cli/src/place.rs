//! Places that are named by an address and not by a path: said in words where they are not read from there.

/// Refuses an address of a bucket that is not read from; `reads_s3` where buckets of S3 are.
///
/// # Errors
/// Says how to copy what is there to where it is read.
pub(crate) fn check(place: &str, reads_s3: bool) -> anyhow::Result<()> {
    let Some((scheme, _)) = place.split_once("://") else { return Ok(()) };
    let copy = match scheme {
        "s3" if reads_s3 => return Ok(()),
        "s3" => format!("`aws s3 sync {place} FOLDER`"),
        "gs" => format!("`gcloud storage rsync --recursive {place} FOLDER`"),
        "https" => format!("`azcopy copy '{place}' FOLDER --recursive`"),
        _ => "the tool of its cloud".to_owned(),
    };
    anyhow::bail!("`{place}` is not read from where it is: copy it with {copy}, and name the folder")
}
