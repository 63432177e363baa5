//! The stage in Azure: the sandbox, the company, the guard as deployed, and the delivery of events.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use reprieve_azure_sandbox::delivery::{Delivery, DeliveryOptions, Disorder};
use reprieve_azure_sandbox::host::{Host, HostOptions, Invocation};
use reprieve_azure_sandbox::{Options, PrincipalKind, Sandbox};
use serde_json::{Value, json};

use super::company::{EVIDENCE, LOCATION, LOGS, SITE, SUBSCRIPTION, found, id, reprieve, storage, vault};
use super::desk::AzureDesk;
use super::evidence::Chat;
use super::people::Person;
use super::template::Template;
use crate::stage::package::{find_beside, find_command};

/// Names the environment variable that points to the binary of the Azure guard.
pub const BINARY_VARIABLE: &str = "REPRIEVE_AZURE_GUARD_BINARY";

/// How long everything that is on its way may take to be answered.
const SETTLE_WAIT: Duration = Duration::from_mins(1);

/// What a stage is set with.
#[derive(Debug, Clone, Copy)]
pub struct AzureSetting {
    /// `enforce` or `observe`.
    pub mode: &'static str,
    /// How long a new role assignment takes until it counts.
    pub role_propagation: Duration,
}

/// The stage.
pub struct AzureStage {
    /// The tenant.
    pub sandbox: Sandbox,
    /// Whoever owns the subscription.
    pub owner: Person,
    /// An attacker with stolen credentials of an administrator.
    pub mallory: Person,
    /// A platform engineer who makes planned changes.
    pub pat: Person,
    /// A change manager.
    pub alice: Person,
    /// The guard's chat.
    pub chat: Chat,
    /// The function app.
    pub host: Host,
    /// The change manager's desk.
    pub desk: AzureDesk,
    /// What brings events.
    pub delivery: Delivery,
    /// The object id of the guard's identity.
    pub guard_object_id: String,
    folder: tempfile::TempDir,
    is_prepared: tokio::sync::OnceCell<()>,
    begun_at: Mutex<Timestamp>,
}

impl AzureStage {
    /// Sets the stage.
    ///
    /// # Errors
    /// When something of it cannot be made; says what.
    pub async fn set(setting: AzureSetting) -> Result<Self> {
        let binary = find_guard()?;
        let sandbox = Sandbox::start(Options { role_propagation: setting.role_propagation, ..Options::default() }).await?;
        let owner = Person::new(sandbox.owner(), &sandbox.http_url());
        let tenant_id = sandbox.tenant().tenant_id.clone();
        found(&owner, &tenant_id).await.context("the company could not be founded")?;
        let [mallory, pat, alice] =
            ["mallory", "pat", "alice"].map(|name| Person::new(sandbox.principal(PrincipalKind::User, name), &sandbox.http_url()));
        // Alice may delete what she approves: nothing but the policies keeps her from approving her own act.
        for person in [&mallory, &pat, &alice] {
            employ(&owner, person).await?;
        }
        approver(&owner, &alice).await?;
        tokio::time::sleep(setting.role_propagation + Duration::from_millis(50)).await;
        let desk = AzureDesk::open(find_command()?, &sandbox.http_url(), &alice).await.context("the desk could not be opened")?;
        let guard = deploy(&owner, setting.mode).await.context("the guard could not be deployed")?;
        // As an operator waits before the first run: until then the guard may do nothing.
        tokio::time::sleep(setting.role_propagation + Duration::from_millis(50)).await;
        let chat = Chat::open().await?;
        let folder = package(&binary)?;
        let mut options = HostOptions::new(folder.path(), SITE);
        options.environment = environment(&sandbox, &guard, &chat, setting.mode, &tenant_id);
        options.environment.insert("REPRIEVE_APPROVAL_KEYS".to_owned(), desk.approval_keys().to_owned());
        let host = Host::start(options).await?;
        sandbox.kill_by(&host);
        let delivery = Delivery::start(&sandbox, vec![host.clone()], DeliveryOptions::default());
        let is_prepared = tokio::sync::OnceCell::new();
        let guard_object_id = guard.principal_id;
        Ok(Self {
            sandbox,
            owner,
            mallory,
            pat,
            alice,
            chat,
            host,
            desk,
            delivery,
            guard_object_id,
            folder,
            is_prepared,
            begun_at: Mutex::new(Timestamp::now()),
        })
    }

    /// Runs the timer once.
    ///
    /// # Errors
    /// When the sweep failed.
    pub async fn sweep(&self) -> Result<Invocation> {
        let invocation = self.host.run_timer("Sweep").await;
        ensure!(invocation.outcome.is_ok(), "the sweep failed: {:?} {:?}", invocation.outcome, invocation.logs);
        self.settled().await?;
        Ok(invocation)
    }

    /// Lets the guard provision the tenant and learn what is there: what every scenario but the first begins with.
    ///
    /// # Errors
    /// When a sweep failed.
    pub async fn prepared(&self) -> Result<()> {
        let sweeps = async || {
            // What the first provisions, the second finds; the third finds all of it as it must be, and learns.
            for _ in 0..3 {
                self.sweep().await?;
            }
            Ok::<(), anyhow::Error>(())
        };
        let began = Timestamp::now();
        self.is_prepared.get_or_try_init(sweeps).await?;
        // What the first sweeps did belongs to the scenario that asked for them.
        *self.begun_at.lock().unwrap_or_else(PoisonError::into_inner) = began;
        Ok(())
    }

    /// Returns when the scenario began that is played now.
    pub(crate) fn begun_at(&self) -> Timestamp {
        *self.begun_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every event is answered.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn settled(&self) -> Result<()> {
        ensure!(self.delivery.settled(SETTLE_WAIT).await, "events were still on their way after {} s", SETTLE_WAIT.as_secs());
        Ok(())
    }

    /// Ends what a scenario asked to go wrong.
    pub fn clear_faults(&self) {
        self.delivery.set_disorder(Disorder::default());
        self.sandbox.tenant().faults.clear();
    }

    /// Ends everything.
    pub async fn strike(self) {
        self.delivery.stop();
        self.host.stop().await;
        self.chat.close();
        self.sandbox.stop().await;
        drop(self.folder);
    }
}

/// The guard's identity.
struct Guard {
    client_id: String,
    principal_id: String,
}

fn find_guard() -> Result<PathBuf> {
    match std::env::var_os(BINARY_VARIABLE).filter(|given| !given.is_empty()) {
        Some(given) => Ok(PathBuf::from(given)),
        None => find_beside("azure-guard", "azure-guard").with_context(|| format!("`{BINARY_VARIABLE}` may point to it instead")),
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Puts the function app together as `scripts/package --cloud azure` does: what is in the function's folder, and the binary.
fn package(binary: &Path) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let source = root().join("functions/azure-guard");
    std::fs::copy(source.join("host.json"), folder.path().join("host.json"))?;
    for entry in std::fs::read_dir(&source)? {
        let entry = entry?;
        let function = entry.path().join("function.json");
        if function.is_file() {
            let to = folder.path().join(entry.file_name());
            std::fs::create_dir(&to)?;
            std::fs::copy(&function, to.join("function.json"))?;
        }
    }
    std::fs::copy(binary, folder.path().join("azure-guard")).with_context(|| format!("cannot copy `{}`", binary.display()))?;
    Ok(folder)
}

/// Gives somebody the roles of an administrator: everything but access itself, on resources and on keys.
async fn employ(owner: &Person, person: &Person) -> Result<()> {
    let roles =
        [("b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor"), ("00482a5a-887f-4fb3-b363-3b7fe8e74483", "Key Vault Administrator")];
    for (role, what) in roles {
        assign(owner, &format!("/subscriptions/{SUBSCRIPTION}"), role, person.principal.object_id(), "User").await.context(what)?;
    }
    Ok(())
}

/// Lets somebody sign with the approval key, tag, and write approvals into the ledger.
async fn approver(owner: &Person, person: &Person) -> Result<()> {
    let object = person.principal.object_id();
    assign(owner, &vault("kv-approval"), "14b46e9e-c2b7-41b4-b07b-48a6ebf60603", object, "User").await?;
    assign(owner, &format!("/subscriptions/{SUBSCRIPTION}"), "4a9ae827-6dc8-4573-8ac7-8239d42aa03f", object, "User").await?;
    assign(owner, &format!("/subscriptions/{SUBSCRIPTION}"), "acdd72a7-3385-48ef-bd42-f606fba81ae7", object, "User").await?;
    assign(
        owner,
        &reprieve(&format!("Microsoft.Storage/storageAccounts/{EVIDENCE}")),
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        object,
        "User",
    )
    .await
}

/// Gives somebody a role.
pub(super) async fn assign(owner: &Person, scope: &str, role: &str, principal: &str, kind: &str) -> Result<()> {
    let name = uuid::Uuid::new_v4();
    let body = json!({ "properties": {
        "roleDefinitionId": format!("/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        "principalId": principal,
        "principalType": kind,
    } });
    owner.put(&format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"), &body).await?;
    Ok(())
}

/// Deploys what `infra/azure` deploys: identity, role, containers, event hub, action group, event subscriptions.
async fn deploy(owner: &Person, mode: &str) -> Result<Guard> {
    let identity =
        owner.put(&reprieve("Microsoft.ManagedIdentity/userAssignedIdentities/id-reprieve"), &json!({ "location": LOCATION })).await?;
    let text = |pointer: &str| identity.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let guard = Guard { client_id: text("/properties/clientId"), principal_id: text("/properties/principalId") };
    let account = reprieve(&format!("Microsoft.Storage/storageAccounts/{EVIDENCE}"));
    for container in ["reprieve-ledger", "reprieve-audit", "reprieve-policies", "reprieve-dead-letters"] {
        owner.put(&format!("{account}/blobServices/default/containers/{container}"), &json!({ "properties": {} })).await?;
    }
    grant(owner, &guard, mode).await?;
    owner
        .put(&reprieve("Microsoft.EventHub/namespaces/evhns-reprieve"), &json!({ "location": LOCATION, "sku": { "name": "Basic" } }))
        .await?;
    owner.put(&reprieve("Microsoft.EventHub/namespaces/evhns-reprieve/eventhubs/audit-events"), &json!({ "properties": {} })).await?;
    let rule = json!({ "properties": { "rights": ["Send"] } });
    owner.put(&reprieve("Microsoft.EventHub/namespaces/evhns-reprieve/authorizationRules/diagnostics"), &rule).await?;
    let group = json!({ "location": "Global", "properties": {
        "groupShortName": "oncall", "enabled": true,
        "emailReceivers": [{ "name": "oncall", "emailAddress": "oncall@example.com", "useCommonAlertSchema": true }],
    } });
    owner.put(&reprieve("Microsoft.Insights/actionGroups/ag-oncall"), &group).await?;
    subscribe(owner).await?;
    Ok(guard)
}

/// Makes the custom roles of `infra/azure/subscription.json`, `guard.json` and `evidence.json`, and assigns them: the guard holds no
/// other.
async fn grant(owner: &Person, guard: &Guard, mode: &str) -> Result<()> {
    let subscription = format!("/subscriptions/{SUBSCRIPTION}");
    let rooms = [
        ("subscription.json", ["reads", "writes", "dataReads", "dataWrites"], subscription.clone()),
        ("guard.json", ["noticeReads", "noticeWrites", "", ""], format!("{subscription}/resourceGroups/rg-reprieve")),
    ];
    for (number, (file, [reads, writes, data_reads, data_writes], scope)) in rooms.into_iter().enumerate() {
        let template = Template::read(&root().join("infra/azure").join(file), &[], "")?;
        let list = |reads: &str, writes: &str| -> Result<Vec<Value>> {
            let names = [reads, if mode == "enforce" { writes } else { "" }].into_iter().filter(|name| !name.is_empty());
            let lists = names.map(|name| Ok(template.variable(name)?.as_array().cloned().unwrap_or_default()));
            Ok(lists.collect::<Result<Vec<_>>>()?.concat())
        };
        let role = format!("5c0ffee5-0000-4000-8000-00000000000{number}");
        let definition = json!({ "properties": {
            "roleName": format!("Reprieve {number}"), "description": "Gives vaults, keys and log settings back.", "type": "CustomRole",
            "permissions": [{
                "actions": list(reads, writes)?, "notActions": [], "dataActions": list(data_reads, data_writes)?, "notDataActions": [],
            }],
            "assignableScopes": [subscription],
        } });
        owner.put(&format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"), &definition).await?;
        assign(owner, &scope, &role, &guard.principal_id, "ServicePrincipal").await?;
    }
    let evidence = Template::read(&root().join("infra/azure/evidence.json"), &[], "")?;
    let role = "5c0ffee5-0000-4000-8000-000000000009";
    let definition = json!({ "properties": {
        "roleName": "Reprieve evidence", "description": "Writes the ledger and the records.", "type": "CustomRole",
        "permissions": [{ "actions": [], "notActions": [], "dataActions": evidence.data_actions()?, "notDataActions": [] }],
        "assignableScopes": [subscription],
    } });
    owner.put(&format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"), &definition).await?;
    seals(owner, guard).await?;
    for container in ["reprieve-ledger", "reprieve-audit"] {
        let scope = reprieve(&format!("Microsoft.Storage/storageAccounts/{EVIDENCE}/blobServices/default/containers/{container}"));
        assign(owner, &scope, role, &guard.principal_id, "ServicePrincipal").await?;
    }
    Ok(())
}

/// Makes the key of the seals, and the role of `infra/azure/seals.json` on that key alone.
async fn seals(owner: &Person, guard: &Guard) -> Result<()> {
    let subscription = format!("/subscriptions/{SUBSCRIPTION}");
    let seals = Template::read(&root().join("infra/azure/seals.json"), &[], "")?;
    let role = "5c0ffee5-0000-4000-8000-00000000000a";
    let definition = json!({ "properties": {
        "roleName": "Reprieve sealer", "description": "Signs seals.", "type": "CustomRole",
        "permissions": [{ "actions": [], "notActions": [], "dataActions": seals.data_actions()?, "notDataActions": [] }],
        "assignableScopes": [subscription],
    } });
    owner.put(&format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"), &definition).await?;
    let scope = format!("{}/keys/seal", reprieve("Microsoft.KeyVault/vaults/kv-seals"));
    assign(owner, &scope, role, &guard.principal_id, "ServicePrincipal").await
}

/// Subscribes the functions to what happens in the subscription, as `infra/azure/events.json` does.
async fn subscribe(owner: &Person) -> Result<()> {
    let subscription = format!("/subscriptions/{SUBSCRIPTION}");
    let (app, evidence) =
        (reprieve(&format!("Microsoft.Web/sites/{SITE}")), reprieve(&format!("Microsoft.Storage/storageAccounts/{EVIDENCE}")));
    let identity = reprieve("Microsoft.ManagedIdentity/userAssignedIdentities/id-reprieve");
    let parameters = [("functionAppId", app.as_str()), ("evidenceStorageId", &evidence), ("eventsIdentityId", &identity)];
    let template = Template::read(&root().join("infra/azure/events.json"), &parameters, &subscription)?;
    let topics = template.resources("Microsoft.EventGrid/systemTopics")?;
    let (topic, properties) = topics.first().context("events.json makes no system topic")?;
    let topic_id = reprieve(&format!("Microsoft.EventGrid/systemTopics/{topic}"));
    owner.put(&topic_id, &json!({ "location": "global", "properties": properties })).await?;
    for (name, properties) in template.resources("Microsoft.EventGrid/systemTopics/eventSubscriptions")? {
        let name = name.rsplit('/').next().unwrap_or_default();
        owner.put(&format!("{topic_id}/eventSubscriptions/{name}"), &json!({ "properties": properties })).await?;
    }
    Ok(())
}

/// The app settings, as `infra/azure/guard.json` gives them.
fn environment(sandbox: &Sandbox, guard: &Guard, chat: &Chat, mode: &str, tenant_id: &str) -> BTreeMap<String, String> {
    let settings = [
        ("REPRIEVE_MODE", mode.to_owned()),
        ("REPRIEVE_AZURE_SUBSCRIPTIONS", SUBSCRIPTION.to_owned()),
        ("REPRIEVE_AZURE_TENANT_ID", tenant_id.to_owned()),
        ("REPRIEVE_AZURE_CLIENT_ID", guard.client_id.clone()),
        ("REPRIEVE_AZURE_PRINCIPAL_ID", guard.principal_id.clone()),
        ("REPRIEVE_AZURE_STORAGE_ACCOUNT", EVIDENCE.to_owned()),
        ("REPRIEVE_AZURE_ALLOWED_VAULTS", vault("kv-logs")),
        ("REPRIEVE_AZURE_LOG_KEY", "https://kv-logs.vault.azure.net/keys/logs".to_owned()),
        ("REPRIEVE_AZURE_LOG_IDENTITY", id("rg-prod", "Microsoft.ManagedIdentity/userAssignedIdentities/id-logs")),
        ("REPRIEVE_AZURE_LOG_STORAGE", storage(LOGS)),
        ("REPRIEVE_AZURE_EVENT_HUB_RULE", reprieve("Microsoft.EventHub/namespaces/evhns-reprieve/authorizationRules/diagnostics")),
        ("REPRIEVE_AZURE_EVENT_HUB_NAME", "audit-events".to_owned()),
        ("REPRIEVE_AZURE_ACTION_GROUP", reprieve("Microsoft.Insights/actionGroups/ag-oncall")),
        ("REPRIEVE_AZURE_ALERTS_GROUP", format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-reprieve")),
        ("REPRIEVE_AZURE_SEAL_KEY", "https://kv-seals.vault.azure.net/keys/seal".to_owned()),
        ("REPRIEVE_WEBHOOKS", chat.entry()),
        ("REPRIEVE_AZURE_ENDPOINT_URL", sandbox.http_url()),
        ("IDENTITY_ENDPOINT", sandbox.identity_endpoint()),
        ("IDENTITY_HEADER", sandbox.identity_header().to_owned()),
    ];
    settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
