"""A fake `aws` that keeps StackSets and objects. An organisation of three accounts in two units; an account can be told to fail.

As in AWS, a StackSet and its overrides are what the last call made them even where the operation failed, and an instance is on record
before its stack is made. `stacks` has the parameters with which each stack really runs.
"""

import base64
import json
import pathlib

from fakes import State, answer, options_of, refuse

UNITS = {"ou-abcd-11111111": ["111122223333", "222233334444"], "ou-abcd-22222222": ["333344445555"], "ou-abcd-33333333": []}
REASONS = {"SUCCEEDED": "", "FAILED": "no more roles", "CANCELLED": "Cancelled since failure tolerance has exceeded"}
SETS = {
    "create-stack-set",
    "describe-stack-set",
    "update-stack-set",
    "delete-stack-set",
    "create-stack-instances",
    "update-stack-instances",
    "delete-stack-instances",
    "list-stack-instances",
    "describe-stack-set-operation",
    "list-stack-set-operation-results",
}


def main(words):
    state = State()
    plain, options = options_of(words)
    state.of("calls", []).append(" ".join(plain))
    code = call(state, plain, options)
    state.save()
    return code


def call(state, plain, options):
    if plain[:2] == ["sts", "get-caller-identity"]:
        return answer({"Arn": "arn:aws:iam::999988887777:role/Deployer"})
    if plain[:2] == ["s3", "cp"]:
        return copy(state, *plain[2:], *options.get("only-show-errors", []))
    if plain[0] == "cloudformation" and plain[1] in SETS:
        return stack_sets(state, plain[1], options)
    return refuse(f"fake aws: it does not know `{' '.join(plain)}`")


def copy(state, source, target):
    objects = state.of("objects", {})
    if target.startswith("s3://"):
        bucket = target.split("/")[2]
        if bucket not in state.of("buckets", ["code-eu-central-1", "code-us-east-1"]):
            return refuse(f"fatal error: The specified bucket does not exist: {bucket}")
        data = pathlib.Path(source).read_bytes()
        objects[target] = data.decode() if data[:1] == b"{" else base64.b64encode(data).decode()
        return 0
    if said := state.of("failing_copies", {}).get(source):
        return refuse(said)
    if source not in objects:
        return refuse("fatal error: An error occurred (404) when calling the HeadObject operation: Key does not exist")
    kept = objects[source]
    pathlib.Path(target).write_bytes(kept.encode() if kept[:1] == "{" else base64.b64decode(kept))
    return 0


def text_of(value):
    return pathlib.Path(value.removeprefix("file://")).read_text(encoding="utf-8") if value.startswith("file://") else value


def accounts_of(targets):
    """Returns (account, unit) of those that a call is about."""
    pairs = [(account, unit) for unit in targets["OrganizationalUnitIds"] for account in UNITS[unit]]
    if "Accounts" in targets:
        if targets.get("AccountFilterType") != "INTERSECTION":
            raise ValueError("accounts without INTERSECTION would be added to the units")
        pairs = [(account, unit) for account, unit in pairs if account in targets["Accounts"]]
    return pairs


def stack_sets(state, verb, options):
    sets = state.of("sets", {})
    name = options["stack-set-name"][0]
    if options.get("region") != ["eu-central-1"]:
        return refuse(f"fake aws: StackSets are administered in eu-central-1, not {options.get('region')}")
    if verb == "create-stack-set":
        if name in sets:
            return refuse("NameAlreadyExistsException")
        if options["permission-model"] != ["SERVICE_MANAGED"]:
            return refuse("fake aws: permission model")
        sets[name] = {"instances": {}, "overrides": {}, "operations": {}, "stacks": {}}
    if name not in sets:
        return refuse(f"An error occurred (StackSetNotFoundException): StackSet {name} not found")
    one = sets[name]
    if verb in ("create-stack-set", "update-stack-set"):
        template = json.loads(text_of(options["template-body"][0]))
        if len(text_of(options["template-body"][0]).encode()) > 51_200:
            return refuse("ValidationError: templateBody must be at most 51200 bytes")
        if "Transform" in template:
            return refuse("ValidationError: StackSets with service-managed permissions don't support transforms")
        if (
            any("RoleName" in each["Properties"] for each in template["Resources"].values())
            and "CAPABILITY_NAMED_IAM" not in options["capabilities"]
        ):
            return refuse("InsufficientCapabilitiesException")
        given = {each["ParameterKey"]: each["ParameterValue"] for each in json.loads(options["parameters"][0])}
        if unknown := set(given) - set(template["Parameters"]):
            return refuse(f"ValidationError: parameters {unknown} do not exist")
        one |= {"template": text_of(options["template-body"][0]), "given": given, "auto": json.loads(options["auto-deployment"][0])}
        if verb == "create-stack-set":
            return answer({"StackSetId": f"{name}:1"})
        pairs = [(account, region) for account, regions in one["instances"].items() for region in regions]
        return operation(state, one, pairs, verb, json.loads(options["operation-preferences"][0]))
    if verb == "describe-stack-set":
        defaults = {key: str(value.get("Default", "")) for key, value in json.loads(one["template"])["Parameters"].items()}
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in (defaults | one["given"]).items()]
        return answer(
            {
                "StackSet": {
                    "Status": "ACTIVE",
                    "StackSetARN": f"arn:aws:cloudformation:eu-central-1:999988887777:stackset/{name}:1",
                    "TemplateBody": one["template"],
                    "Parameters": parameters,
                    "OrganizationalUnitIds": one.get("units", []),
                    "Regions": one.get("regions", []),
                }
            }
        )
    if verb == "list-stack-instances":
        return answer(
            {
                "Summaries": [
                    {"Account": account, "Region": region, **facts}
                    for account, regions in one["instances"].items()
                    for region, facts in regions.items()
                ]
            }
        )
    if verb == "describe-stack-set-operation":
        return answer({"StackSetOperation": {"Status": one["operations"][options["operation-id"][0]]["status"]}})
    if verb == "list-stack-set-operation-results":
        return answer({"Summaries": one["operations"][options["operation-id"][0]]["results"]})
    if verb == "delete-stack-set":
        if one["instances"]:
            return refuse("StackSetNotEmptyException")
        del sets[name]
        return 0
    return instances(state, one, verb, options)


def instances(state, one, verb, options):
    targets, regions = json.loads(options["deployment-targets"][0]), options["regions"]
    pairs = [(account, region, unit) for account, unit in accounts_of(targets) for region in regions]
    preferences = json.loads(options["operation-preferences"][0])
    if not 0 <= preferences["FailureTolerancePercentage"] <= 100 or not 1 <= preferences["MaxConcurrentPercentage"] <= 100:
        return refuse("ValidationError: operationPreferences")
    if set(preferences["RegionOrder"]) != set(regions):
        return refuse("ValidationError: the Region order names other Regions than the call")
    if verb == "create-stack-instances":
        one["units"] = sorted({*one.get("units", []), *targets["OrganizationalUnitIds"]})
        one["regions"] = sorted({*one.get("regions", []), *regions})
    for account, region, unit in pairs:
        if verb == "delete-stack-instances":
            if "no-retain-stacks" not in options:
                return refuse("fake aws: whether stacks are retained must be said")
            one["instances"].get(account, {}).pop(region, None)
            one["overrides"].pop(f"{account} {region}", None)
            one["stacks"].pop(f"{account} {region}", None)
            if not one["instances"].get(account):
                one["instances"].pop(account, None)
            continue
        if verb == "update-stack-instances" and region not in one["instances"].get(account, {}):
            return refuse("StackInstanceNotFoundException")
        if verb == "create-stack-instances":
            one["instances"].setdefault(account, {})[region] = {"Status": "OUTDATED", "OrganizationalUnitId": unit}
        if "parameter-overrides" in options:
            overrides = {each["ParameterKey"]: each["ParameterValue"] for each in json.loads(options["parameter-overrides"][0])}
            one["overrides"][f"{account} {region}"] = overrides
    return operation(state, one, [(account, region) for account, region, _ in pairs], verb, preferences)


def operation(state, one, pairs, verb, preferences):
    """Carries an operation out on stacks, Region by Region. The account that is told to fail fails; what comes after it is cancelled."""
    number = str(len(one["operations"]) + 1)
    failing, results, has_stopped = state.of("failing", None), [], False
    order = preferences["RegionOrder"]
    for region in sorted({region for _, region in pairs}, key=lambda region: order.index(region) if region in order else len(order)):
        accounts = [account for account, at in pairs if at == region]
        for account in accounts:
            status = "CANCELLED" if has_stopped else "FAILED" if account == failing else "SUCCEEDED"
            results.append({"Account": account, "Region": region, "Status": status, "StatusReason": REASONS[status]})
            settle(one, account, region, status)
        failed = accounts.count(failing)
        has_stopped = has_stopped or failed * 100 > preferences["FailureTolerancePercentage"] * len(accounts)
    status = "FAILED" if has_stopped else "SUCCEEDED"
    one["operations"][number] = {"verb": verb, "status": status, "results": results}
    return answer({"OperationId": number})


def settle(one, account, region, status):
    """Leaves an instance as an operation leaves it. No update reaches one that is INOPERABLE."""
    instance = one["instances"].get(account, {}).get(region)
    if not instance or instance["Status"] == "INOPERABLE":
        return
    instance |= {"Status": "CURRENT" if status == "SUCCEEDED" else "OUTDATED", "StatusReason": REASONS[status]}
    if status == "SUCCEEDED":
        one["stacks"][f"{account} {region}"] = one["given"] | one["overrides"].get(f"{account} {region}", {})
