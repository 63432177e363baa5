//! Lists of blobs and of containers as the blob service answers them: XML with prefix, delimiter, marker and pages.
//!
//! Must not decide what a caller may see.

use std::collections::BTreeSet;
use std::io;

use jiff::Timestamp;
use quick_xml::Writer;
use quick_xml::events::BytesText;

use crate::request::ArmRequest;
use crate::storage::blobs::{Blob, Container, History};
use crate::storage::data_request::http_date;

type Xml = Writer<Vec<u8>>;

/// The largest page of a list.
const LARGEST_PAGE: usize = 5000;

/// What a list asks for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    prefix: String,
    delimiter: Option<String>,
    marker: String,
    page: usize,
    include: BTreeSet<String>,
}

impl Asked {
    /// Reads the query of a list.
    pub(super) fn of(request: &ArmRequest) -> Self {
        let text = |name: &str| request.query.get(name).cloned().unwrap_or_default();
        let page = text("maxresults").parse().unwrap_or(LARGEST_PAGE);
        Self {
            prefix: text("prefix"),
            delimiter: request.query.get("delimiter").filter(|delimiter| !delimiter.is_empty()).cloned(),
            marker: text("marker"),
            page: page.clamp(1, LARGEST_PAGE),
            include: text("include").split(',').map(|word| word.trim().to_ascii_lowercase()).filter(|word| !word.is_empty()).collect(),
        }
    }

    /// Whether the list shows this, e.g. `versions`.
    pub(super) fn includes(&self, what: &str) -> bool {
        self.include.contains(what)
    }
}

/// One line of a list of blobs.
enum Line<'a> {
    Prefix(String),
    Blob { name: &'a str, blob: &'a Blob, is_current: bool },
}

impl Line<'_> {
    /// What lines are ordered by: the name, then the version.
    fn key(&self) -> String {
        match self {
            Self::Prefix(prefix) => prefix.clone(),
            Self::Blob { name, blob, .. } => format!("{name}\u{1}{}", blob.version_id.as_deref().unwrap_or_default()),
        }
    }
}

/// Writes the list of a container's blobs.
///
/// # Errors
/// None in practice: it writes to memory.
pub(super) fn blobs(account: &str, container: &Container, asked: &Asked) -> io::Result<Vec<u8>> {
    let lines = lines(container, asked);
    let mut rest = lines.iter().filter(|line| line.key() > asked.marker || asked.marker.is_empty());
    let page: Vec<&Line> = rest.by_ref().take(asked.page).collect();
    let next = rest.next().and(page.last()).map(|line| line.key()).unwrap_or_default();
    let mut xml = document();
    xml.create_element("EnumerationResults")
        .with_attribute(("ServiceEndpoint", format!("https://{account}.blob.core.windows.net/").as_str()))
        .with_attribute(("ContainerName", container.name.as_str()))
        .write_inner_content(|xml| {
            asked_back(xml, asked)?;
            xml.create_element("Blobs").write_inner_content(|xml| page.iter().try_for_each(|line| write_line(xml, line, asked)))?;
            element(xml, "NextMarker", &next)
        })?;
    Ok(xml.into_inner())
}

/// Writes the list of an account's containers.
///
/// # Errors
/// None in practice: it writes to memory.
pub(super) fn containers<'a>(account: &str, containers: impl Iterator<Item = &'a Container>, asked: &Asked) -> io::Result<Vec<u8>> {
    let mut rest = containers.filter(|it| it.name.starts_with(&asked.prefix) && (asked.marker.is_empty() || it.name > asked.marker));
    let page: Vec<&Container> = rest.by_ref().take(asked.page).collect();
    let next = rest.next().and(page.last()).map(|it| it.name.clone()).unwrap_or_default();
    let mut xml = document();
    xml.create_element("EnumerationResults")
        .with_attribute(("ServiceEndpoint", format!("https://{account}.blob.core.windows.net/").as_str()))
        .write_inner_content(|xml| {
            asked_back(xml, asked)?;
            xml.create_element("Containers").write_inner_content(|xml| page.iter().try_for_each(|it| write_container(xml, it)))?;
            element(xml, "NextMarker", &next)
        })?;
    Ok(xml.into_inner())
}

fn lines<'a>(container: &'a Container, asked: &Asked) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    let mut prefixes = BTreeSet::new();
    for (name, history) in container.blobs.iter().filter(|(name, _)| name.starts_with(&asked.prefix)) {
        let shown = shown(history, asked);
        if shown.is_empty() {
            continue;
        }
        match folder(name, asked) {
            Some(prefix) => {
                if prefixes.insert(prefix.clone()) {
                    lines.push(Line::Prefix(prefix));
                }
            }
            None => lines.extend(shown.into_iter().map(|(blob, is_current)| Line::Blob { name, blob, is_current })),
        }
    }
    lines.sort_by_key(Line::key);
    lines
}

fn shown<'a>(history: &'a History, asked: &Asked) -> Vec<(&'a Blob, bool)> {
    let mut shown: Vec<(&Blob, bool)> = history.current.iter().map(|blob| (blob, true)).collect();
    if asked.includes("versions") {
        shown.extend(history.versions.iter().map(|blob| (blob, false)));
    }
    if asked.includes("deleted") {
        shown.extend(history.deleted.iter().map(|blob| (blob, false)));
    }
    shown
}

/// The name up to the delimiter behind the prefix, where it has one.
fn folder(name: &str, asked: &Asked) -> Option<String> {
    let delimiter = asked.delimiter.as_deref()?;
    let (folder, _) = name.strip_prefix(&asked.prefix)?.split_once(delimiter)?;
    Some(format!("{}{folder}{delimiter}", asked.prefix))
}

fn document() -> Xml {
    Writer::new(b"<?xml version=\"1.0\" encoding=\"utf-8\"?>".to_vec())
}

fn asked_back(xml: &mut Xml, asked: &Asked) -> io::Result<()> {
    for (name, value) in [("Prefix", Some(&asked.prefix)), ("Marker", Some(&asked.marker)), ("Delimiter", asked.delimiter.as_ref())] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            element(xml, name, value)?;
        }
    }
    if asked.page < LARGEST_PAGE {
        element(xml, "MaxResults", &asked.page.to_string())?;
    }
    Ok(())
}

fn element(xml: &mut Xml, name: &str, text: &str) -> io::Result<()> {
    xml.create_element(name).write_text_content(BytesText::new(text)).map(|_| ())
}

fn write_line(xml: &mut Xml, line: &Line, asked: &Asked) -> io::Result<()> {
    match line {
        Line::Prefix(prefix) => xml.create_element("BlobPrefix").write_inner_content(|xml| element(xml, "Name", prefix)).map(|_| ()),
        Line::Blob { name, blob, is_current } => {
            xml.create_element("Blob").write_inner_content(|xml| write_blob(xml, name, blob, *is_current, asked)).map(|_| ())
        }
    }
}

fn write_blob(xml: &mut Xml, name: &str, blob: &Blob, is_current: bool, asked: &Asked) -> io::Result<()> {
    element(xml, "Name", name)?;
    if blob.deleted_at.is_some() {
        element(xml, "Deleted", "true")?;
    }
    if let Some(version) = blob.version_id.as_deref().filter(|_| asked.includes("versions") || asked.includes("deleted")) {
        element(xml, "VersionId", version)?;
        if is_current {
            element(xml, "IsCurrentVersion", "true")?;
        }
    }
    xml.create_element("Properties").write_inner_content(|xml| write_properties(xml, blob, asked))?;
    if asked.includes("metadata") && !blob.metadata.is_empty() {
        let pairs = |xml: &mut Xml| blob.metadata.iter().try_for_each(|(name, value)| element(xml, name, value));
        xml.create_element("Metadata").write_inner_content(pairs)?;
    }
    Ok(())
}

fn write_properties(xml: &mut Xml, blob: &Blob, asked: &Asked) -> io::Result<()> {
    let date = |at: Timestamp| http_date(at);
    element(xml, "Creation-Time", &date(blob.created_at))?;
    element(xml, "Last-Modified", &date(blob.changed_at))?;
    element(xml, "Etag", &blob.etag)?;
    element(xml, "Content-Length", &blob.content.len().to_string())?;
    element(xml, "Content-Type", &blob.content_type)?;
    element(xml, "BlobType", blob.kind.name())?;
    element(xml, "LeaseStatus", "unlocked")?;
    element(xml, "LeaseState", "available")?;
    element(xml, "ServerEncrypted", "true")?;
    if let Some(deleted_at) = blob.deleted_at {
        element(xml, "DeletedTime", &date(deleted_at))?;
    }
    if let Some(retention) = blob.retention.filter(|_| asked.includes("immutabilitypolicy")) {
        element(xml, "ImmutabilityPolicyUntilDate", &date(retention.until))?;
        element(xml, "ImmutabilityPolicyMode", if retention.is_locked { "locked" } else { "unlocked" })?;
    }
    if blob.hold && asked.includes("legalhold") {
        element(xml, "LegalHold", "true")?;
    }
    Ok(())
}

fn write_container(xml: &mut Xml, container: &Container) -> io::Result<()> {
    let properties = |xml: &mut Xml| {
        element(xml, "Last-Modified", &http_date(container.changed_at))?;
        element(xml, "Etag", &format!("\"{}\"", container.etag))?;
        element(xml, "LeaseStatus", "unlocked")?;
        element(xml, "LeaseState", "available")?;
        element(xml, "HasImmutabilityPolicy", &container.policy.is_some().to_string())?;
        element(xml, "HasLegalHold", &container.hold.is_held().to_string())
    };
    let whole = |xml: &mut Xml| {
        element(xml, "Name", &container.name)?;
        xml.create_element("Properties").write_inner_content(properties).map(|_| ())
    };
    xml.create_element("Container").write_inner_content(whole).map(|_| ())
}
