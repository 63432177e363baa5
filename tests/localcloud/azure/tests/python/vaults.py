"""Vaults and keys, driven with azure-mgmt-keyvault and azure-keyvault-keys."""

from azure.keyvault.keys import KeyClient, KeyRotationLifetimeAction, KeyRotationPolicy, KeyRotationPolicyAction
from azure.mgmt.keyvault import KeyVaultManagementClient, models
from loopback import LoopbackTransport

VAULT = "kv-driven"


def parameters(world, **properties):
    """Returns what makes a vault."""
    sku = models.Sku(family="A", name="standard")
    made = models.VaultProperties(tenant_id=world.tenant, sku=sku, access_policies=[], enable_rbac_authorization=True, **properties)
    return models.VaultCreateOrUpdateParameters(location=world.location, properties=made, tags={"env": "test"})


def drive(world):
    """Creates, patches, deletes, lists, recovers; is refused a purge."""
    steps, client = world.steps, world.management(KeyVaultManagementClient)
    vaults = client.vaults
    steps.begin("vault")
    steps.refused("what is not there is not found", lambda: vaults.get(world.group, VAULT), 404, "ResourceNotFound")
    made = vaults.begin_create_or_update(world.group, VAULT, parameters(world, soft_delete_retention_in_days=7)).result()
    steps.equal("a vault has its address", made.properties.vault_uri, f"https://{VAULT}.vault.azure.net/")
    steps.equal("soft delete is on unless asked otherwise", made.properties.enable_soft_delete, True)
    steps.check("purge protection is off unless asked for", not made.properties.enable_purge_protection)
    steps.equal("tags stay", dict(vaults.get(world.group, VAULT).tags), {"env": "test"})
    steps.check("the group lists it", VAULT in [found.name for found in vaults.list_by_resource_group(world.group)])
    steps.check("the subscription lists it", VAULT in [found.name for found in vaults.list_by_subscription()])

    def patch(**properties):
        body = models.VaultPatchParameters(properties=models.VaultPatchProperties(**properties))
        return vaults.update(world.group, VAULT, body)

    steps.equal("a patch turns purge protection on", patch(enable_purge_protection=True).properties.enable_purge_protection, True)
    steps.equal("a patch leaves the rest", vaults.get(world.group, VAULT).properties.soft_delete_retention_in_days, 7)
    steps.refused("purge protection is never turned off", lambda: patch(enable_purge_protection=False), 400)
    steps.refused("soft delete is never turned off", lambda: patch(enable_soft_delete=False), 400)
    steps.refused("retention is fixed", lambda: patch(soft_delete_retention_in_days=90), 400)

    vaults.delete(world.group, VAULT)
    steps.refused("a deleted vault is gone", lambda: vaults.get(world.group, VAULT), 404)
    deleted = vaults.get_deleted(VAULT, world.location)
    steps.equal("it waits among the deleted", deleted.properties.location, world.location)
    steps.equal("it says that it is protected", deleted.properties.purge_protection_enabled, True)
    steps.check("a purge date is set", deleted.properties.scheduled_purge_date > deleted.properties.deletion_date)
    steps.check("the deleted are listed", VAULT in [found.name for found in vaults.list_deleted()])
    steps.refused("its name is taken", lambda: vaults.begin_create_or_update(world.group, VAULT, parameters(world)).result(), 409)
    steps.refused("purge is refused", lambda: vaults.begin_purge_deleted(VAULT, world.location).result(), 405)
    recovery = parameters(world, create_mode="recover")
    recovered = vaults.begin_create_or_update(world.group, VAULT, recovery).result()
    steps.equal("it is recovered with its protection", recovered.properties.enable_purge_protection, True)
    steps.equal("it is recovered with its retention", recovered.properties.soft_delete_retention_in_days, 7)
    steps.refused("it is no longer among the deleted", lambda: vaults.get_deleted(VAULT, world.location), 404)

    vaults.begin_create_or_update(world.group, "kv-short-lived", parameters(world)).result()
    vaults.delete(world.group, "kv-short-lived")
    vaults.begin_purge_deleted("kv-short-lived", world.location).result()
    steps.refused("a vault without protection can be purged", lambda: vaults.get_deleted("kv-short-lived", world.location), 404)
    drive_hsm(world, client.managed_hsms)


def drive_hsm(world, hsms):
    """Deletes and recovers a Managed HSM."""
    steps = world.steps
    steps.begin("hsm")

    def body(**properties):
        made = models.ManagedHsmProperties(tenant_id=world.tenant, initial_admin_object_ids=[world.principal], **properties)
        return models.ManagedHsm(location=world.location, sku=models.ManagedHsmSku(family="B", name="Standard_B1"), properties=made)

    made = hsms.begin_create_or_update(world.group, "hsm-driven", body()).result()
    steps.equal("an HSM has its address", made.properties.hsm_uri, "https://hsm-driven.managedhsm.azure.net/")
    patch = models.ManagedHsm(location=world.location, properties=models.ManagedHsmProperties(enable_purge_protection=True))
    patched = hsms.begin_update(world.group, "hsm-driven", patch).result()
    steps.equal("a patch turns purge protection on", patched.properties.enable_purge_protection, True)
    hsms.begin_delete(world.group, "hsm-driven").result()
    steps.equal("it waits among the deleted", hsms.get_deleted("hsm-driven", world.location).name, "hsm-driven")
    steps.refused("purge is refused", lambda: hsms.begin_purge_deleted("hsm-driven", world.location).result(), 405)
    hsms.begin_create_or_update(world.group, "hsm-driven", body(create_mode="recover")).result()
    steps.equal("it is recovered", hsms.get(world.group, "hsm-driven").properties.enable_purge_protection, True)


def drive_keys(world):
    """Creates, disables, rotates, deletes and recovers keys; is refused a purge."""
    steps = world.steps
    steps.begin("key")
    keys = KeyClient(f"https://{VAULT}.vault.azure.net", world.credential, transport=LoopbackTransport(world.sandbox), retry_total=1)
    steps.refused("what is not there is not found", lambda: keys.get_key("logs"), 404, "KeyNotFound")
    first = keys.create_rsa_key("logs", size=2048)
    steps.check("a key has its id", first.id.startswith(f"https://{VAULT}.vault.azure.net/keys/logs/"), first.id)
    steps.equal("a key of a protected vault cannot be purged", str(first.properties.recovery_level.value), "CustomizedRecoverable")
    second = keys.rotate_key("logs")
    steps.check("a rotation makes a version", second.properties.version != first.properties.version)
    steps.equal("the newest version is read", keys.get_key("logs").properties.version, second.properties.version)
    steps.equal("versions are listed", len(list(keys.list_properties_of_key_versions("logs"))), 2)
    steps.check("keys are listed", "logs" in [found.name for found in keys.list_properties_of_keys()])
    steps.equal("a key is disabled", keys.update_key_properties("logs", enabled=False).properties.enabled, False)
    steps.equal("a key is enabled", keys.update_key_properties("logs", enabled=True).properties.enabled, True)

    actions = [
        KeyRotationLifetimeAction(KeyRotationPolicyAction.rotate, time_after_create="P18M"),
        KeyRotationLifetimeAction(KeyRotationPolicyAction.notify, time_before_expiry="P30D"),
    ]
    keys.update_key_rotation_policy("logs", KeyRotationPolicy(), lifetime_actions=actions, expires_in="P2Y")
    policy = keys.get_key_rotation_policy("logs")
    steps.equal("a rotation policy stays", policy.expires_in, "P2Y")
    rotations = [action.time_after_create for action in policy.lifetime_actions if action.action == KeyRotationPolicyAction.rotate]
    steps.equal("its rotation stays", rotations, ["P18M"])

    deletion = keys.begin_delete_key("logs")
    deleted = deletion.result()
    deletion.wait(timeout=10)
    steps.check("a deleted key says how it is recovered", deleted.recovery_id.endswith("/deletedkeys/logs"), deleted.recovery_id)
    steps.refused("a deleted key is gone", lambda: keys.get_key("logs"), 404, "KeyNotFound")
    steps.check("the deleted are listed", "logs" in [found.name for found in keys.list_deleted_keys()])
    steps.refused("its name is taken", lambda: keys.create_rsa_key("logs"), 409)
    steps.refused("purge is refused", lambda: keys.purge_deleted_key("logs"), 403)
    poller = keys.begin_recover_deleted_key("logs")
    poller.wait(timeout=10)
    steps.equal("it is recovered in its newest version", keys.get_key("logs").properties.version, second.properties.version)
    steps.equal("it is recovered with its rotation policy", keys.get_key_rotation_policy("logs").expires_in, "P2Y")
    elliptic = keys.create_ec_key("seal", curve="P-256")
    steps.equal("an elliptic key has its curve", elliptic.key.crv, "P-256")
