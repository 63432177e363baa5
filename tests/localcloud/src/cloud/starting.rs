//! How a local cloud is started, begun anew with all that it holds, and ended.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;

use super::{LocalCloud, locked};
use crate::error::LocalCloudError;
use crate::process::{Emulator, Launch};
use crate::proxy::Proxy;
use crate::venv::{self, Progress};

/// How long a restart waits for what the emulator has begun to answer.
const UNDER_WAY_WAIT: Duration = Duration::from_secs(3);

/// Says how a local cloud is to be started.
pub struct Options {
    /// Folder for the Python environment, state and logs; `<target>/localcloud` when not set.
    pub folder: PathBuf,
    /// Port of the endpoint; 0 takes a free one.
    pub port: u16,
    /// Account id that dummy credentials belong to.
    pub account: String,
    /// Region of calls that name none.
    pub region: String,
    /// Whether signatures, IAM policies and key policies are checked.
    ///
    /// The dummy credentials of [`LocalCloud::client_environment`] stay the root user; everybody else must be a real IAM
    /// user or session of the local cloud, as Lambda functions are by their execution roles. EventBridge may write to a queue
    /// only if the queue's policy allows it, and Scheduler may start a function only if the role of the schedule does.
    ///
    /// A key policy binds everybody, the root user among them, and is asked for each use of the key.
    ///
    /// Not asked, other than on AWS: the role with which Lambda polls a queue and writes logs; `s3:PutObjectRetention` of a
    /// `PutObject` that carries Object Lock headers; and resource policies but those of keys where the root user calls.
    pub enforce_iam: bool,
    /// How long the emulator may take to come up.
    pub startup_timeout: Duration,
    /// Hears how far the start is; the first start downloads packages.
    pub on_progress: Box<dyn FnMut(Progress) + Send>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            folder: default_folder(),
            port: 0,
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            enforce_iam: false,
            startup_timeout: Duration::from_mins(1),
            on_progress: Box::new(|_| {}),
        }
    }
}

/// Returns `<target>/localcloud` of the workspace that this crate was built in.
#[must_use]
pub fn default_folder() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from);
    std::path::absolute(&target).unwrap_or(target).join("localcloud")
}

impl LocalCloud {
    /// Starts a local cloud and waits until it serves.
    ///
    /// # Errors
    ///
    /// Fails when the Python environment cannot be made, no port can be bound, or the emulator does not come up in time.
    pub async fn start(options: Options) -> Result<Self, LocalCloudError> {
        let failed = |source| LocalCloudError::Run { program: "a thread".to_owned(), source };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("localcloud").enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let started = handle.spawn(Self::start_inside(options)).await;
        match started {
            Ok(Ok(mut cloud)) => {
                cloud.runtime = Some(runtime);
                Ok(cloud)
            }
            Ok(Err(error)) => {
                runtime.shutdown_background();
                Err(error)
            }
            Err(error) => {
                runtime.shutdown_background();
                Err(LocalCloudError::Control(format!("the local cloud did not start: {error}")))
            }
        }
    }

    async fn start_inside(mut options: Options) -> Result<Self, LocalCloudError> {
        let listener = TcpListener::bind(("127.0.0.1", options.port)).await.map_err(LocalCloudError::Listen)?;
        let address = listener.local_addr().map_err(LocalCloudError::Listen)?;
        let endpoint_url = format!("http://{address}");
        let run_folder = options.folder.join(format!("run-{}-{}", std::process::id(), next_number()));
        let interpreter = {
            let folder = options.folder.join("venv");
            let prepared = tokio::task::spawn_blocking(move || venv::interpreter(&folder, &mut options.on_progress)).await;
            prepared.map_err(|error| LocalCloudError::Control(format!("the local cloud did not start: {error}")))??
        };
        let launch = Launch {
            interpreter,
            folder: run_folder,
            endpoint_url,
            account: options.account,
            region: options.region,
            enforce_iam: options.enforce_iam,
            timeout: options.startup_timeout,
            resumes_at: None,
        };
        let mut emulator = launched(launch.clone()).await?;
        let proxy = Proxy::new(emulator.port, &launch.account, &launch.region);
        healthy(&proxy, &mut emulator, launch.timeout).await?;
        tokio::spawn(Arc::clone(&proxy).serve(listener));
        let emulator_log = emulator.log.clone();
        Ok(Self { runtime: None, proxy, emulator: Arc::new(Mutex::new(emulator)), emulator_log, launch })
    }

    /// Ends the emulator and starts it again with everything that it held; meanwhile the cloud is away, for at least that long.
    ///
    /// What the emulator had begun to answer takes effect, though nobody hears of it. Functions are killed, and what they were working
    /// on comes back when it is visible again. Events wait until there is a bus again.
    ///
    /// # Errors
    ///
    /// Fails when the emulator cannot save its state, or does not come up again.
    pub async fn restart(&self, at_least: Duration) -> Result<(), LocalCloudError> {
        let (proxy, emulator) = (Arc::clone(&self.proxy), Arc::clone(&self.emulator));
        let mut launch = self.launch.clone();
        launch.resumes_at = Some(locked(&emulator).port);
        self.inside(async move {
            let back_at = Instant::now() + at_least;
            proxy.go_away(true);
            proxy.upstream.close(UNDER_WAY_WAIT).await;
            proxy.upstream.save().await?;
            let ended = Arc::clone(&emulator);
            // An error means that it has ended already.
            tokio::task::spawn_blocking(move || locked(&ended).end()).await.ok();
            tokio::time::sleep_until(back_at.into()).await;
            let timeout = launch.timeout;
            let mut resumed = launched(launch).await?;
            healthy(&proxy, &mut resumed, timeout).await?;
            *locked(&emulator) = resumed;
            proxy.upstream.open();
            proxy.go_away(false);
            Ok(())
        })
        .await
    }

    /// Ends the local cloud and removes its state; logs go with it.
    pub fn stop(self) {
        locked(&self.emulator).end();
        // What cannot be removed is left in the build folder.
        std::fs::remove_dir_all(&self.launch.folder).ok();
    }
}

impl Drop for LocalCloud {
    fn drop(&mut self) {
        locked(&self.emulator).end();
        if let Some(runtime) = self.runtime.take() {
            // Waiting for its threads is not allowed where other asynchronous code runs.
            runtime.shutdown_background();
        }
    }
}

async fn launched(launch: Launch) -> Result<Emulator, LocalCloudError> {
    let launched = tokio::task::spawn_blocking(move || Emulator::launch(&launch)).await;
    launched.map_err(|error| LocalCloudError::Control(format!("the local cloud did not start: {error}")))?
}

/// Waits until the emulator serves.
async fn healthy(proxy: &Proxy, emulator: &mut Emulator, timeout: Duration) -> Result<(), LocalCloudError> {
    let deadline = Instant::now() + timeout;
    while !proxy.upstream.is_healthy().await {
        if Instant::now() > deadline || !emulator.is_running() {
            return Err(emulator.not_ready(timeout));
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    Ok(())
}

/// Tells the local clouds of one process apart.
fn next_number() -> u32 {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}
