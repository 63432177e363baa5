"""SQL auditing, diagnostic settings, alerts and action groups, driven with azure-mgmt-sql and azure-mgmt-monitor."""

from azure.mgmt.monitor import MonitorManagementClient
from azure.mgmt.sql import SqlManagementClient, models as sql_models


def drive_sql(world):
    """Creates a server and turns its auditing on."""
    steps, client = world.steps, world.management(SqlManagementClient)
    steps.begin("sql")
    server = sql_models.Server(
        location=world.location,
        properties=sql_models.ServerProperties(administrator_login="sa-driven", administrator_login_password="Th1s-is-a-sandbox"),
    )
    client.servers.begin_create_or_update(world.group, "sql-driven", server).result()
    steps.check("the subscription lists it", "sql-driven" in [found.name for found in client.servers.list()])
    policies = client.server_blob_auditing_policies
    steps.equal("auditing is off at first", policies.get(world.group, "sql-driven").properties.state, "Disabled")
    wanted = sql_models.ServerBlobAuditingPolicyProperties(
        state="Enabled", storage_endpoint="https://stdriven01.blob.core.windows.net", retention_days=90, is_managed_identity_in_use=True
    )
    policies.begin_create_or_update(world.group, "sql-driven", sql_models.ServerBlobAuditingPolicy(properties=wanted)).result()
    seen = policies.get(world.group, "sql-driven").properties
    steps.equal("auditing is on", (seen.state, seen.retention_days), ("Enabled", 90))
    steps.equal("it goes to the account", seen.storage_endpoint.rstrip("/"), "https://stdriven01.blob.core.windows.net")


def drive(world):
    """Puts, lists and deletes diagnostic settings, alerts and action groups; reads the Activity Log."""
    client = world.management(MonitorManagementClient)
    drive_settings(world, client.diagnostic_settings)
    drive_alerts(world, client)
    drive_log(world, client.activity_logs)


def drive_settings(world, settings):
    """Sends the subscription's and a vault's logs to the account."""
    steps = world.steps
    steps.begin("diagnostic setting")
    account = world.id("Microsoft.Storage/storageAccounts/stdriven01")
    categories = [{"category": name, "enabled": True} for name in ("Administrative", "Security")]
    scope = world.scope().lstrip("/")
    settings.create_or_update(scope, "activity", {"storage_account_id": account, "logs": categories})
    seen = settings.get(scope, "activity")
    steps.equal("the Activity Log goes to the account", seen.storage_account_id.lower(), account.lower())
    steps.equal("its categories stay", [log.category for log in seen.logs if log.enabled], ["Administrative", "Security"])
    vault = world.id("Microsoft.KeyVault/vaults/kv-driven").lstrip("/")
    settings.create_or_update(vault, "audit", {"storage_account_id": account, "logs": [{"category_group": "audit", "enabled": True}]})
    steps.equal("a vault's settings are its own", [found.name for found in settings.list(vault)], ["audit"])
    settings.delete(vault, "audit")
    steps.equal("a deleted setting is gone", list(settings.list(vault)), [])
    nowhere = {"logs": categories}
    steps.refused("a setting without destination is refused", lambda: settings.create_or_update(vault, "nowhere", nowhere), 400)


def drive_alerts(world, client):
    """Alerts on the deletion of vaults."""
    steps = world.steps
    steps.begin("alert")
    group = {
        "location": "Global",
        "group_short_name": "reprieve",
        "enabled": True,
        "email_receivers": [{"name": "security", "email_address": "security@contoso.example", "use_common_alert_schema": True}],
    }
    made = client.action_groups.create_or_update(world.group, "ag-driven", group)
    steps.equal("an action group has its receivers", [receiver.name for receiver in made.email_receivers], ["security"])
    conditions = [
        {"field": "category", "equals": "Administrative"},
        {"field": "operationName", "equals": "Microsoft.KeyVault/vaults/delete"},
    ]
    alert = {
        "location": "Global",
        "scopes": [world.scope()],
        "enabled": True,
        "condition": {"all_of": conditions},
        "actions": {"action_groups": [{"action_group_id": made.id}]},
    }
    client.activity_log_alerts.create_or_update(world.group, "alert-driven", alert)
    seen = client.activity_log_alerts.get(world.group, "alert-driven")
    steps.equal("an alert has its conditions", [condition.field for condition in seen.condition.all_of], ["category", "operationName"])
    listed = [found.name for found in client.activity_log_alerts.list_by_subscription_id()]
    steps.equal("the subscription lists it", listed, ["alert-driven"])
    client.activity_log_alerts.delete(world.group, "alert-driven")
    steps.refused("a deleted alert is gone", lambda: client.activity_log_alerts.get(world.group, "alert-driven"), 404)


def drive_log(world, log):
    """Finds what was done above."""
    steps = world.steps
    steps.begin("activity log")
    asked = "eventTimestamp ge '2020-01-01T00:00:00Z'"

    def deletions():
        found = [event for event in log.list(filter=asked) if event.operation_name.value.lower() == "microsoft.keyvault/vaults/delete"]
        return [event.resource_id.lower() for event in found]

    vault = world.id("Microsoft.KeyVault/vaults/kv-driven").lower()
    steps.soon("the deletion of the vault is in it", deletions, lambda found: vault in found)
