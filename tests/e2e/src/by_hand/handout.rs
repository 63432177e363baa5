//! What people are given: their credentials as shell files, and a few keys. All of it is worth nothing outside its local cloud, and ends
//! with it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::stage::Stage;
use crate::stage::people::Person;

/// Names the environment variable that points to the folder of the handout; the shell files set it.
pub const FOLDER_VARIABLE: &str = "REPRIEVE_DEMO";

/// Names and tags of the keys that are there to be played with.
const KEYS: [(&str, &[(&str, &str)]); 4] =
    [("payments", &[("owner", "team-payments")]), ("sessions", &[]), ("cards", &[("env", "prod")]), ("pilot", &[])];

/// Returns `<target>/demo` of the workspace that this program was built in.
#[must_use]
pub fn default_folder() -> PathBuf {
    let localcloud = reprieve_localcloud::default_folder();
    localcloud.parent().unwrap_or(&localcloud).join("demo")
}

/// What is to be known of a stage to reach it from another process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handout {
    /// The address of the local cloud.
    pub endpoint_url: String,
    /// The guarded Region.
    pub region: String,
    /// The account.
    pub account: String,
    /// Where audit records are.
    pub audit_bucket: String,
    /// The function that sweeps.
    pub sweep_function: String,
    /// The schedule that starts it.
    pub sweep_schedule: String,
}

impl Handout {
    /// Makes the keys and writes the files: `people/NAME.env`, `keys.env` and `stage.json`. `programs` is where `reprieve` is.
    ///
    /// # Errors
    ///
    /// Fails when a key cannot be made or a file not be written.
    pub async fn write(stage: &Stage, folder: &Path, programs: &Path) -> Result<Self> {
        let made = std::fs::create_dir_all(folder.join("people")).and_then(|()| folder.canonicalize());
        let folder = made.with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        let people = folder.join("people");
        for person in stage.people.named() {
            write(&people.join(format!("{}.env", person.name)), &environment(stage, person, &folder, programs))?;
        }
        write(&folder.join("keys.env"), &keys(stage).await?)?;
        let handout = Self {
            endpoint_url: stage.endpoint.url.clone(),
            region: stage.endpoint.region.clone(),
            account: stage.cloud.account().to_owned(),
            audit_bucket: stage.audit.name().to_owned(),
            sweep_function: stage.outputs.named("SweepFunctionName")?.to_owned(),
            sweep_schedule: stage.outputs.named("SweepScheduleName")?.to_owned(),
        };
        write(&folder.join("stage.json"), &serde_json::to_string_pretty(&handout)?)?;
        Ok(handout)
    }

    /// Reads what was written.
    ///
    /// # Errors
    ///
    /// Fails when no stage is set.
    pub fn read(folder: &Path) -> Result<Self> {
        let file = folder.join("stage.json");
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("`{}` cannot be read: is `scripts/demo --stage-only` running?", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("`{}` was not written by this version", file.display()))
    }

    /// Removes what was written.
    pub fn remove(folder: &Path) {
        for file in ["keys.env", "stage.json"] {
            // What cannot be removed is worth nothing any more.
            std::fs::remove_file(folder.join(file)).ok();
        }
        std::fs::remove_dir_all(folder.join("people")).ok();
    }
}

/// Makes the keys, with an alias each, and returns the shell variables that name them.
async fn keys(stage: &Stage) -> Result<String> {
    let mut text = "# Keys on the local cloud, to be played with: `. keys.env`, then `$payments` and so on.\n".to_owned();
    for (name, tags) in KEYS {
        let key = stage.people.pat.create_key(name).await?;
        if !tags.is_empty() {
            stage.people.pat.tag(&key, tags).await?;
        }
        let alias = stage.kms.create_alias().alias_name(format!("alias/{name}")).target_key_id(&key);
        alias.send().await.with_context(|| format!("the alias of `{name}` cannot be made"))?;
        writeln!(text, "{name}={key}")?;
    }
    Ok(text)
}

/// Returns the lines by which a shell works in a person's name.
fn environment(stage: &Stage, person: &Person, folder: &Path, programs: &Path) -> String {
    let mut lines = vec![
        format!("# {} on the local cloud. These credentials are thrown away with it.", person.name),
        // Of whoever the shell was before.
        "unset AWS_PROFILE REPRIEVE_APPROVAL_KEY".to_owned(),
    ];
    lines.extend(stage.desk.environment(person).iter().map(|(name, value)| format!("export {name}={}", quoted(value))));
    lines.push(format!("export {FOLDER_VARIABLE}={}", quoted(&folder.display().to_string())));
    let programs = quoted(&programs.display().to_string());
    lines.push(format!(r#"case ":$PATH:" in *:{programs}:*) ;; *) export PATH={programs}:"$PATH" ;; esac"#));
    lines.push(String::new());
    lines.join("\n")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Writes a file that nobody else may read.
fn write(path: &Path, text: &str) -> Result<()> {
    // One that is there already would keep its permissions.
    std::fs::remove_file(path).ok();
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("cannot write `{}`", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write `{}`", path.display()))
}
