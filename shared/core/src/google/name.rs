//! Names of Google's resources: `projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/V`, `projects/P/secrets/S/versions/V`.

use serde::{Deserialize, Serialize};

use crate::approval::Sealable;
use crate::id::IdError;

/// The collection of a key's versions.
const VERSIONS: &str = "/cryptoKeyVersions/";

/// The relative name of a resource, without the service before it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GoogleName(String);

impl GoogleName {
    /// Parses a relative name, or a full one such as `//cloudkms.googleapis.com/projects/...`, which loses the service.
    ///
    /// # Errors
    /// Says what was expected, with the input.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let relative = text.strip_prefix("//").and_then(|rest| rest.split_once('/')).map_or(text, |(_, name)| name);
        let is_segment = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic());
        let parents = ["projects", "folders", "organizations", "billingAccounts"];
        let mut parts = relative.split('/');
        let is_known = parts.next().is_some_and(|first| parents.contains(&first)) && relative.split('/').count() >= 2;
        if is_known && relative.len() <= 1024 && relative.split('/').all(is_segment) {
            return Ok(Self(relative.to_owned()));
        }
        Err(IdError::new(text, "a name of a Google Cloud resource (`projects/PROJECT/...`)"))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what follows a collection's name: `after("keyRings")` is the key ring's id.
    #[must_use]
    pub fn after(&self, collection: &str) -> Option<&str> {
        let mut parts = self.0.split('/');
        while let Some(name) = parts.next() {
            let id = parts.next();
            if name == collection {
                return id;
            }
        }
        None
    }

    /// Returns the project's id or number.
    #[must_use]
    pub fn project(&self) -> Option<&str> {
        self.after("projects")
    }

    /// Says whether this is a version of a key in Cloud KMS.
    #[must_use]
    pub fn is_key_version(&self) -> bool {
        let collections = self.0.split('/').step_by(2);
        collections.eq(["projects", "locations", "keyRings", "cryptoKeys", "cryptoKeyVersions"])
    }

    /// Returns the key of a version; any other name is its own.
    #[must_use]
    pub fn key(&self) -> Self {
        self.0.split_once(VERSIONS).map_or_else(|| self.clone(), |(key, _)| Self(key.to_owned()))
    }

    /// Returns the version's number.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.0.split_once(VERSIONS).map(|(_, version)| version)
    }

    /// Returns the location, such as `europe-west3` or `global`.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.after("locations")
    }
}

impl Sealable for GoogleName {
    /// The name as Cloud KMS answers it, with the project's id.
    fn sealed_name(&self) -> &str {
        self.as_str()
    }
}

impl std::fmt::Display for GoogleName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for GoogleName {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        Self::parse(&text)
    }
}

impl From<GoogleName> for String {
    fn from(name: GoogleName) -> Self {
        name.0
    }
}
