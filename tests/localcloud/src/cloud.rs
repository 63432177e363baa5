//! The handle of a running local cloud.
//!
//! It runs on threads of its own, so it may be started in one test's runtime and used in another's.

mod faults;
mod happenings;
mod seen;
mod starting;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Runtime;

pub use self::starting::{Options, default_folder};
use crate::error::LocalCloudError;
use crate::process::{Emulator, Launch};
use crate::proxy::Proxy;
use crate::proxy::caller::{Principal, SessionCredentials};

/// A running local cloud: the emulator, and the proxy in front of it that every client talks to.
///
/// Dropping it ends both.
#[derive(Debug)]
pub struct LocalCloud {
    runtime: Option<Runtime>,
    proxy: Arc<Proxy>,
    emulator: Arc<Mutex<Emulator>>,
    emulator_log: PathBuf,
    launch: Launch,
}

impl LocalCloud {
    /// Returns the address for AWS clients, such as `http://127.0.0.1:40213`.
    #[must_use]
    pub fn endpoint_url(&self) -> &str {
        &self.launch.endpoint_url
    }

    /// Returns the account id that dummy credentials belong to.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.launch.account
    }

    /// Returns the environment variables with which any AWS client talks to this cloud as the account's root user.
    #[must_use]
    pub fn client_environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.launch.endpoint_url.clone()),
            ("AWS_REGION", self.launch.region.clone()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }

    /// Returns the file that a Lambda function's output goes to; it exists once the function has printed something.
    #[must_use]
    pub fn function_log(&self, function_name: &str) -> PathBuf {
        self.launch.folder.join("functions").join(format!("{function_name}.log"))
    }

    /// Returns the emulator's own log.
    #[must_use]
    pub fn emulator_log(&self) -> &Path {
        &self.emulator_log
    }

    /// Returns the emulator's process id.
    #[must_use]
    pub fn emulator_process_id(&self) -> u32 {
        locked(&self.emulator).process_id()
    }

    /// Forgets everything stored, recorded and injected; quotas are on again, registered principals stay known.
    ///
    /// # Errors
    ///
    /// Fails when the emulator cannot be reached.
    pub async fn reset(&self) -> Result<(), LocalCloudError> {
        let proxy = Arc::clone(&self.proxy);
        self.inside(async move { proxy.reset().await }).await
    }

    /// Makes a principal known by its access key, so that records name it as the caller.
    ///
    /// For clouds that do not check signatures ([`Options::enforce_iam`]); elsewhere make a user with IAM's own calls.
    ///
    /// # Errors
    ///
    /// Fails when the ARN names no user, session or root user.
    pub async fn register(&self, principal: Principal) -> Result<(), LocalCloudError> {
        let proxy = Arc::clone(&self.proxy);
        self.inside(async move { proxy.register(principal).await }).await
    }

    /// Returns the credentials that a function runs with, so that a test can call in its role's name.
    ///
    /// # Errors
    ///
    /// Fails when there is no such function in the cloud's account and Region.
    pub async fn function_session(&self, function_name: &str) -> Result<SessionCredentials, LocalCloudError> {
        let (proxy, name) = (Arc::clone(&self.proxy), function_name.to_owned());
        self.inside(async move { proxy.function_session(&name).await }).await
    }

    /// Runs a future on the cloud's own threads, where its connections live.
    async fn inside<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, LocalCloudError>> + Send + 'static,
    ) -> Result<T, LocalCloudError> {
        let Some(runtime) = &self.runtime else {
            return Err(LocalCloudError::Control("the local cloud has ended".to_owned()));
        };
        match runtime.spawn(work).await {
            Ok(result) => result,
            Err(error) => Err(LocalCloudError::Control(format!("the local cloud failed: {error}"))),
        }
    }
}

fn locked(emulator: &Mutex<Emulator>) -> MutexGuard<'_, Emulator> {
    emulator.lock().unwrap_or_else(PoisonError::into_inner)
}
