"""Breaks the templates one promise at a time, and looks whether promises.py says so: a check that passes everything promises nothing.

It must not write a template. Called by scripts/lint-azure-templates.
"""

import copy
import os
import sys

import promises
from contracts import Contracts

EVENTS = "Microsoft.EventGrid/systemTopics/eventSubscriptions"


def first(template, kind, part=""):
    """The first resource of the type whose name holds `part`."""
    return next(each for each in promises.of_type(template, kind) if part in each["name"])


def settings(templates):
    return first(templates["guard.json"], "Microsoft.Web/sites")["properties"]["siteConfig"]["appSettings"]


def may(action, to="writes", of="subscription.json"):
    return lambda templates: templates[of]["variables"][to].append(action)


def assign_without_condition(templates):
    first(templates["subscription.json"], "Microsoft.Authorization/roleAssignments")["properties"].pop("condition")


def assign_on_the_group(templates):
    promises.assignments_of(templates["guard.json"], "destinationRole")[0].pop("scope")


def assign_contributor(templates):
    templates["guard.json"]["variables"]["contributor"] = "[subscriptionResourceId('x', 'b24988ac-6180-42a0-ab88-20f7382dd24c')]"
    assignment = first(templates["guard.json"], "Microsoft.Authorization/roleAssignments")
    assignment["properties"]["roleDefinitionId"] = "[variables('contributor')]"


def forget_own_principal(templates):
    variables = templates["subscription.json"]["variables"]
    variables["assignmentCondition"] = variables["assignmentCondition"].replace("GuidNotEquals {', parameters('guardPrincipalId')", "GuidEquals {', ''")


def drop_dead_letters(templates):
    first(templates["events.json"], EVENTS, "recover-vault")["properties"].pop("deadLetterWithResourceIdentity")


def tell_nobody(templates):
    first(templates["guard.json"], "Microsoft.Insights/scheduledQueryRules")["properties"]["actions"] = {"actionGroups": []}


def drop_alert_of_dead_letters(templates):
    templates["events.json"]["resources"].remove(first(templates["events.json"], "Microsoft.Insights/metricAlerts"))


def drop_subscription(templates):
    templates["events.json"]["resources"].remove(first(templates["events.json"], EVENTS, "provision-alerts"))


def hear_writes_only(templates):
    first(templates["events.json"], EVENTS, "recover-vault")["properties"]["filter"]["includedEventTypes"] = ["Microsoft.Resources.ResourceWriteSuccess"]


def drop_consumer_group(templates):
    group = first(templates["guard.json"], "Microsoft.EventHub/namespaces/eventhubs/consumergroups", "recover-key")
    templates["guard.json"]["resources"].remove(group)


def drop_alarm(templates, name):
    alarms = templates["guard.json"]["variables"]["alarms"]
    alarms[:] = [each for each in alarms if each["name"] != name]


def set_key(templates):
    settings(templates)[0]["value"] = "[listKeys(variables('hostStorageId'), '2024-01-01').keys[0].value]"


def drop_setting(templates):
    settings(templates)[:] = [each for each in settings(templates) if each["name"] != "REPRIEVE_MODE"]


def allow_http(templates):
    first(templates["guard.json"], "Microsoft.Web/sites")["properties"]["httpsOnly"] = False


def allow_shared_keys(templates):
    first(templates["evidence.json"], "Microsoft.Storage/storageAccounts")["properties"]["allowSharedKeyAccess"] = True


def stop_versions(templates):
    first(templates["evidence.json"], "Microsoft.Storage/storageAccounts/blobServices")["properties"]["isVersioningEnabled"] = False


def make_audit_mutable(templates):
    container = first(templates["evidence.json"], "Microsoft.Storage/storageAccounts/blobServices/containers", "reprieve-audit")
    container["properties"].pop("immutableStorageWithVersioning")


def encrypt_evidence_with_a_customers_key(templates):
    first(templates["evidence.json"], "Microsoft.Storage/storageAccounts")["properties"]["encryption"]["keySource"] = "Microsoft.Keyvault"


def lead_to_workspace(templates):
    setting = first(templates["subscription.json"], "Microsoft.Insights/diagnosticSettings")
    setting["properties"]["workspaceId"] = "[parameters('workspaceId')]"


def leave_vault_purgeable(templates):
    first(templates["logs.json"], "Microsoft.KeyVault/vaults")["properties"].pop("enablePurgeProtection")


def enforce_unasked(templates):
    templates["guard.json"]["parameters"]["mode"]["defaultValue"] = "enforce"


def modify_by_policy(templates):
    for file in ("policies.json", "management-group.json"):
        templates[file]["variables"]["assignments"][0]["parameters"]["effect"]["value"] = "DeployIfNotExists"


def part_the_policies(templates):
    templates["management-group.json"]["variables"]["assignments"].pop()


def rename_in_one(templates):
    templates["guard.json"]["variables"]["evidenceStorage"] = "[concat(parameters('name'), 'evidence')]"


def rename_alert(templates):
    templates["alerts.json"]["variables"]["alerts"][0]["name"] = "vault-deleted"


def misspell_property(templates):
    account = first(templates["evidence.json"], "Microsoft.Storage/storageAccounts")["properties"]
    account["minimumTLSVersion"] = account["minimumTlsVersion"]


def misspell_value(templates):
    templates["events.json"]["variables"]["deadLetters"]["deadLetterDestination"]["endpointType"] = "BlobStorage"


def count_failures(templates):
    alarm = next(each for each in templates["guard.json"]["variables"]["alarms"] if each["name"] == "Reprieve-RecordingStands")
    alarm["query"] = alarm["query"].split(" | summarize")[0]


SIGN = "Microsoft.KeyVault/vaults/keys/sign/action"
BROKEN = [
    ("a role that purges vaults", may("Microsoft.KeyVault/locations/deletedVaults/purge/action"), "purge/action` deletes"),
    ("a role that deletes keys", may("Microsoft.KeyVault/vaults/keys/delete", "dataWrites"), "keys/delete` deletes"),
    ("a role that reads secrets", may("Microsoft.KeyVault/vaults/secrets/getSecret/action", "dataReads"), "getSecret/action` deletes, reveals"),
    ("a role that seals approvals", may(SIGN, "dataWrites"), "sign/action` deletes, reveals, approves"),
    ("a wildcard", may("Microsoft.KeyVault/*"), "`Microsoft.KeyVault/*` deletes"),
    ("keys of all storage", may("Microsoft.Storage/storageAccounts/listKeys/action"), "listKeys/action` deletes, reveals"),
    ("a write in observe", may("Microsoft.KeyVault/vaults/write", "reads"), "in mode observe, which only reads"),
    ("assigning without a condition", assign_without_condition, "assigned without the condition"),
    ("assigning to itself", forget_own_principal, "the condition lacks `PrincipalId]"),
    ("the keys of the whole namespace", assign_on_the_group, "not on one resource"),
    ("a broad built-in role", assign_contributor, "neither defined here nor a known built-in role"),
    ("an event without dead letters", drop_dead_letters, "`RecoverVault`: its deadLetterWithResourceIdentity"),
    ("a function that hears nothing", drop_subscription, "it should be"),
    ("a filter that hears the wrong kind", hear_writes_only, "its operations come as"),
    ("two functions on one consumer group", drop_consumer_group, "no consumer group `recover-key`"),
    ("a key in a setting", set_key, "looks like a secret"),
    ("a setting that is missing", drop_setting, "REPRIEVE_MODE"),
    ("plain http", allow_http, "https with TLS 1.2 alone"),
    ("shared keys on evidence", allow_shared_keys, "takes shared keys"),
    ("evidence without versions", stop_versions, "keep versions"),
    ("records that can be changed", make_audit_mutable, "immutable one by one"),
    ("evidence that falls with a key", encrypt_evidence_with_a_customers_key, "goes with the key"),
    ("a setting of the guard's that it cannot mend", lead_to_workspace, "so that it could not mend it"),
    ("a log vault that can be purged", leave_vault_purgeable, "enablePurgeProtection is to be true"),
    ("enforcing unasked", enforce_unasked, "is to be observe"),
    ("a policy that changes resources", modify_by_policy, "audits or denies"),
    ("policies of two minds", part_the_policies, "differs between policies.json"),
    ("names of two minds", rename_in_one, "differs between evidence.json and guard.json"),
    ("an alert by another name", rename_alert, "`Reprieve-VaultDeleted` is made by the guard"),
]
BROKEN += [
    ("failures untold", lambda templates: templates["guard.json"]["variables"]["alarms"].pop(0), "no alarm says that a function failed"),
    ("a sweep that is not missed", lambda templates: templates["guard.json"]["variables"]["alarms"].pop(1), "that `Sweep` does not run"),
    ("entries that wait untold", lambda templates: drop_alarm(templates, "Reprieve-RecordingStands"), "waits to be recorded"),
    ("failures counted as time", count_failures, "waits to be recorded"),
    ("entries that are passed by untold", lambda templates: drop_alarm(templates, "Reprieve-EntriesPassedBy"), "were passed by"),
    ("alarms that tell nobody", tell_nobody, "do not reach the action group"),
    ("dead letters untold", drop_alert_of_dead_letters, "of events that Event Grid gave up"),
]
BROKEN_BY_SCHEMA = [
    ("a misspelt property", misspell_property, "minimumTLSVersion"),
    ("a misspelt value", misspell_value, "BlobStorage"),
]


def told(templates, mutate, expected, contracts=None):
    """Says whether the fault is told of the broken templates, and of the whole ones is not."""
    broken = copy.deepcopy(templates)
    mutate(broken)
    faults = list(promises.all_faults(broken, contracts))
    return any(expected in fault for fault in faults), faults


def main():
    documents = promises.load(promises.HERE)
    templates = {name: each for name, each in documents.items() if "resources" in each}
    specifications = os.environ.get("REPRIEVE_AZURE_SPECS")
    cases = [(*case, None) for case in BROKEN]
    if specifications:
        cases += [(*case, Contracts(specifications)) for case in BROKEN_BY_SCHEMA]
    missed = 0
    for what, mutate, expected, contracts in cases:
        found, faults = told(templates, mutate, expected, contracts)
        if not found:
            missed += 1
            print(f"promises_test: {what}: nothing said `{expected}`; only {faults}", file=sys.stderr)
    print(f"{len(cases) - missed} of {len(cases)} broken promises were noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
