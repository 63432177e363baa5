"""Drives the sandbox with Microsoft's own clients, step by step, each step asserted.

Must not know how the sandbox is built: what holds here must hold on Azure.
"""

import sys

import vaults
import storage
import monitoring
from azure.identity import ManagedIdentityCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from loopback import FixedToken, LoopbackTransport, environment
from steps import Steps

OWNER_ROLE = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
KEY_ADMINISTRATOR_ROLE = "00482a5a-887f-4fb3-b363-3b7fe8e74483"


class World:
    """What every group of steps needs: the addresses, the identity, the steps counted."""

    def __init__(self):
        self.sandbox = environment("SANDBOX_TLS_URL")
        self.subscription = environment("SANDBOX_SUBSCRIPTION")
        self.tenant = environment("SANDBOX_TENANT")
        self.principal = environment("SANDBOX_PRINCIPAL")
        self.group = environment("SANDBOX_GROUP")
        self.location = "westeurope"
        self.steps = Steps()
        self.credential = ManagedIdentityCredential(client_id=environment("SANDBOX_CLIENT_ID"))

    def scope(self):
        """Returns the subscription's id as a scope."""
        return f"/subscriptions/{self.subscription}"

    def id(self, provider_path):
        """Returns the id of a resource in the world's group."""
        return f"{self.scope()}/resourceGroups/{self.group}/providers/{provider_path}"

    def management(self, client, **kwargs):
        """Makes a management client that speaks to the sandbox."""
        kwargs.setdefault("credential", self.credential)
        transport = LoopbackTransport(self.sandbox)
        return client(subscription_id=self.subscription, transport=transport, retry_total=1, polling_interval=1, **kwargs)


def assign_roles(world):
    """Lets the identity do its work: the owner gives it its roles, as a person would."""
    steps = world.steps
    steps.begin("roles")
    owner = world.management(AuthorizationManagementClient, credential=FixedToken(environment("SANDBOX_OWNER_TOKEN")))
    identity = world.management(AuthorizationManagementClient)
    steps.refused("nobody acts without a role", lambda: list(identity.role_assignments.list_for_subscription()), 403, "AuthorizationFailed")
    for number, role in enumerate((OWNER_ROLE, KEY_ADMINISTRATOR_ROLE)):
        name = f"11111111-1111-1111-1111-11111111111{number}"
        parameters = {
            "role_definition_id": f"{world.scope()}/providers/Microsoft.Authorization/roleDefinitions/{role}",
            "principal_id": world.principal,
            "principal_type": "ServicePrincipal",
        }
        made = owner.role_assignments.create(world.scope(), name, parameters)
        steps.equal("an assignment names its principal", made.principal_id, world.principal)
    steps.check(
        "the identity reads its assignments",
        any(found.principal_id == world.principal for found in identity.role_assignments.list_for_scope(world.scope())),
    )
    definition = identity.role_definitions.get(world.scope(), OWNER_ROLE)
    steps.equal("a built-in role has its name", definition.role_name, "Owner")
    steps.refused(
        "an assignment that is there is not made again under another name",
        lambda: owner.role_assignments.create(
            world.scope(),
            "22222222-2222-2222-2222-222222222222",
            {
                "role_definition_id": f"{world.scope()}/providers/Microsoft.Authorization/roleDefinitions/{OWNER_ROLE}",
                "principal_id": world.principal,
                "principal_type": "ServicePrincipal",
            },
        ),
        409,
        "RoleAssignmentExists",
    )


def main():
    """Runs all groups of steps."""
    world = World()
    assign_roles(world)
    vaults.drive(world)
    vaults.drive_keys(world)
    storage.drive(world)
    monitoring.drive_sql(world)
    monitoring.drive(world)
    print(f"{world.steps.done} steps", flush=True)


if __name__ == "__main__":
    sys.exit(main())
