"""Checks what Reprieve promises of its Azure templates: roles that cannot delete, purge or raise themselves, events that are not lost,
evidence that cannot be changed, no secret in a setting. Against Microsoft's schemas too, where REPRIEVE_AZURE_SPECS names them.

It must not rewrite a template, nor judge style. Called by scripts/lint-azure-templates, whose environment brings jsonschema.
"""

import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FUNCTIONS = os.path.join(HERE, "..", "..", "functions", "azure-guard")

# The diagnostic setting that the guard makes and mends: shared/core/src/azure/plan/setting.rs.
OWN_SETTING = "reprieve"
ALERTS = os.path.join(HERE, "..", "..", "shared", "core", "src", "azure", "plan", "alerts.rs")

# Which trigger brings each function its work.
BY_EVENT_GRID = ["RestoreSoftDelete", "RecoverVault", "ProtectStorage", "EncryptActivityLogs", "LockAuditStorage", "ProvisionAlerts"]
# The log itself: it hears whatever is done, and what was refused.
RECORDED = "RecordActivityLog"
BY_EVENT_HUB = {"RecoverKey": "recover-key", "RestoreRotationPolicy": "restore-rotation-policy", "RecordKeyEvents": "record-key-events"}
BY_TIMER = ["Sweep", "SealEvidence"]

SETTINGS = """
REPRIEVE_MODE REPRIEVE_AZURE_SUBSCRIPTIONS REPRIEVE_AZURE_TENANT_ID REPRIEVE_AZURE_CLIENT_ID REPRIEVE_AZURE_PRINCIPAL_ID
REPRIEVE_AZURE_STORAGE_ACCOUNT REPRIEVE_AZURE_ALLOWED_VAULTS REPRIEVE_AZURE_LOG_KEY REPRIEVE_AZURE_LOG_IDENTITY
REPRIEVE_AZURE_PURGE_PROTECTION REPRIEVE_AZURE_LOCK_IMMUTABILITY REPRIEVE_AZURE_IMMUTABILITY_DAYS REPRIEVE_AZURE_SOFT_DELETE_DAYS
REPRIEVE_AZURE_EVENT_HUB_RULE REPRIEVE_AZURE_EVENT_HUB_NAME REPRIEVE_AZURE_LOG_STORAGE REPRIEVE_AZURE_ACTION_GROUP
REPRIEVE_AZURE_ALERTS_GROUP REPRIEVE_APPROVAL_KEYS REPRIEVE_BREAK_GLASS_PRINCIPALS REPRIEVE_BREAK_GLASS_HOURS
REPRIEVE_SANDBOX_SUBSCRIPTIONS REPRIEVE_WEBHOOKS REPRIEVE_LOG REPRIEVE_AZURE_POLICY_CONTAINER REPRIEVE_AZURE_SEAL_KEY
REPRIEVE_FORMER_SEAL_KEYS
""".split()
OF_THE_HOST = """
AzureWebJobsStorage__accountName AzureWebJobsStorage__credential AzureWebJobsStorage__clientId
AuditEvents__fullyQualifiedNamespace AuditEvents__credential AuditEvents__clientId
APPLICATIONINSIGHTS_CONNECTION_STRING APPLICATIONINSIGHTS_AUTHENTICATION_STRING AzureWebJobs.SealEvidence.Disabled
""".split()
SECRETS = re.compile(r"listkeys|listsecrets|accountkey|sharedaccess|primarykey|secondarykey|password|[?&]sig=|sas", re.IGNORECASE)

# What takes a resource, its evidence or the guard's senses away, uses a key, reveals one, or raises rights.
FORBIDDEN = re.compile(
    r"[*?]|/delete$|purge|regeneratekey|listkeys|listaccountsas|listservicesas|sharedkeys|getsecret|setsecret|elevateaccess|clearlegalhold"
    r"|/(sign|encrypt|decrypt|wrap|unwrap|release|backup|restore|import|create|rotate|failover|stop|disable)/action$"
    r"|runassuperuser|accesspolicies/write|roledefinitions/write|locks/write|policyassignments/write|diagnosticsettings/delete",
    re.IGNORECASE,
)
# Of those, what one role of one template needs, and the type of the one resource that it may be assigned on.
NARROWED = {
    ("guard.json", "destinationRole", "Microsoft.EventHub/namespaces/authorizationRules/listKeys/action"): "/authorizationRules/",
    ("log-access.json", "role", "Microsoft.Storage/storageAccounts/listKeys/action"): "Microsoft.Storage/storageAccounts/",
    ("approval-vault.json", "role", "Microsoft.KeyVault/vaults/keys/sign/action"): "/keys/",
    ("seals.json", "role", "Microsoft.KeyVault/vaults/keys/sign/action"): "/keys/",
}
ASSIGNING = "Microsoft.Authorization/roleAssignments/write"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
USER_ACCESS_ADMINISTRATOR = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"
RBAC_ADMINISTRATOR = "f58310d9-a9f6-439a-9e8d-f62e7b41a168"
KEY_VAULT_DATA_ACCESS_ADMINISTRATOR = "8b54135c-b56d-4d72-a534-26097cfdc8d8"
# Built-in roles that are assigned somewhere. Only the two of a storage container can delete, and only what is in it.
BUILT_IN = {"storageBlobDataOwner", "storageBlobDataContributor", "storageBlobDataReader", "eventHubsDataReceiver", "monitoringMetricsPublisher"}
BUILT_IN |= {"keyVaultCryptoServiceEncryptionUser"}

PINNED = {
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.Authorization/roleDefinitions": "2022-04-01",
    "Microsoft.EventGrid": "2025-02-15",
    "Microsoft.EventHub": "2024-01-01",
    "Microsoft.Insights/actionGroups": "2023-01-01",
    "Microsoft.Insights/activityLogAlerts": "2020-10-01",
    "Microsoft.Insights/diagnosticSettings": "2021-05-01-preview",
    "Microsoft.Insights/metricAlerts": "2018-03-01",
    "Microsoft.Insights/scheduledQueryRules": "2021-08-01",
    "Microsoft.KeyVault": "2024-11-01",
    "Microsoft.ManagedIdentity": "2023-01-31",
    "Microsoft.Resources": "2021-04-01",
    "Microsoft.Storage": "2024-01-01",
    "Microsoft.Web": "2023-12-01",
}


def of_type(template, kind):
    return [resource for resource in template["resources"] if resource["type"] == kind]


def names_in(text, function):
    return re.findall(rf"{function}\('(\w+)'\)", text)


def reference_faults(_, template):
    """A parameter or variable that nobody uses, or that nobody defines."""
    text = json.dumps({key: value for key, value in template.items() if key != "metadata"})
    for function in ("parameters", "variables"):
        used, defined = set(names_in(text, function)), set(template.get(function, {}))
        # The expressions of a policy rule, `[[...]`, speak of the rule's own parameters.
        inner = set(names_in(" ".join(re.findall(r"\[\[[^\"]*", text)), function))
        for name in sorted(used - defined - inner):
            yield f"{function} `{name}` is used and not defined"
        for name in sorted(defined - used):
            yield f"{function} `{name}` is defined and not used"


def version_faults(_, template):
    for resource in template["resources"]:
        for prefix, version in PINNED.items():
            if (resource["type"] + "/").startswith(prefix + "/") and resource["apiVersion"] != version:
                yield f"{resource['type']}: API version {resource['apiVersion']}; {version} is the one that we are checked against"


def actions_of(value, variables, enforces):
    """The actions that a role holds in the mode, or None where it is not written in the one form that can be checked."""
    if isinstance(value, list):
        return value
    form = r"^\[if\(equals\(parameters\('mode'\), 'enforce'\), concat\((.*)\), variables\('(\w+)'\)\)\]$"
    if not (match := re.match(form, value)):
        return None
    names = names_in(match[1], "variables") if enforces else [match[2]]
    actions = []
    for name in names:
        held = variables[name]
        # A list that only a parameter adds counts as added.
        actions += held if isinstance(held, list) else [action for inner in names_in(held, "variables") for action in variables[inner]]
    return actions


def assignments_of(template, role_name):
    """The assignments of a role, which is named by the variable that holds its id."""
    return [
        each
        for each in of_type(template, "Microsoft.Authorization/roleAssignments")
        if f"variables('{role_name}')" in each["properties"]["roleDefinitionId"]
    ]


def role_faults(path, template):
    for role in of_type(template, "Microsoft.Authorization/roleDefinitions"):
        name = names_in(role["name"], "variables")[0]
        for permission in role["properties"]["permissions"]:
            yield from permission_faults(path, template, name, permission)
        scopes = role["properties"]["assignableScopes"]
        if any(scope not in ("[subscription().id]", "[resourceGroup().id]") for scope in scopes):
            yield f"role `{name}`: assignable in {scopes}; the deployment's own scope is enough"


def permission_faults(path, template, role, permission):
    variables = template["variables"]
    if permission["notActions"] or permission["notDataActions"]:
        yield f"role `{role}`: allows by exclusion; name what is allowed"
    for kind in ("actions", "dataActions"):
        observed = actions_of(permission[kind], variables, enforces=False)
        held = actions_of(permission[kind], variables, enforces=True)
        if held is None:
            yield f"role `{role}`: its {kind} are not in the form that can be checked"
            continue
        if held != sorted(held, key=str.lower) and isinstance(permission[kind], list):
            yield f"role `{role}`: its {kind} are not in order"
        for action in held:
            yield from action_faults(path, template, role, action)
        if isinstance(permission[kind], str):
            for action in observed:
                if not action.endswith("/read") and not action.endswith("/readMetadata/action"):
                    yield f"role `{role}`: holds `{action}` in mode observe, which only reads"


def action_faults(path, template, role, action):
    if action == ASSIGNING:
        yield from condition_faults(template, role)
    if not FORBIDDEN.search(action):
        return
    scope = NARROWED.get((os.path.basename(path), role, action))
    if scope is None:
        yield f"role `{role}`: `{action}` deletes, reveals, approves or is a wildcard; the guard only gives back"
        return
    for assignment in assignments_of(template, role):
        if scope not in assignment.get("scope", ""):
            yield f"role `{role}`: `{action}` is assigned on `{assignment.get('scope', 'the whole group')}`, not on one resource ({scope})"


def condition_faults(template, role):
    """Whoever may assign roles may raise rights, so a condition names the roles and leaves the guard itself out."""
    forbidden = template["variables"].get("neverAssigned", [])
    for role_id in (OWNER, USER_ACCESS_ADMINISTRATOR, RBAC_ADMINISTRATOR, KEY_VAULT_DATA_ACCESS_ADMINISTRATOR):
        if role_id not in forbidden:
            yield f"role `{role}`: the condition does not forbid the role {role_id}"
        if role_id in template["parameters"]["restorableRoles"]["defaultValue"]:
            yield f"role `{role}`: may assign the role {role_id}"
    condition = template["variables"].get("assignmentCondition", "")
    for needed in (
        "!(ActionMatches{''Microsoft.Authorization/roleAssignments/write''})",
        "RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {', join(parameters('restorableRoles'), ', '), '}",
        "RoleDefinitionId] ForAnyOfAllValues:GuidNotEquals {', join(variables('neverAssigned'), ', '), '}",
        "PrincipalId] ForAnyOfAllValues:GuidNotEquals {', parameters('guardPrincipalId'), '}",
    ):
        if needed not in condition:
            yield f"role `{role}`: the condition lacks `{needed}`"
    for assignment in assignments_of(template, role):
        if assignment["properties"].get("condition") != "[variables('assignmentCondition')]":
            yield f"role `{role}`: assigned without the condition"
        if assignment["properties"].get("conditionVersion") != "2.0":
            yield f"role `{role}`: a condition has version 2.0"


def assignment_faults(_, template):
    """A role that stands neither here nor among the named built-in ones could hold anything."""
    own = {names_in(role["name"], "variables")[0] for role in of_type(template, "Microsoft.Authorization/roleDefinitions")}
    for assignment in of_type(template, "Microsoft.Authorization/roleAssignments"):
        properties = assignment["properties"]
        for name in names_in(properties["roleDefinitionId"], "variables"):
            if name not in own | BUILT_IN:
                yield f"`{assignment['name']}`: assigns `{name}`, which is neither defined here nor a known built-in role"
            if name in BUILT_IN and "scope" not in assignment:
                yield f"`{assignment['name']}`: assigns `{name}` on the whole group; name the resource"
        if "principalType" not in properties:
            yield f"`{assignment['name']}`: without a principalType it fails while the principal is new"


def event_faults(path, template):
    if os.path.basename(path) != "events.json":
        return
    answered = []
    variables = template["variables"]
    dead_letters = variables["deadLetters"]["deadLetterDestination"]["properties"]
    if dead_letters["blobContainerName"] != "reprieve-dead-letters" or variables["deadLetters"]["identity"]["type"] != "UserAssigned":
        yield "dead letters do not go to `reprieve-dead-letters` under an identity of ours"
    if variables["retryPolicy"] != {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440}:
        yield "an event is not tried 30 times in 24 hours"
    for subscription in of_type(template, "Microsoft.EventGrid/systemTopics/eventSubscriptions"):
        properties = subscription["properties"]
        function = re.search(r"/functions/(\w+)", properties["destination"]["properties"]["resourceId"])[1]
        answered.append(function)
        for key, variable in (("deadLetterWithResourceIdentity", "deadLetters"), ("retryPolicy", "retryPolicy")):
            if properties.get(key) != f"[variables('{variable}')]":
                yield f"`{function}`: its {key} is not `[variables('{variable}')]`"
        yield from (record_filter_faults if function == RECORDED else filter_faults)(function, properties["filter"])
    if answered != [*BY_EVENT_GRID, RECORDED]:
        yield f"subscriptions for {answered}; it should be {[*BY_EVENT_GRID, RECORDED]}"


def record_filter_faults(function, chosen):
    """Evidence leaves out nothing that an answering function hears, and hears of attempts as well."""
    wanted = {f"Microsoft.Resources.Resource{kind}{end}" for kind in ("Write", "Delete", "Action") for end in ("Success", "Failure")}
    if set(chosen["includedEventTypes"]) != wanted:
        yield f"`{function}`: hears {chosen['includedEventTypes']}; it should hear {sorted(wanted)}"
    filters = [(each["operatorType"], each["key"]) for each in chosen["advancedFilters"]]
    if filters != [("StringBeginsWith", "data.operationName")]:
        yield f"`{function}`: is filtered by {filters}; it should be by the operation's beginning alone"


def filter_faults(function, chosen):
    operations = [value for each in chosen["advancedFilters"] for value in each["values"]]
    if len(operations) > 25:
        yield f"`{function}`: {len(operations)} values; Event Grid takes 25"
    by_ending = {"/write": "Write", "/delete": "Delete", "/action": "Action"}
    wanted = {f"Microsoft.Resources.Resource{kind}Success" for ending, kind in by_ending.items() if any(o.endswith(ending) for o in operations)}
    if set(chosen["includedEventTypes"]) != wanted:
        yield f"`{function}`: hears {chosen['includedEventTypes']}; its operations come as {sorted(wanted)}"


def function_faults(path, template):
    """Each function that the host finds has its trigger here, and the other way round."""
    if os.path.basename(path) != "guard.json":
        return
    hub = template["variables"]["eventHub"]
    groups = [each["name"] for each in of_type(template, "Microsoft.EventHub/namespaces/eventhubs/consumergroups")]
    for function, group in BY_EVENT_HUB.items():
        if not any(name.endswith(f"'/{group}')]") for name in groups):
            yield f"`{function}`: the hub `{hub}` has no consumer group `{group}`"
    for function in [*BY_EVENT_GRID, RECORDED, *BY_EVENT_HUB, *BY_TIMER]:
        file = os.path.join(FUNCTIONS, function, "function.json")
        if not os.path.isfile(file):
            yield f"`{function}`: functions/azure-guard/{function}/function.json is missing"
            continue
        with open(file, encoding="utf-8") as opened:
            yield from trigger_faults(function, json.load(opened)["bindings"][0])


def trigger_faults(function, trigger):
    wanted = {"type": "timerTrigger"}
    if function in BY_EVENT_GRID or function == RECORDED:
        wanted = {"type": "eventGridTrigger"}
    if function in BY_EVENT_HUB:
        wanted = {"type": "eventHubTrigger", "connection": "AuditEvents", "eventHubName": "%REPRIEVE_AZURE_EVENT_HUB_NAME%"}
        wanted["consumerGroup"] = BY_EVENT_HUB[function]
    for key, value in wanted.items():
        if trigger.get(key) != value:
            yield f"`{function}`: its trigger has {key} `{trigger.get(key)}`; the template provides `{value}`"


def setting_faults(_, template):
    for app in of_type(template, "Microsoft.Web/sites"):
        properties, site = app["properties"], app["properties"]["siteConfig"]
        settings = {each["name"]: each["value"] for each in site["appSettings"]}
        if sorted(settings) != sorted(SETTINGS + OF_THE_HOST):
            yield f"app settings differ from the fixed list: {sorted(set(settings) ^ set(SETTINGS + OF_THE_HOST))}"
        for name, value in settings.items():
            if SECRETS.search(value):
                yield f"`{name}`: looks like a secret; name an identity, or a Key Vault reference"
        if "@Microsoft.KeyVault(SecretUri=" not in settings.get("REPRIEVE_WEBHOOKS", ""):
            yield "`REPRIEVE_WEBHOOKS`: is not a Key Vault reference"
        if properties.get("httpsOnly") is not True or site.get("minTlsVersion") != "1.2" or site.get("ftpsState") != "Disabled":
            yield "the function app is to take https with TLS 1.2 alone, and no FTP"
        if site.get("ipSecurityRestrictionsDefaultAction") != "Deny":
            yield "the function app is to be closed to everybody but Event Grid"
        closed = [each["name"] for each in of_type(template, "Microsoft.Web/sites/basicPublishingCredentialsPolicies") if each["properties"] == {"allow": False}]
        if len(closed) != 2:
            yield "publishing by password is to be off, for scm and for ftp"
    for name, parameter in template.get("parameters", {}).items():
        if parameter["type"].lower().startswith("secure"):
            yield f"parameter `{name}`: a secret would lie in the deployment's history; name a Key Vault secret instead"


def storage_faults(path, template):
    for account in of_type(template, "Microsoft.Storage/storageAccounts"):
        properties = account["properties"]
        if properties.get("allowBlobPublicAccess") is not False or properties.get("supportsHttpsTrafficOnly") is not True:
            yield f"`{account['name']}`: is to have no public blobs and https alone"
        if properties.get("minimumTlsVersion") != "TLS1_2":
            yield f"`{account['name']}`: is to ask for TLS 1.2"
        if properties.get("allowSharedKeyAccess") is not False and os.path.basename(path) != "logs.json":
            yield f"`{account['name']}`: takes shared keys"
    for container in of_type(template, "Microsoft.Storage/storageAccounts/blobServices/containers"):
        if container["properties"].get("publicAccess") != "None":
            yield f"`{container['name']}`: is public"


def evidence_faults(path, template):
    """What keeps evidence has versions, comes back when deleted, and takes no change."""
    if os.path.basename(path) not in ("evidence.json", "logs.json"):
        return
    for service in of_type(template, "Microsoft.Storage/storageAccounts/blobServices"):
        properties = service["properties"]
        deleted = (properties.get("deleteRetentionPolicy", {}), properties.get("containerDeleteRetentionPolicy", {}))
        if properties.get("isVersioningEnabled") is not True or any(each.get("enabled") is not True for each in deleted):
            yield f"`{service['name']}`: is to keep versions and what was deleted"
    policies = of_type(template, "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies")
    if not policies:
        yield "no container is immutable"
    for policy in policies:
        if "immutabilityPeriodSinceCreationInDays" not in policy["properties"] or "ocked')" not in policy.get("condition", ""):
            yield f"`{policy['name']}`: has no retention, or no condition for the day that it is locked"
    if not of_type(template, "Microsoft.Authorization/locks"):
        yield "the account has no lock against deletion"
    if os.path.basename(path) != "evidence.json":
        return
    containers = of_type(template, "Microsoft.Storage/storageAccounts/blobServices/containers")
    kept = {re.search(r"/default/([a-z-]+)", each["name"])[1]: each["properties"] for each in containers}
    wanted = ["reprieve-audit", "reprieve-dead-letters", "reprieve-ledger", "reprieve-policies"]
    if sorted(kept) != wanted:
        yield f"containers {sorted(kept)}; the guard knows {wanted}"
    if kept.get("reprieve-audit", {}).get("immutableStorageWithVersioning") != {"enabled": True}:
        yield "`reprieve-audit`: versions are to be immutable one by one"
    for account in of_type(template, "Microsoft.Storage/storageAccounts"):
        if account["properties"]["encryption"]["keySource"] != "Microsoft.Storage":
            yield f"`{account['name']}`: evidence under a customer-managed key goes with the key"


def destination_faults(_, template):
    """What the guard mends leads only to what it has a right on: Azure asks whoever writes a setting for one on each destination."""
    for setting in of_type(template, "Microsoft.Insights/diagnosticSettings"):
        foreign = [name for name in setting["properties"] if name.endswith("Id") and name != "storageAccountId"]
        if setting["name"] == OWN_SETTING and foreign:
            yield f"`{setting['name']}`: leads to {foreign}, on which the guard has no right, so that it could not mend it"


def vault_faults(_, template):
    for vault in of_type(template, "Microsoft.KeyVault/vaults"):
        properties = vault["properties"]
        for setting in ("enableRbacAuthorization", "enableSoftDelete", "enablePurgeProtection"):
            if properties.get(setting) is not True:
                yield f"`{vault['name']}`: {setting} is to be true"
    for key in of_type(template, "Microsoft.KeyVault/vaults/keys"):
        operations = key["properties"]["keyOps"]
        if sorted(operations) not in (["sign", "verify"], ["unwrapKey", "wrapKey"]):
            yield f"`{key['name']}`: {operations}; a key either seals or wraps"


def policy_faults(_, template):
    for assignment in template.get("variables", {}).get("assignments", []):
        effect = assignment["parameters"]["effect"]["value"]
        if effect not in ("Audit", "AuditIfNotExists") and not re.match(r"^\[parameters\('\w+Effect'\)\]$", effect):
            yield f"`{assignment['name']}`: effect `{effect}`; a policy here audits or denies"
        if len(assignment["name"]) > 24:
            yield f"`{assignment['name']}`: a management group takes 24 characters"
    for name, parameter in template.get("parameters", {}).items():
        if name.endswith("Effect") and (parameter["allowedValues"] != ["Audit", "Deny"] or parameter["defaultValue"] != "Audit"):
            yield f"parameter `{name}`: is to be Audit or Deny, and Audit where nothing is said"
    for assignment in of_type(template, "Microsoft.Authorization/policyAssignments"):
        if "identity" in assignment:
            yield f"`{assignment['name']}`: has an identity, as if it changed resources"


def alert_faults(path, template):
    """The template makes the alerts that the guard makes again, no others and by no other name, or there would be two of each."""
    if os.path.basename(path) != "alerts.json":
        return
    with open(ALERTS, encoding="utf-8") as file:
        mended = re.findall(r'alarm\(\s*"(\w+)",\s*"([^"]+)",\s*"([^"]+)",?\s*\)', file.read())
    wanted = [{"name": f"Reprieve-{name}", "operation": what, "description": f"Reprieve: {why}."} for name, what, why in mended]
    for alert in wanted:
        if alert not in template["variables"]["alerts"]:
            yield f"`{alert['name']}` is made by the guard, and not, or otherwise, by the template"
    for alert in template["variables"]["alerts"]:
        if alert not in wanted:
            yield f"`{alert['name']}` is made by the template, and not, or otherwise, by the guard"


def watch_faults(path, template):
    """Whoever is on call hears when a function fails or does not run, entries wait or are passed by, and events are given up."""
    name = os.path.basename(path)
    if name == "guard.json":
        alarms, rules = template["variables"].get("alarms", []), of_type(template, "Microsoft.Insights/scheduledQueryRules")
        if not rules or any(rule["properties"]["actions"].get("actionGroups") != ["[variables('actionGroupId')]"] for rule in rules):
            yield "the alarms of the function app do not reach the action group"
        failing = [each for each in alarms if "Success == false" in each["query"] and (each["operator"], each["threshold"]) == ("GreaterThan", 0)]
        if not failing:
            yield "no alarm says that a function failed"
        counted = [each["query"] for each in alarms if each["operator"] == "GreaterThan"]
        stands = "AppRequests | where Name == 'RecordKeyEvents' and Success == false | summarize by bin(TimeGenerated, 5m)"
        if not any(each["query"] == stands and (each["operator"], each["threshold"]) == ("GreaterThan", 4) for each in alarms):
            yield "no alarm says that what vaults log waits to be recorded"
        if not any(query.startswith("AppTraces | where ") and "could not be read" in query for query in counted):
            yield "no alarm says that entries of a log were passed by"
        for function in BY_TIMER:
            query = f"AppRequests | where Name == '{function}' and Success == true"
            if not any(each["query"] == query and (each["operator"], each["threshold"]) == ("LessThan", 1) for each in alarms):
                yield f"no alarm says that `{function}` does not run"
    if name == "events.json":
        alerts = of_type(template, "Microsoft.Insights/metricAlerts")
        counted = [each["metricName"] for alert in alerts for each in alert["properties"]["criteria"]["allOf"]]
        told = [alert["properties"]["actions"] for alert in alerts]
        if counted != ["DeadLetteredCount"] or told != [[{"actionGroupId": "[parameters('actionGroupId')]"}]]:
            yield "no alert tells the action group of events that Event Grid gave up"


def mode_faults(_, template):
    """The safe default: nothing is changed, and nothing one-way happens, until somebody says so."""
    parameters = template.get("parameters", {})
    if "mode" in parameters and parameters["mode"]["defaultValue"] != "observe":
        yield "parameter `mode`: is to be observe where nothing is said"
    for name in ("lockImmutability", "auditPolicyLocked", "immutabilityLocked"):
        if name in parameters and parameters[name]["defaultValue"] is not False:
            yield f"parameter `{name}`: is to be false where nothing is said"


def same_faults(templates):
    """What two templates say of the same thing."""
    for one, other, part in (("evidence.json", "guard.json", "variables"), ("policies.json", "management-group.json", "variables")):
        for name in set(templates[one][part]) & set(templates[other][part]):
            if templates[one][part][name] != templates[other][part][name]:
                yield f"{part} `{name}` differs between {one} and {other}"
    if templates["policies.json"]["parameters"] != templates["management-group.json"]["parameters"]:
        yield "parameters differ between policies.json and management-group.json"
    rules = [of_type(templates[file], "Microsoft.Authorization/policyDefinitions")[0] for file in ("policies.json", "management-group.json")]
    if rules[0] != rules[1]:
        yield "the policy on the key of log storage differs between policies.json and management-group.json"


def hsm_faults(role):
    for action in role["actions"] + role["dataActions"]:
        if FORBIDDEN.search(action):
            yield f"`{action}` deletes, reveals or uses a key; the guard only gives back"


def documentation_faults(templates, text):
    """Each action of each role stands in the README, with why."""
    for path, template in templates.items():
        for role in of_type(template, "Microsoft.Authorization/roleDefinitions"):
            for permission in role["properties"]["permissions"]:
                for kind in ("actions", "dataActions"):
                    for action in actions_of(permission[kind], template["variables"], enforces=True) or []:
                        if f"`{action.removeprefix('Microsoft.')}`" not in text:
                            yield f"{path}: `{action}` is not in the README's tables"


OF_TEMPLATE = [reference_faults, version_faults, role_faults, assignment_faults, event_faults, function_faults, setting_faults]
OF_TEMPLATE += [storage_faults, evidence_faults, destination_faults, vault_faults, policy_faults, alert_faults, watch_faults, mode_faults]


def all_faults(templates, contracts=None):
    """Every fault of the templates, by file name, with the file it is in."""
    for path, template in templates.items():
        for check in OF_TEMPLATE:
            yield from (f"{path}: {fault}" for fault in check(path, template))
        if contracts:
            yield from (f"{path}: {fault}" for fault in contracts.template_faults(template))
            yield from (f"{path}: {fault}" for fault in contracts.resource_faults(template))
    yield from same_faults(templates)


def load(folder):
    """The templates of the folder, by file name: what is no template (parameters, the role of an HSM) has no `resources`."""
    found = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".json"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                found[name] = json.load(file)
    return found


def main():
    documents = load(HERE)
    templates = {name: each for name, each in documents.items() if "resources" in each}
    contracts = None
    if specifications := os.environ.get("REPRIEVE_AZURE_SPECS"):
        from contracts import Contracts

        contracts = Contracts(specifications)
    else:
        print("promises: REPRIEVE_AZURE_SPECS is not set; the templates were not held to Microsoft's schemas", file=sys.stderr)
    faults = list(all_faults(templates, contracts))
    faults += [f"hsm-role.json: {fault}" for fault in hsm_faults(documents["hsm-role.json"])]
    deployed = ("evidence", "seals", "guard", "subscription", "events", "alerts", "log-access")
    known = {name for each in deployed for name in templates[f"{each}.json"]["parameters"]}
    example = set(documents["parameters.example.json"]["parameters"]) - known
    faults += [f"parameters.example.json: no template that scripts/deploy-azure deploys has a parameter `{name}`" for name in sorted(example)]
    with open(os.path.join(HERE, "README.md"), encoding="utf-8") as file:
        faults += documentation_faults(templates, file.read())
    for fault in faults:
        print(fault, file=sys.stderr)
    if contracts:
        print(f"{contracts.checked} resources of {len(templates)} templates fit Microsoft's schemas; no schema here of:")
        print("  " + " ".join(sorted(contracts.unknown)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
