"""Storage accounts under customer-managed keys, and immutable containers, driven with azure-mgmt-storage."""

from azure.core import MatchConditions
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.storage import StorageManagementClient, models

ACCOUNT = "stdriven01"
VAULT_URI = "https://kv-driven.vault.azure.net"


def drive(world):
    """Creates an account, turns its protection on, puts it under a key, makes a container immutable."""
    steps, client = world.steps, world.management(StorageManagementClient)
    steps.begin("storage")
    accounts, services, containers = client.storage_accounts, client.blob_services, client.blob_containers
    account = models.StorageAccountCreateParameters(
        sku=models.Sku(name="Standard_LRS"),
        kind="StorageV2",
        location=world.location,
        identity=models.Identity(type="SystemAssigned"),
    )
    made = accounts.begin_create(world.group, ACCOUNT, account).result()
    steps.equal("Microsoft's key is the first", made.properties.encryption.key_source, "Microsoft.Storage")
    steps.check("an identity is made", bool(made.identity.principal_id))
    steps.check("the subscription lists it", ACCOUNT in [found.name for found in accounts.list()])
    steps.check("the group lists it", ACCOUNT in [found.name for found in accounts.list_by_resource_group(world.group)])

    retention = models.DeleteRetentionPolicy(enabled=True, days=30)
    wanted = models.BlobServicePropertiesProperties(
        delete_retention_policy=retention, container_delete_retention_policy=retention, is_versioning_enabled=True
    )
    services.set_service_properties(world.group, ACCOUNT, models.BlobServiceProperties(blob_service_properties=wanted))
    seen = services.get_service_properties(world.group, ACCOUNT)
    steps.equal("blobs are kept for 30 days", seen.delete_retention_policy.days, 30)
    steps.equal("containers are kept for 30 days", seen.container_delete_retention_policy.days, 30)
    steps.equal("versions are kept", seen.is_versioning_enabled, True)
    drive_key(world, accounts, made.identity.principal_id)
    drive_containers(world, containers)
    drive_immutability(world, containers)


def drive_key(world, accounts, principal):
    """Puts the account under the key: refused before its identity has the role."""
    steps = world.steps
    steps.begin("customer-managed key")
    encryption = models.Encryption(
        key_source="Microsoft.Keyvault",
        key_vault_properties=models.KeyVaultProperties(key_name="logs", key_vault_uri=VAULT_URI),
    )
    update = models.StorageAccountUpdateParameters(properties=models.StorageAccountPropertiesUpdateParameters(encryption=encryption))
    steps.refused("a key that the account cannot read is refused", lambda: accounts.update(world.group, ACCOUNT, update), 400)
    roles = world.management(AuthorizationManagementClient).role_assignments
    role = f"{world.scope()}/providers/Microsoft.Authorization/roleDefinitions/e147488a-f6f5-4113-8e2d-b22465e65bf6"
    assignment = {"role_definition_id": role, "principal_id": principal, "principal_type": "ServicePrincipal"}
    roles.create(world.id("Microsoft.KeyVault/vaults/kv-driven"), "33333333-3333-3333-3333-333333333333", assignment)
    patched = accounts.update(world.group, ACCOUNT, update)
    steps.equal("the key source is the vault", patched.properties.encryption.key_source.lower(), "microsoft.keyvault")
    seen = accounts.get_properties(world.group, ACCOUNT).properties.encryption.key_vault_properties
    steps.equal("the key is named", (seen.key_name, seen.key_vault_uri.rstrip("/")), ("logs", VAULT_URI))


def drive_containers(world, containers):
    """Deletes a container and finds it among the deleted."""
    steps = world.steps
    steps.begin("container")
    containers.create(world.group, ACCOUNT, "short-lived", models.BlobContainer())
    containers.delete(world.group, ACCOUNT, "short-lived")
    names = [found.name for found in containers.list(world.group, ACCOUNT)]
    steps.check("a deleted container is gone", "short-lived" not in names, names)
    deleted = [found for found in containers.list(world.group, ACCOUNT, include="deleted") if found.name == "short-lived"]
    steps.equal("it is kept for 30 days", [found.remaining_retention_days for found in deleted], [30])


def drive_immutability(world, containers):
    """Puts, locks and extends a policy; is refused to shorten or delete it."""
    steps = world.steps
    steps.begin("immutability")
    where = (world.group, ACCOUNT, "sqldbauditlogs")
    containers.create(*where, models.BlobContainer())

    def policy(days):
        wanted = models.ImmutabilityPolicyProperty(immutability_period_since_creation_in_days=days, allow_protected_append_writes=True)
        return models.ImmutabilityPolicy(properties=wanted)

    def read():
        return containers.get_immutability_policy(*where)

    put = containers.create_or_update_immutability_policy(*where, policy(90))
    steps.equal("a policy begins unlocked", (put.state, put.immutability_period_since_creation_in_days), ("Unlocked", 90))
    unchanged = MatchConditions.IfNotModified
    steps.refused(
        "a lock needs the policy's own entity tag",
        lambda: containers.lock_immutability_policy(*where, etag='"8d0000000000000"', match_condition=unchanged),
        412,
    )
    locked = containers.lock_immutability_policy(*where, etag=read().etag, match_condition=unchanged)
    steps.equal("a policy is locked", locked.state, "Locked")
    longer = containers.extend_immutability_policy(*where, policy(120), etag=read().etag, match_condition=unchanged)
    steps.equal("a locked policy is extended", longer.immutability_period_since_creation_in_days, 120)
    steps.refused(
        "a locked policy is not shortened",
        lambda: containers.extend_immutability_policy(*where, policy(30), etag=read().etag, match_condition=unchanged),
        409,
    )
    steps.refused("a locked policy is not put anew", lambda: containers.create_or_update_immutability_policy(*where, policy(1)), 409)
    steps.refused(
        "a locked policy is not deleted",
        lambda: containers.delete_immutability_policy(*where, etag=read().etag, match_condition=unchanged),
        409,
    )
    seen = containers.get(*where)
    steps.equal("the container says that it is immutable", seen.has_immutability_policy, True)
