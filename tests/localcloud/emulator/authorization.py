"""Puts right what the emulator's IAM sees otherwise than AWS: whose call it is, which resource it is about, and what
condition keys it carries.

Only the context of a decision is corrected here: statements are matched and combined by the emulator itself. Must not
decide by anything but policies, and must not be used with another version of the emulator than the one pinned beside it.
"""

import json

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id
from ministack.services import dynamodb, iam, kms

import resources

original_condition_key = iam_evaluator._resolve_condition_key
original_dynamodb_context = iam_actions.dynamodb_service_context
original_enforce = iam_evaluator.enforce
original_resource_arn = iam_actions.extract_resource_arn
original_s3_context = iam_actions.s3_service_context
original_tag_context = iam_actions.request_tag_context


class Resources(str):
    """Several resources that a call needs permission on, all of them; stands for the first where one is asked for.

    `further` are permissions that the call needs besides: action, service, resource and condition keys.
    """

    def __new__(cls, arns, further=()):
        text = super().__new__(cls, arns[0])
        text.arns, text.further = arns, further
        return text


def condition_key(key, context):
    """Gives `aws:PrincipalArn` as AWS does for a session: the ARN of its role, with the path, not that of the session."""
    if key.lower() == "aws:principalarn" and ":assumed-role/" in context.principal_arn:
        role_name = context.principal_arn.split("/")[1]
        role = iam._roles.get_scoped(context.principal_account, None, role_name)
        if role:
            return role["Arn"]
    return original_condition_key(key, context)


def members_of(body):
    """The input of a JSON call; empty when it is none."""
    try:
        members = json.loads(body or b"{}")
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def resource_arn(service, method, path, headers, body, query_params, region, account_id):
    """Names the resources of a call as the service authorization reference does, and what else it takes."""
    operation = headers.get("x-amz-target", "").rsplit(".", 1)[-1] or path.rsplit("/", 1)[-1]
    arns = resources.resources(service, operation, body, query_params, region, account_id)
    found = Resources(arns) if arns else resource_of(service, method, path, headers, body, query_params, region, account_id)
    further = resources.further(service, operation, body, query_params, found)
    if service == "kms" and operation == "CreateKey" and members_of(body).get("Tags"):
        further.append(("kms:TagResource", "kms", f"arn:aws:kms:{region}:{account_id}:key/*", {}))
    return Resources(getattr(found, "arns", [found]), further) if further else found


def resource_of(service, method, path, headers, body, query_params, region, account_id):
    """Names the resource of a call on KMS or Systems Manager; of other services as the emulator does."""
    operation = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
    members = members_of(body) if service in ("kms", "ssm") else {}
    given = lambda name: members.get(name) if isinstance(members.get(name), str) else ""  # noqa: E731
    if service == "kms" and operation in ("ListAliases", "ListKeys"):
        return "*"
    if service == "kms" and given("AliasName"):
        alias = f"arn:aws:kms:{region}:{account_id}:{given('AliasName')}"
        key = kms._resolve_key(given("TargetKeyId") or given("AliasName"))
        return Resources([alias, key["Arn"]] if key else [alias])
    if service == "kms" and "alias/" in given("KeyId"):
        key = kms._resolve_key(given("KeyId"))
        if key:
            return key["Arn"]
    if operation == "GetParametersByPath" and service == "ssm" and given("Path").startswith("/"):
        return f"arn:aws:ssm:{region}:{account_id}:parameter{given('Path')}"
    if operation == "GetCalendarState" and service == "ssm":
        names = [name for name in members.get("CalendarNames") or [] if isinstance(name, str)]
        arns = [name if name.startswith("arn:") else f"arn:aws:ssm:{region}:{account_id}:document/{name}" for name in names]
        return Resources(arns) if arns else "*"
    return original_resource_arn(service, method, path, headers, body, query_params, region, account_id)


def aliases_of(key_id):
    """The aliases that point to a key; none where no key is meant."""
    key = kms._resolve_key(key_id) if isinstance(key_id, str) and key_id else None
    return [arn.rsplit(":", 1)[-1] for arn, target in kms._aliases.items() if key and target == key["KeyId"]]


def request_context(service, iam_action, body, params):
    """Adds condition keys of KMS that describe the request."""
    context = {**original_tag_context(service, iam_action, body, params),
               **resources.condition_keys(iam_action, body, params)}
    if service != "kms":
        return context
    members, operation = members_of(body), iam_action.split(":", 1)[-1]
    if operation in ("Sign", "Verify"):
        context["kms:SigningAlgorithm"] = members.get("SigningAlgorithm")
        context["kms:MessageType"] = members.get("MessageType", "RAW")
    if operation == "CreateKey":
        context.update({"kms:KeySpec": members.get("KeySpec", "SYMMETRIC_DEFAULT"),
                        "kms:KeyUsage": members.get("KeyUsage", "ENCRYPT_DECRYPT"),
                        "kms:KeyOrigin": members.get("Origin", "AWS_KMS"),
                        "kms:MultiRegion": str(members.get("MultiRegion", False)).lower()})
    if operation in ("CreateKey", "PutKeyPolicy") and "BypassPolicyLockoutSafetyCheck" in members:
        context["kms:BypassPolicyLockoutSafetyCheck"] = str(members["BypassPolicyLockoutSafetyCheck"]).lower()
    aliases = aliases_of(members.get("TargetKeyId") or members.get("KeyId"))
    if aliases:
        context["kms:ResourceAliases"] = aliases
    if operation == "ScheduleKeyDeletion":
        context["kms:ScheduleKeyDeletionPendingWindowInDays"] = str(members.get("PendingWindowInDays", 30))
    if "alias/" in str(members.get("KeyId")):
        context["kms:RequestAlias"] = members["KeyId"].rsplit(":", 1)[-1]
    return context


def dynamodb_context(body):
    """Adds `dynamodb:LeadingKeys`, which the emulator does not know, to the keys of a call on one item."""
    context, members = original_dynamodb_context(body), members_of(body)
    table = dynamodb._tables.get(members.get("TableName"))
    item = members.get("Item") or members.get("Key")
    if table and isinstance(item, dict) and isinstance(item.get(table["pk_name"]), dict):
        context["dynamodb:LeadingKeys"] = [str(value) for value in item[table["pk_name"]].values()]
    return context


def s3_context(iam_action, query_params, path="", headers=None):
    """Adds the condition key `s3:if-none-match`, which the emulator does not know, to those of a write."""
    context = original_s3_context(iam_action, query_params, path, headers)
    value = (headers or {}).get("if-none-match")
    if iam_action == "s3:PutObject" and value:
        context["s3:if-none-match"] = value
    return context


def enforce(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
    """Asks for each resource of a call, and asks the key policy where the root user calls, whom it binds as well."""
    for arn in getattr(resource_arn, "arns", [resource_arn]):
        denied = original_enforce(access_key_id, iam_action, service, region, resource_arn=arn,
                                  service_context=service_context)
        if denied is None and service == "kms" and iam_evaluator.is_root_access_key(access_key_id or ""):
            denied = root_denied(iam_action, region, arn, service_context)
        if denied is not None:
            return denied
    for action, of_service, arn, keys in getattr(resource_arn, "further", ()):
        denied = original_enforce(access_key_id, action, of_service, region, resource_arn=arn,
                                  service_context={**(service_context or {}), **keys})
        if denied is not None:
            return denied
    return None


def root_denied(iam_action, region, arn, service_context):
    """Why the key policy keeps the root user out; `None` when it does not, or when no key is meant."""
    found = kms.key_policy_for_arn(arn) if ":key/" in arn else None
    if found is None:
        return None
    root = f"arn:aws:iam::{get_account_id()}:root"
    context = iam_evaluator.EvalContext(
        principal_arn=root, principal_type="Account", principal_account=get_account_id(), action=iam_action,
        resource_arn=arn, region=region,
        service_context={name.lower(): value for name, value in (service_context or {}).items()})
    result = iam_evaluator.evaluate_resource_policy(found[0], context)
    if result.decision == "Allow":
        return None
    result.principal_arn = root
    if result.decision == "Deny":
        result.resource_policy_arn = arn
    return result


def install():
    """Puts these in the places of the emulator's own."""
    iam_evaluator._resolve_condition_key = condition_key
    iam_evaluator.enforce = enforce
    iam_actions.dynamodb_service_context = dynamodb_context
    iam_actions.extract_resource_arn = resource_arn
    iam_actions.request_tag_context = request_context
    iam_actions.s3_service_context = s3_context
