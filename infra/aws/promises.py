"""Checks what Reprieve promises of a template and what no linter knows: patterns that fit, roles that cannot destroy, keys that only
approvers sign with.

It must not rewrite a template, nor judge style. Called by scripts/lint-templates, whose environment brings cfn-lint.
"""

import json
import re
import sys
from fnmatch import fnmatchcase

from cfnlint.decode import cfn_yaml

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
PATTERN_LIMIT = 4096

# Calls that take a key, its evidence or the guard's own senses away, or that would let the guard approve for itself.
DESTROYING = """
kms:ScheduleKeyDeletion kms:DisableKey kms:DisableKeyRotation kms:DeleteImportedKeyMaterial kms:DeleteAlias
kms:DeleteCustomKeyStore kms:DisconnectCustomKeyStore kms:UpdateCustomKeyStore kms:PutKeyPolicy kms:RevokeGrant
kms:RetireGrant kms:CreateGrant kms:UpdateAlias kms:UpdatePrimaryRegion kms:TagResource kms:UntagResource kms:Sign
s3:DeleteObject s3:DeleteObjectVersion s3:DeleteBucket s3:DeleteBucketPolicy s3:PutBucketPolicy
s3:PutBucketObjectLockConfiguration s3:BypassGovernanceRetention s3:PutLifecycleConfiguration s3:PutObjectLegalHold
dynamodb:DeleteTable dynamodb:UpdateTable dynamodb:UpdateTimeToLive dynamodb:UpdateContinuousBackups dynamodb:DeleteBackup
sns:DeleteTopic sns:Unsubscribe sns:SetTopicAttributes sqs:DeleteQueue sqs:PurgeQueue sqs:SetQueueAttributes
events:DeleteRule events:DisableRule events:RemoveTargets scheduler:DeleteSchedule scheduler:UpdateSchedule
lambda:DeleteFunction lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration lambda:PutFunctionConcurrency
logs:DeleteLogGroup logs:DeleteLogStream logs:PutRetentionPolicy cloudwatch:DeleteAlarms cloudwatch:DisableAlarmActions
cloudtrail:StopLogging cloudtrail:DeleteTrail cloudtrail:UpdateTrail cloudtrail:PutEventSelectors
iam:PassRole iam:PutRolePolicy iam:AttachRolePolicy iam:CreatePolicyVersion
ssm:PutParameter ssm:DeleteParameter ssm:DeleteParameters ssm:PutCalendar ssm:UpdateDocument ssm:UpdateDocumentDefaultVersion
""".split()

# What a key policy never hands to anybody: a grant passes calls on, and past the policy.
HANDING_ON = ["kms:CreateGrant"]


def mappings(node, path=()):
    """Every mapping below `node`, with the path to it."""
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            yield from mappings(value, (*path, str(key)))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from mappings(value, (*path, str(index)))


def as_list(value):
    return value if isinstance(value, list) else [value]


def pattern_faults(template):
    for path, node in mappings(template):
        if "EventPattern" not in node:
            continue
        pattern = node["EventPattern"]
        text = pattern if isinstance(pattern, str) else json.dumps(pattern, separators=(",", ":"))
        if len(text) > PATTERN_LIMIT:
            yield f"`{'.'.join(path)}`: EventPattern has {len(text)} characters; EventBridge takes {PATTERN_LIMIT}"


def is_in_key_policy(path):
    """Tells whether the path leads into the policy of a key. It says who may administer the key, so it does name destroying calls."""
    return len(path) > 3 and path[0] == "Resources" and path[2:4] == ("Properties", "KeyPolicy")


def statement_faults(template):
    for path, node in mappings(template):
        if node.get("Effect") != "Allow":
            continue
        where = f"`{'.'.join(path)}` ({node.get('Sid', 'no Sid')})"
        if is_in_key_policy(path):
            forbidden, why = HANDING_ON, "hands calls on past the key policy"
        else:
            forbidden, why = DESTROYING, "destroys or approves; the guard only gives back"
        if "NotAction" in node or "NotResource" in node or "NotPrincipal" in node:
            yield f"{where}: allows by exclusion; name what is allowed"
        for action in as_list(node.get("Action", [])):
            if not isinstance(action, str):
                yield f"{where}: action {json.dumps(action)} is not plain text, so nobody can check it"
            elif "*" in action or "?" in action:
                yield f"{where}: action `{action}` is a wildcard; name each call"
            elif found := [call for call in forbidden if fnmatchcase(call.lower(), action.lower())]:
                yield f"{where}: action `{found[0]}` {why}"


def signs(statement):
    return any(isinstance(action, str) and action.lower() == "kms:sign" for action in as_list(statement.get("Action", [])))


def key_policy_faults(template):
    """A signing key makes approvals: the same named roles, and nobody else, sign, with the one algorithm that seals use."""
    for name, resource in template.get("Resources", {}).items():
        if resource.get("Type") != "AWS::KMS::Key":
            continue
        properties, where = resource.get("Properties", {}), f"`Resources.{name}`"
        if any(resource.get(policy) != "Retain" for policy in ("DeletionPolicy", "UpdateReplacePolicy")):
            yield f"{where}: a key goes with its stack or its replacement; set DeletionPolicy and UpdateReplacePolicy to Retain"
        if properties.get("KeyUsage") != "SIGN_VERIFY":
            continue
        statements = as_list(properties.get("KeyPolicy", {}).get("Statement", []))
        signers = [statement for statement in statements if statement.get("Effect") == "Allow" and signs(statement)]
        if len(signers) != 1:
            yield f"{where}: {len(signers)} statements allow kms:Sign; one is to say who the approvers are"
            continue
        principal = signers[0].get("Principal")
        approvers = principal.get("AWS") if isinstance(principal, dict) else principal
        if approvers == "*" or ":root" in json.dumps(approvers) or "AWS::AccountId" in json.dumps(approvers):
            yield f"{where}: kms:Sign is allowed to {json.dumps(principal)}, which lets IAM choose the approvers; name roles"
        if signers[0].get("Condition") != {"StringEquals": {"kms:SigningAlgorithm": "ECDSA_SHA_256"}}:
            yield f"{where}: kms:Sign is to be allowed for kms:SigningAlgorithm ECDSA_SHA_256 alone; seals are ES256"
        others = {"ArnNotEquals": {"aws:PrincipalArn": approvers}}
        denied = [each for each in statements if each.get("Effect") == "Deny" and signs(each) and each.get("Principal") == "*"]
        if not any(statement.get("Condition") == others for statement in denied):
            yield f"{where}: no statement denies kms:Sign to all but the approvers (Principal *, ArnNotEquals aws:PrincipalArn)"


def managed_policy_faults(template):
    """A managed policy allows calls that do not stand in the template."""
    for name, resource in template.get("Resources", {}).items():
        properties = resource.get("Properties", {})
        if resource.get("Type") == "AWS::IAM::Role" and properties.get("ManagedPolicyArns"):
            yield f"`Resources.{name}`: ManagedPolicyArns hides what the role may do; write the statements out"
        if resource.get("Type") == "AWS::Serverless::Function" and "Role" not in properties:
            yield f"`Resources.{name}`: names no Role, so SAM would write one with managed policies"


def partition_faults(source):
    for number, line in enumerate(source.splitlines(), start=1):
        if re.search(r"\barn:aws(-[a-z-]+)?:", line.split(" #")[0]):
            yield f"line {number}: an ARN names its partition; write `arn:${{AWS::Partition}}:`"


def main(paths):
    failed = False
    for path in paths:
        with open(path, encoding="utf-8") as file:
            source = file.read()
        template = cfn_yaml.loads(source)
        of_template = (pattern_faults, statement_faults, key_policy_faults, managed_policy_faults)
        checks = (*(check(template) for check in of_template), partition_faults(source))
        faults = [fault for check in checks for fault in check]
        for fault in faults:
            print(f"{path}: {fault}", file=sys.stderr)
        failed = failed or bool(faults)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
