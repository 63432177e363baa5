//! Opens the desk: credentials, profile and Region as every AWS tool finds them, over the HTTP client and TLS of `reprieve-aws`.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_types::app_name::AppName;
use aws_types::region::Region as SdkRegion;
use reprieve_core::{AccountId, Region};

use crate::error::{DeskError, sorted};
use crate::key::KeyName;

/// Shows in CloudTrail's `userAgent` of every call.
const APP_NAME: &str = "reprieve-desk";

/// What a person may say about where to work, instead of what the environment says.
#[derive(Debug, Clone, Default)]
pub struct DeskSettings {
    /// The profile of the AWS configuration files.
    pub profile: Option<String>,
    /// The Region of names that do not say theirs.
    pub region: Option<Region>,
}

/// The desk. One call of the command opens one.
#[derive(Debug, Clone)]
pub struct Desk {
    config: SdkConfig,
}

/// Who sits at the desk, by STS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The ARN of the user or the role's session.
    pub arn: String,
    /// The account.
    pub account: AccountId,
}

impl Desk {
    /// Opens the desk with the credentials that the environment, the profile, SSO, a process or the machine provides. Calls nothing
    /// that needs credentials yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub async fn open(settings: &DeskSettings) -> Result<Self, DeskError> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(reprieve_aws::desk_http_client()?);
        if let Some(profile) = &settings.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &settings.region {
            loader = loader.region(SdkRegion::new(region.to_string()));
        }
        if let Ok(name) = AppName::new(APP_NAME) {
            loader = loader.app_name(name);
        }
        Ok(Self { config: loader.load().await })
    }

    /// Makes a desk over a configuration that was made elsewhere.
    #[must_use]
    pub const fn over(config: SdkConfig) -> Self {
        Self { config }
    }

    /// Returns who the credentials belong to.
    ///
    /// # Errors
    /// When there are none, or STS does not say.
    pub async fn caller(&self) -> Result<Caller, DeskError> {
        let config = self.config_in(None)?;
        let identity = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.map_err(sorted("sts:GetCallerIdentity"))?;
        Ok(Caller {
            arn: identity.arn().unwrap_or_default().to_owned(),
            account: AccountId::parse(identity.account().unwrap_or_default())?,
        })
    }

    /// Returns the Region of names that do not say theirs.
    #[must_use]
    pub fn region(&self) -> Option<String> {
        self.config.region().map(ToString::to_string)
    }

    /// Returns the desk in a Region, where no other is known.
    #[must_use]
    pub fn or_in(&self, region: &Region) -> Self {
        match self.config.region() {
            Some(_) => self.clone(),
            None => Self { config: self.config.to_builder().region(SdkRegion::new(region.to_string())).build() },
        }
    }

    /// Returns the desk with the Region that the name says, where no other is known.
    #[must_use]
    pub fn or_at(self, name: &KeyName) -> Self {
        match name.region() {
            Some(region) if self.config.region().is_none() => {
                Self { config: self.config.to_builder().region(SdkRegion::new(region.to_string())).build() }
            }
            Some(_) | None => self,
        }
    }

    /// Returns what clients in a Region are made from, or in the desk's own.
    ///
    /// # Errors
    /// When no Region is known.
    pub fn config_in(&self, region: Option<&Region>) -> Result<SdkConfig, DeskError> {
        match region {
            Some(region) => Ok(self.config.to_builder().region(SdkRegion::new(region.to_string())).build()),
            None if self.config.region().is_some() => Ok(self.config.clone()),
            None => Err(DeskError::NoRegion),
        }
    }

    pub(crate) fn kms(&self, region: Option<&Region>) -> Result<aws_sdk_kms::Client, DeskError> {
        Ok(aws_sdk_kms::Client::new(&self.config_in(region)?))
    }
}
