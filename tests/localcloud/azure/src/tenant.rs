//! The tenant: everything the sandbox remembers. Resources, deleted vaults, vault data, principals, operations, what happened.
//!
//! Must not speak HTTP, and is never held across an await.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::fault::Faults;
use crate::key_vault::deleted::{DeletedHsm, DeletedVault};
use crate::key_vault::store::VaultData;
use crate::operations::Operation;
use crate::principal::{PrincipalKind, PrincipalRecord};
use crate::request::{Caller, OperationTicket};

/// How the sandbox behaves where Azure's own behaviour varies or takes long.
#[derive(Debug, Clone)]
pub struct Options {
    /// The tenant's id.
    pub tenant_id: String,
    /// The subscriptions that are there from the start: id and display name.
    pub subscriptions: Vec<(String, String)>,
    /// How long a new role assignment takes until it counts. Azure: up to ten minutes.
    pub role_propagation: Duration,
    /// How long an asynchronous operation of ARM takes.
    pub operation_delay: Duration,
    /// What `Retry-After` says while an operation runs, in seconds.
    pub retry_after_seconds: u64,
    /// How long a deleted key, secret or certificate is 'being deleted': it can be neither read, recovered nor purged.
    pub object_deletion_delay: Duration,
    /// How long a recovered key, secret or certificate answers 404 on its old place.
    pub object_recovery_delay: Duration,
    /// How long after the answer an Activity Log event can be read.
    pub activity_log_delay: Duration,
    /// The largest page of a list.
    pub page_size: usize,
    /// How many reads a subscription has left at the start, per `x-ms-ratelimit-remaining-subscription-reads`.
    pub subscription_reads: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tenant_id: "8f1c0d52-5a1b-4c1e-9c55-6f2a3c0e7b11".to_owned(),
            subscriptions: vec![("00000000-0000-0000-0000-000000000000".to_owned(), "Production".to_owned())],
            role_propagation: Duration::ZERO,
            operation_delay: Duration::ZERO,
            retry_after_seconds: 0,
            object_deletion_delay: Duration::ZERO,
            object_recovery_delay: Duration::ZERO,
            activity_log_delay: Duration::ZERO,
            page_size: 100,
            subscription_reads: 1_000_000,
        }
    }
}

/// One resource of ARM.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// The id as it was first written.
    pub id: String,
    /// The entity tag, with its quotes.
    pub etag: String,
    /// What a GET answers.
    pub body: Value,
    /// When it was first written.
    pub created_at: Timestamp,
    /// When it was last written.
    pub changed_at: Timestamp,
}

/// What kind of write an ARM call was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteKind {
    /// PUT or PATCH.
    Write,
    /// DELETE.
    Delete,
    /// POST of an action.
    Action,
}

/// Something that Azure would tell others about.
#[derive(Debug, Clone)]
pub enum Happening {
    /// A write on ARM that succeeded.
    ArmWrite(Box<ArmWrite>),
    /// A call on the data plane of a vault or of a Managed HSM, refused ones too.
    KeyVaultAudit {
        /// The id of the vault or HSM, as created.
        vault_id: String,
        /// One record of the category `AuditEvent`, as Azure logs it.
        record: Value,
    },
}

/// A write on ARM that succeeded.
#[derive(Debug, Clone)]
pub struct ArmWrite {
    /// The subscription's id; empty for writes above subscriptions.
    pub subscription: String,
    /// The id as sent. For an action, the id of what it was done to.
    pub resource_id: String,
    /// The operation, e.g. `Microsoft.KeyVault/vaults/delete`.
    pub operation: String,
    /// What kind of write it was.
    pub kind: WriteKind,
    /// The status answered.
    pub status_code: u16,
    /// Who did it.
    pub caller: Caller,
    /// The correlation id.
    pub correlation_id: String,
    /// When.
    pub at: Timestamp,
    /// The method.
    pub method: String,
    /// The URL as the client meant it.
    pub url: String,
}

type Effect = Box<dyn FnOnce(&mut Tenant, Timestamp) + Send>;

/// Everything the sandbox remembers.
pub struct Tenant {
    /// The tenant's id.
    pub tenant_id: String,
    /// The principal that may do everything: whoever set the tenant up.
    pub owner_object_id: String,
    /// Resources by their id in lower case: subscriptions, resource groups, vaults, role assignments and all others.
    pub resources: BTreeMap<String, Resource>,
    /// Vaults that were deleted and can be recovered, by their name in lower case.
    pub deleted_vaults: BTreeMap<String, DeletedVault>,
    /// Managed HSMs that were deleted and can be recovered, by their name in lower case.
    pub deleted_hsms: BTreeMap<String, DeletedHsm>,
    /// Keys, secrets and certificates of each vault and HSM, deleted ones too, by the host in lower case.
    pub data: BTreeMap<String, VaultData>,
    /// Containers and blobs of each storage account.
    pub blobs: crate::storage::blobs::BlobStores,
    /// Principals by object id.
    pub principals: BTreeMap<String, PrincipalRecord>,
    /// What happened so far.
    pub happenings: Vec<Happening>,
    /// Events of the Activity Log, oldest first.
    pub activity: Vec<Value>,
    /// Asynchronous operations by id.
    pub operations: BTreeMap<String, Operation>,
    /// Faults in force.
    pub faults: Faults,
    /// How the sandbox behaves.
    pub options: Options,
    pub(crate) clock_shift: SignedDuration,
    pub(crate) subscribers: Vec<UnboundedSender<Happening>>,
    pub(crate) reads_left: u64,
    pub(crate) asked: crate::asked::Asked,
    later: Vec<(Timestamp, Effect)>,
    etags: u64,
}

impl Tenant {
    pub(crate) fn new(options: Options) -> Self {
        let mut tenant = Self {
            tenant_id: options.tenant_id.clone(),
            owner_object_id: String::new(),
            resources: BTreeMap::new(),
            deleted_vaults: BTreeMap::new(),
            deleted_hsms: BTreeMap::new(),
            data: BTreeMap::new(),
            blobs: crate::storage::blobs::BlobStores::default(),
            principals: BTreeMap::new(),
            happenings: Vec::new(),
            activity: Vec::new(),
            operations: BTreeMap::new(),
            faults: Faults::default(),
            clock_shift: SignedDuration::ZERO,
            subscribers: Vec::new(),
            reads_left: options.subscription_reads,
            asked: crate::asked::Asked::default(),
            later: Vec::new(),
            etags: 0,
            options,
        };
        tenant.owner_object_id = tenant.register_principal(PrincipalKind::User, "owner").object_id;
        for (id, name) in tenant.options.subscriptions.clone() {
            tenant.add_subscription(&id, &name);
        }
        tenant
    }

    /// Returns the time by the sandbox's clock, which [`crate::Sandbox::advance_clock`] moves.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::now().checked_add(self.clock_shift).unwrap_or(Timestamp::MAX)
    }

    /// Returns a resource by its id, in any case.
    #[must_use]
    pub fn resource(&self, id: &str) -> Option<&Resource> {
        self.resources.get(&id.trim_end_matches('/').to_ascii_lowercase())
    }

    /// Writes a resource: keeps the id and the time of its creation where it was there, and gives it a new entity tag.
    pub fn put_resource(&mut self, id: &str, body: Value, now: Timestamp) -> &Resource {
        self.etags += 1;
        let etag = format!("\"{:08x}-0000-0d00-0000-{:012x}\"", self.etags, now.as_second());
        let id = id.trim_end_matches('/');
        let resource = self.resources.entry(id.to_ascii_lowercase()).or_insert_with(|| Resource {
            id: id.to_owned(),
            etag: String::new(),
            body: Value::Null,
            created_at: now,
            changed_at: now,
        });
        resource.etag = etag;
        resource.body = body;
        resource.changed_at = now;
        resource
    }

    /// Removes a resource and returns it. What lies below it stays: see [`Tenant::remove_below`].
    pub fn remove_resource(&mut self, id: &str) -> Option<Resource> {
        self.resources.remove(&id.trim_end_matches('/').to_ascii_lowercase())
    }

    /// Removes everything that lies below an id: children and extension resources such as role assignments.
    pub fn remove_below(&mut self, id: &str) -> Vec<Resource> {
        let prefix = format!("{}/", id.trim_end_matches('/').to_ascii_lowercase());
        let ids: Vec<String> =
            self.resources.range(prefix.clone()..).map(|(id, _)| id.clone()).take_while(|id| id.starts_with(&prefix)).collect();
        ids.iter().filter_map(|id| self.resources.remove(id)).collect()
    }

    /// Returns the resources below an id (an empty id: all) whose type is this, in any case, in the order of their ids.
    pub fn resources_of<'a>(&'a self, below: &str, resource_type: &'a str) -> impl Iterator<Item = &'a Resource> + 'a {
        let prefix = format!("{}/", below.trim_end_matches('/').to_ascii_lowercase());
        self.resources
            .range(prefix.clone()..)
            .take_while(move |(id, _)| id.starts_with(&prefix))
            .map(|(_, resource)| resource)
            .filter(move |resource| resource.resource_type().eq_ignore_ascii_case(resource_type))
    }

    /// Says whether a caller may do a control-plane action on a scope: built-in roles, custom roles, `NotActions`, propagation delay.
    #[must_use]
    pub fn is_allowed(&self, caller: &Caller, action: &str, scope: &str, now: Timestamp) -> bool {
        crate::rbac::is_allowed(self, &caller.object_id, crate::rbac::Plane::Control, action, scope, now)
    }

    /// Says whether a principal may do a data action on a scope, e.g. `Microsoft.KeyVault/vaults/keys/wrap/action`.
    #[must_use]
    pub fn is_data_allowed(&self, object_id: &str, data_action: &str, scope: &str, now: Timestamp) -> bool {
        crate::rbac::is_allowed(self, object_id, crate::rbac::Plane::Data, data_action, scope, now)
    }

    /// Starts an asynchronous operation that ends after [`Options::operation_delay`]; `effect` runs then.
    pub fn begin_operation(
        &mut self,
        resource_id: &str,
        provider: &str,
        now: Timestamp,
        effect: impl FnOnce(&mut Tenant, Timestamp) + Send + 'static,
    ) -> OperationTicket {
        crate::operations::begin(self, resource_id, provider, now, Box::new(effect))
    }

    /// Runs `effect` when the clock has come to `at`; at the next request after it.
    pub fn do_later(&mut self, at: Timestamp, effect: impl FnOnce(&mut Tenant, Timestamp) + Send + 'static) {
        self.later.push((at, Box::new(effect)));
    }

    /// Says when the next effect is due that waits for its time.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.later.iter().map(|(at, _)| *at).min()
    }

    /// Runs what is due by `now`, in the order of its time.
    pub fn settle(&mut self, now: Timestamp) {
        loop {
            let due = self.later.iter().enumerate().filter(|(_, (at, _))| *at <= now).min_by_key(|(_, (at, _))| *at);
            let Some(place) = due.map(|(place, _)| place) else { return };
            let (at, effect) = self.later.remove(place);
            effect(self, at);
        }
    }

    /// Remembers what happened and tells the subscribers.
    pub fn push_happening(&mut self, happening: Happening) {
        self.subscribers.retain(|subscriber| subscriber.send(happening.clone()).is_ok());
        self.happenings.push(happening);
    }

    pub(crate) fn subscribe(&mut self) -> UnboundedReceiver<Happening> {
        let (sender, receiver) = unbounded_channel();
        self.subscribers.push(sender);
        receiver
    }
}

impl Resource {
    /// Returns the type, e.g. `Microsoft.KeyVault/vaults`: what the body says, else what the id says.
    #[must_use]
    pub fn resource_type(&self) -> String {
        match self.body.get("type").and_then(Value::as_str) {
            Some(named) => named.to_owned(),
            None => crate::path::ResourcePath::parse(&self.id).map(|path| path.full_type()).unwrap_or_default(),
        }
    }
}
