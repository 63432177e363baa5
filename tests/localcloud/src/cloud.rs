//! The handle of a running local cloud.
//!
//! It runs on threads of its own, so it may be started in one test's runtime and used in another's.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::broadcast;

use crate::error::LocalCloudError;
use crate::process::{Emulator, Launch};
use crate::proxy::Proxy;
use crate::proxy::calendars::Calendar;
use crate::proxy::caller::{Principal, SessionCredentials};
use crate::proxy::decisions::IamDecision;
use crate::proxy::events::Event;
use crate::proxy::faults::{CallFault, EventFault};
use crate::proxy::invocations::Invocation;
use crate::proxy::kms::KeyState;
use crate::proxy::lookup::LookupWindow;
use crate::proxy::monitoring::Mail;
use crate::proxy::timeline::{Activity, CallEntry, EventEntry};
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

    /// Returns what IAM was asked in the name of roles: by calls, and by services of AWS that act for them.
    ///
    /// # Errors
    ///
    /// Fails when the emulator cannot be reached, and when more was asked than is kept.
    pub async fn iam_decisions(&self) -> Result<Vec<IamDecision>, LocalCloudError> {
        let proxy = Arc::clone(&self.proxy);
        self.inside(async move { proxy.iam_decisions().await }).await
    }

    /// Forgets what IAM was asked until now.
    ///
    /// # Errors
    ///
    /// Fails when the emulator cannot be reached.
    pub async fn forget_iam_decisions(&self) -> Result<(), LocalCloudError> {
        let proxy = Arc::clone(&self.proxy);
        self.inside(async move { proxy.forget_iam_decisions().await }).await
    }

    /// Lets calls fail.
    pub fn inject(&self, fault: CallFault) {
        self.proxy.call_faults().add(fault);
    }

    /// Lets events be lost, repeated, late or out of order.
    pub fn inject_event_fault(&self, fault: EventFault) {
        self.proxy.bus.add_fault(fault);
    }

    /// Delivers the events that are held, newest first.
    pub fn release_held_events(&self) {
        self.proxy.bus.release();
    }

    /// Goes away: connections are cut, and new ones as soon as they are made, while inside everything goes on. Functions run, get
    /// messages, and fail at their first call.
    pub fn go_away(&self) {
        self.proxy.go_away(true);
    }

    /// Comes back from where [`LocalCloud::go_away`] led.
    pub fn come_back(&self) {
        self.proxy.go_away(false);
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

    /// Returns the invocations of a function that ended, in the order in which they began.
    ///
    /// # Errors
    ///
    /// Fails when the emulator cannot be reached.
    pub async fn invocations(&self, function: &str) -> Result<Vec<Invocation>, LocalCloudError> {
        let (proxy, function) = (Arc::clone(&self.proxy), function.to_owned());
        self.inside(async move { proxy.invocations(Some(&function)).await }).await
    }

    /// Takes back all faults; events that are held are lost.
    pub fn clear_faults(&self) {
        self.proxy.call_faults().clear();
        self.proxy.bus.clear_faults();
    }

    /// Makes a Change Calendar of Systems Manager, or replaces it: by name in the cloud's account and Region, or by the ARN of
    /// its document.
    pub fn set_calendar(&self, name: &str, calendar: Calendar) {
        self.proxy.set_calendar(name, calendar);
    }

    /// Removes all Change Calendars, so that naming one is an error.
    pub fn clear_calendars(&self) {
        self.proxy.calendars().clear();
    }

    /// Says which records `LookupEvents` finds; by default those of the last 90 days, at once.
    pub fn set_lookup_window(&self, window: LookupWindow) {
        self.proxy.set_lookup_window(window);
    }

    /// Says whether EventBridge gets API calls and service events only while a trail records them, as on AWS.
    ///
    /// By default it gets them without any trail, so that a scenario need not make one.
    pub fn let_events_need_a_trail(&self, needed: bool) {
        self.proxy.let_events_need_a_trail(needed);
    }

    /// Says how long records are on their way to the log groups of trails from now on; no time by default.
    pub fn set_log_delivery_delay(&self, delay: Duration) {
        self.proxy.set_log_delivery_delay(delay);
    }

    /// Confirms the subscription of an email address, as its owner does by the link in the mail, and returns its ARN.
    ///
    /// # Errors
    ///
    /// Fails when the address is not subscribed to the topic.
    pub async fn confirm_subscription(&self, topic_arn: &str, endpoint: &str) -> Result<String, LocalCloudError> {
        let (proxy, topic_arn, endpoint) = (Arc::clone(&self.proxy), topic_arn.to_owned(), endpoint.to_owned());
        self.inside(async move { proxy.confirm_subscription(&topic_arn, &endpoint).await }).await
    }

    /// Returns the mail that SNS sent to confirmed addresses, oldest first.
    ///
    /// # Errors
    ///
    /// Fails when the emulator cannot be reached.
    pub async fn mail(&self) -> Result<Vec<Mail>, LocalCloudError> {
        let proxy = Arc::clone(&self.proxy);
        self.inside(async move { proxy.mail().await }).await
    }

    /// Ends the time that alarms look at, in one Region of the cloud's account or in its default one: data that was put no
    /// longer counts, and each alarm goes where missing data leads it.
    ///
    /// # Errors
    ///
    /// Fails when the emulator cannot be reached.
    pub async fn settle_alarms(&self, region: Option<&str>) -> Result<(), LocalCloudError> {
        let (proxy, region) = (Arc::clone(&self.proxy), region.map(str::to_owned));
        self.inside(async move { proxy.settle_alarms(region.as_deref()).await }).await
    }

    /// Says whether metrics in the embedded format are read from what functions log, so that alarms see them; not by default.
    ///
    /// # Errors
    ///
    /// Fails when the emulator cannot be reached.
    pub async fn read_embedded_metrics(&self, on: bool) -> Result<(), LocalCloudError> {
        let proxy = Arc::clone(&self.proxy);
        self.inside(async move { proxy.read_embedded_metrics(on).await }).await
    }

    /// Switches the request quotas of KMS and CloudTrail on or off.
    pub fn switch_quotas(&self, on: bool) {
        self.proxy.quotas().switch(on);
    }

    /// Puts an event of any source on a default bus; event faults apply.
    pub fn publish(&self, event: Event) {
        self.proxy.bus.publish(event);
    }

    /// Records and publishes something that KMS did on its own, such as `DeleteExpiredKeyMaterial`.
    ///
    /// # Errors
    ///
    /// Fails when `key_arn` is no key ARN.
    pub fn publish_service_event(&self, event_name: &str, key_arn: &str) -> Result<(), LocalCloudError> {
        self.proxy.publish_service_event(event_name, key_arn)
    }

    /// Publishes an event of KMS itself, such as `KMS Imported Key Material Expiration`.
    ///
    /// # Errors
    ///
    /// Fails when `key_arn` is no key ARN.
    pub fn publish_kms_event(&self, detail_type: &str, key_arn: &str) -> Result<(), LocalCloudError> {
        self.proxy.publish_kms_event(detail_type, key_arn)
    }

    /// Puts a key into a state that no call leads to here, such as `Unavailable`.
    ///
    /// # Errors
    ///
    /// Fails when there is no such key.
    pub async fn set_key_state(&self, key_arn: &str, state: KeyState) -> Result<(), LocalCloudError> {
        let (proxy, key_arn) = (Arc::clone(&self.proxy), key_arn.to_owned());
        self.inside(async move { proxy.set_key_state(&key_arn, state).await }).await
    }

    /// Deletes a key as if its waiting period were over, with the events that KMS sends.
    ///
    /// # Errors
    ///
    /// Fails when there is no such key, or when it is a primary key that has replicas.
    pub async fn expire_key(&self, key_arn: &str) -> Result<(), LocalCloudError> {
        let (proxy, key_arn) = (Arc::clone(&self.proxy), key_arn.to_owned());
        self.inside(async move { proxy.expire_key(&key_arn).await }).await
    }

    /// Runs an `EventBridge` Scheduler schedule now, without waiting for its time.
    ///
    /// # Errors
    ///
    /// Fails when there is no schedule of that name in the cloud's account and Region.
    pub async fn fire_schedule(&self, name: &str) -> Result<(), LocalCloudError> {
        let (proxy, name) = (Arc::clone(&self.proxy), name.to_owned());
        self.inside(async move { proxy.fire_schedule(&name).await }).await
    }

    /// Puts every file below a folder into a bucket, each under its path behind a prefix, without a call; returns how many.
    ///
    /// # Errors
    ///
    /// Fails when the folder cannot be read, or there is no such bucket.
    pub async fn fill_bucket(&self, bucket: &str, prefix: &str, folder: &Path) -> Result<u64, LocalCloudError> {
        let (proxy, bucket, prefix) = (Arc::clone(&self.proxy), bucket.to_owned(), prefix.to_owned());
        let folder = folder.to_owned();
        self.inside(async move { proxy.fill_bucket(&bucket, &prefix, &folder).await }).await
    }

    /// Returns the CloudTrail records, oldest first.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        self.proxy.timeline.records()
    }

    /// Returns everything that happened, oldest answer first.
    #[must_use]
    pub fn activity(&self) -> Vec<Activity> {
        self.proxy.timeline.entries()
    }

    /// Returns the calls, oldest answer first.
    #[must_use]
    pub fn calls(&self) -> Vec<CallEntry> {
        let entries = self.proxy.timeline.entries().into_iter();
        entries.filter_map(|entry| if let Activity::Call(call) = entry { Some(call) } else { None }).collect()
    }

    /// Returns what became of the events, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<EventEntry> {
        let entries = self.proxy.timeline.entries().into_iter();
        entries.filter_map(|entry| if let Activity::Event(event) = entry { Some(event) } else { None }).collect()
    }

    /// Hears what happens from now on; who falls more than 4,096 entries behind misses some.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Activity> {
        self.proxy.timeline.subscribe()
    }

    /// Ends the local cloud and removes its state; logs go with it.
    pub fn stop(self) {
        locked(&self.emulator).end();
        // What cannot be removed is left in the build folder.
        std::fs::remove_dir_all(&self.launch.folder).ok();
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

impl Drop for LocalCloud {
    fn drop(&mut self) {
        locked(&self.emulator).end();
        if let Some(runtime) = self.runtime.take() {
            // Waiting for its threads is not allowed where other asynchronous code runs.
            runtime.shutdown_background();
        }
    }
}

fn locked(emulator: &Mutex<Emulator>) -> MutexGuard<'_, Emulator> {
    emulator.lock().unwrap_or_else(PoisonError::into_inner)
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
