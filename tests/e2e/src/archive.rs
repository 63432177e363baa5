//! The sealed archive of a run, brought down as files: verified by the shipped command, altered in one place, verified again, reported on.
//!
//! Must not know how seals are made, nor write into an archive but to alter a copy.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::command::{Said, reprieve, shown};
use crate::stage::Stage;
use crate::stage::evidence::log_file;

/// How long the last log file may take to the archive.
const RECORDING_WAIT: Duration = Duration::from_mins(1);

/// What belongs to an archive.
const PARTS: [&str; 3] = ["audit/", "seals/", "public-key.pem"];

/// An archive in a folder.
#[derive(Debug, Clone)]
pub struct Archive {
    folder: PathBuf,
}

impl Archive {
    /// Has everything recorded and sealed that happened on the stage, and copies the archive into a folder, which must be empty or not
    /// be there.
    ///
    /// # Errors
    /// When the folder holds something, or any of it fails.
    pub async fn of(stage: &Stage, folder: &Path) -> Result<Self> {
        let is_empty = fs::read_dir(folder).map_or(Ok(true), |mut entries| entries.next().transpose().map(|entry| entry.is_none()));
        ensure!(is_empty?, "`{}` is not empty: name a folder that is not there yet", folder.display());
        record_run(stage).await?;
        stage.seal().await?;
        for part in PARTS {
            for (name, object) in stage.archive(part).await? {
                write(&folder.join(name), &object.bytes)?;
            }
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// Returns the folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the names of all objects below `audit/`, in order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn objects(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        walk(&self.folder.join("audit"), &mut found)?;
        let relative = |path: PathBuf| path.strip_prefix(&self.folder).map(|path| path.to_string_lossy().into_owned());
        let mut names = found.into_iter().map(relative).collect::<Result<Vec<_>, _>>()?;
        names.sort();
        Ok(names)
    }

    /// Has the shipped command verify the archive.
    ///
    /// # Errors
    /// When the command cannot be run.
    pub async fn verify(&self) -> Result<Said> {
        reprieve(&["verify", &shown(&self.folder)]).await
    }

    /// Has the shipped command write the report's page.
    ///
    /// # Errors
    /// When the command cannot be run.
    pub async fn report(&self, page: &Path) -> Result<Said> {
        reprieve(&["report", &shown(&self.folder), "--html", &shown(page)]).await
    }

    /// Copies the archive and changes one byte of one object in the copy; returns the copy and the object's name.
    ///
    /// # Errors
    /// When there is nothing to change.
    pub fn altered(&self, into: &Path) -> Result<(Self, String)> {
        for name in self.objects()? {
            write(&into.join(&name), &fs::read(self.folder.join(&name))?)?;
        }
        let mut seals = Vec::new();
        walk(&self.folder.join("seals"), &mut seals)?;
        for path in seals.into_iter().chain([self.folder.join("public-key.pem")]) {
            write(&into.join(path.strip_prefix(&self.folder)?), &fs::read(&path)?)?;
        }
        let copy = Self { folder: into.to_owned() };
        let is_outcome = |name: &String| name.starts_with("audit/decisions/") && name.contains(".outcome.");
        let Some(name) = copy.objects()?.into_iter().find(is_outcome) else { bail!("the archive holds no outcome of a decision") };
        let text = fs::read_to_string(into.join(&name))?;
        // As somebody would who wants an attack to look like a success of another.
        let forged = text.replacen("\"status\":\"", "\"status\":\" ", 1);
        ensure!(forged != text, "`{name}` says no status");
        write(&into.join(&name), forged.as_bytes())?;
        Ok((copy, name))
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot make `{}`", parent.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() { walk(&path, found)? } else { found.push(path) }
    }
    Ok(())
}

/// Writes what CloudTrail knows of the run into the trail's bucket, and waits until it is recorded.
async fn record_run(stage: &Stage) -> Result<()> {
    let client = aws_sdk_cloudtrail::Client::new(&stage.endpoint.root_config());
    let mut pages = client.lookup_events().into_paginator().send();
    let mut records: Vec<Value> = Vec::new();
    while let Some(page) = pages.try_next().await.context("CloudTrail cannot be asked")? {
        for event in page.events() {
            records.push(serde_json::from_str(event.cloud_trail_event().unwrap_or_default()).context("an event of CloudTrail is no JSON")?);
        }
    }
    stage.deliver("20261121T0600Z_run", log_file(&records)?).await?;
    let is_there = async || {
        let archived = stage.archive("audit/events/").await?;
        Ok(archived.keys().any(|name| name.contains("_run.")).then_some(()))
    };
    stage.wait("the run's log file in the archive", RECORDING_WAIT, is_there).await
}
