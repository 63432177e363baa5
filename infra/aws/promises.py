"""Checks what Reprieve promises of a template and what no linter knows: patterns that fit, roles that cannot destroy, keys that only
approvers or the seal function sign with, evidence that nobody else writes, saved queries that fit the tables.

It must not rewrite a template, nor judge style. Called by scripts/lint-templates, whose environment brings cfn-lint.
"""

import json
import os
import re
import sys
from fnmatch import fnmatchcase

import sqlglot
from cfnlint.decode import cfn_yaml
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
PATTERN_LIMIT = 4096

# A larger one would have to go through a bucket: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
TEMPLATE_LIMIT_BYTES = 51_200

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
logs:DeleteLogGroup logs:DeleteLogStream logs:DeleteMetricFilter logs:DeleteRetentionPolicy logs:DeleteResourcePolicy
logs:DeleteSubscriptionFilter logs:PutRetentionPolicy logs:UntagResource logs:UntagLogGroup
cloudwatch:DeleteAlarms cloudwatch:DeleteDashboards cloudwatch:DisableAlarmActions cloudwatch:SetAlarmState cloudwatch:UntagResource
cloudtrail:StopLogging cloudtrail:DeleteTrail cloudtrail:UpdateTrail cloudtrail:PutEventSelectors cloudtrail:RemoveTags
sns:RemovePermission sns:SetSubscriptionAttributes sns:UntagResource
iam:PassRole iam:PutRolePolicy iam:AttachRolePolicy iam:CreatePolicyVersion
ssm:PutParameter ssm:DeleteParameter ssm:DeleteParameters ssm:PutCalendar ssm:UpdateDocument ssm:UpdateDocumentDefaultVersion
""".split()

# Calls of the above that also mend, or that the drill needs, by the one template that may allow them; the guard's may allow none. Each with
# what its Allow must say: the form of every ARN (a reference as a whole names one resource), and the conditions.
ONE_RESOURCE = r"[^*]*"
OF_THE_DRILL = {"reprieve:drill": "true", "reprieve:managed-by": "aws-rehearse-incident"}
NARROWED = {
    "monitoring.yaml": {
        "cloudtrail:updatetrail": (r"[^*]*:trail/[^*]+", {}),
        "cloudtrail:puteventselectors": (r"[^*]*:trail/[^*]+", {}),
        "logs:putretentionpolicy": (r"[^*]*:log-group:[^*]+(:\*)?", {}),
        "sns:settopicattributes": (ONE_RESOURCE, {}),
        "iam:passrole": (ONE_RESOURCE, {"StringEquals": {"iam:PassedToService": "cloudtrail.amazonaws.com"}}),
    },
    "drill.yaml": {
        "kms:schedulekeydeletion": (
            r"[^*]*:key/\*",
            {
                "StringEquals": {f"aws:ResourceTag/{tag}": value for tag, value in OF_THE_DRILL.items()},
                "NumericEquals": {"kms:ScheduleKeyDeletionPendingWindowInDays": 30},
                "ForAnyValue:StringEquals": {"kms:ResourceAliases": {"Ref": "DrillAlias"}},
            },
        ),
        "kms:tagresource": (
            r"[^*]*:key/\*",
            {
                "StringEquals": {f"aws:RequestTag/{tag}": value for tag, value in OF_THE_DRILL.items()},
                "ForAllValues:StringEquals": {"aws:TagKeys": list(OF_THE_DRILL)},
                "Null": {"kms:ResourceAliases": "true"},
            },
        ),
    },
    # Of a managed policy that no function has: whoever holds evidence must be able to let it go.
    "evidence.yaml": {"s3:putobjectlegalhold": (r"[^*]*/audit/\*", {})},
}

# Where in the audit bucket, or in another that is named, each template lets a function write. Decisions are the guard's and those who decide likewise; seals the sealer's.
DECISIONS = {"audit/decisions/*"}
WRITTEN = {
    "guard.yaml": {"RemediatorRole": DECISIONS},
    "monitoring.yaml": {"ProvisionRole": DECISIONS},
    "drill.yaml": {"RehearseRole": DECISIONS},
    "evidence.yaml": {
        "RecordRole": {"audit/events/*", "audit/tables/*", "audit/findings/*", "state/*"},
        "SealRole": {"seals/*", "public-key.pem"},
    },
    # In a bucket of its own: whoever reads logs writes no answer.
    "replay.yaml": {
        "ReadRole": {"${ResultsBucket.Arn}/replay/*/parts/*"},
        "MergeRole": {f"${{ResultsBucket.Arn}}/replay/*/{name}" for name in ("merged/*", "result.part", "answer.json")},
        "StateMachineRole": {"${ResultsBucket.Arn}/replay/*/map/*"},
    },
}

# Calls that a role may make on every resource, each with why: AWS knows no resources for them, or the resource is not there yet.
# https://docs.aws.amazon.com/service-authorization/latest/reference/
NO_RESOURCES = "knows no resources"
UNBOUNDED = {
    "guard.yaml": {"kms:ListAliases": NO_RESOURCES, "kms:ListKeys": NO_RESOURCES, "cloudtrail:LookupEvents": NO_RESOURCES},
    "monitoring.yaml": {
        "cloudtrail:DescribeTrails": NO_RESOURCES,
        "sns:GetSubscriptionAttributes": "a subscription is no resource of IAM's, and others' topics are looked at too",
    },
    "drill.yaml": {"kms:ListAliases": NO_RESOURCES, "kms:CreateKey": "the key is not there yet; conditions say what it must become"},
}

# Condition keys that a call carries only where it says the parameter: an Allow that tests one must hold without it.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_IfExists
OFTEN_ABSENT = ["kms:BypassPolicyLockoutSafetyCheck"]

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


def statement_faults(template, narrowed):
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
        for test, keys in node.get("Condition", {}).items():
            for key in OFTEN_ABSENT:
                if key in keys and test in ("Bool", "StringEquals"):
                    yield f"{where}: `{test}` on `{key}` never holds where the call does not say it; test it with `{test}IfExists`"
        for action in as_list(node.get("Action", [])):
            if not isinstance(action, str):
                yield f"{where}: action {json.dumps(action)} is not plain text, so nobody can check it"
            elif "*" in action or "?" in action:
                yield f"{where}: action `{action}` is a wildcard; name each call"
            elif (found := [call for call in forbidden if fnmatchcase(call.lower(), action.lower())]) and not is_narrow(
                node, narrowed.get(action.lower())
            ):
                yield f"{where}: action `{found[0]}` {why}"


def arn_text(resource):
    """The text of an ARN with its references as they stand; a reference as a whole names one resource."""
    if isinstance(resource, str):
        return resource
    if isinstance(resource, dict) and "Fn::Sub" in resource:
        of_sub = resource["Fn::Sub"]
        return of_sub[0] if isinstance(of_sub, list) else of_sub
    return json.dumps(resource)


def is_narrow(statement, needs):
    """Tells whether a statement allows a call that can destroy only where it mends, or on the drill's own key."""
    if needs is None:
        return False
    form, conditions = needs
    stated = statement.get("Condition", {})
    holds = all(stated.get(test, {}).get(key) == value for test, keys in conditions.items() for key, value in keys.items())
    resources = [arn_text(resource) for resource in as_list(statement.get("Resource", "*"))]
    return holds and all(re.fullmatch(form, text) for text in resources)


def signs(statement):
    return any(isinstance(action, str) and action.lower() == "kms:sign" for action in as_list(statement.get("Action", [])))


def key_policy_faults(template):
    """A signing key makes approvals or seals evidence: the same named roles, and nobody else, sign, with the one algorithm that both use."""
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
            yield f"{where}: {len(signers)} statements allow kms:Sign; one is to say who signs"
            continue
        principal = signers[0].get("Principal")
        signing = principal.get("AWS") if isinstance(principal, dict) else principal
        if signing == "*" or ":root" in json.dumps(signing) or "AWS::AccountId" in json.dumps(signing):
            yield f"{where}: kms:Sign is allowed to {json.dumps(principal)}, which lets IAM choose who signs; name roles"
        if signers[0].get("Condition") != {"StringEquals": {"kms:SigningAlgorithm": "ECDSA_SHA_256"}}:
            yield f"{where}: kms:Sign is to be allowed for kms:SigningAlgorithm ECDSA_SHA_256 alone; seals are ES256"
        others = {"ArnNotEquals": {"aws:PrincipalArn": signing}}
        denied = [each for each in statements if each.get("Effect") == "Deny" and signs(each) and each.get("Principal") == "*"]
        if not any(statement.get("Condition") == others for statement in denied):
            yield f"{where}: no statement denies kms:Sign to all but those who sign (Principal *, ArnNotEquals aws:PrincipalArn)"


def alias_faults(template):
    """No alias stays when its stack goes, or is rolled back: the next one makes an alias of the same name, and KMS refuses it."""
    for name, resource in template.get("Resources", {}).items():
        if resource.get("Type") == "AWS::KMS::Alias" and {"DeletionPolicy", "UpdateReplacePolicy"} & resource.keys():
            yield f"`Resources.{name}`: an alias that stays is in the way of the next stack; set neither DeletionPolicy nor UpdateReplacePolicy"


def write_faults(template, written):
    """A role writes into its own folders of the audit bucket, and nowhere else in S3. A bucket's policy speaks of services of AWS."""
    found = {}
    for path, node in mappings(template):
        if node.get("Effect") != "Allow" or "Principal" in node or path[:1] != ("Resources",):
            continue
        if any(isinstance(action, str) and action.lower() == "s3:putobject" for action in as_list(node.get("Action", []))):
            for resource in as_list(node.get("Resource", "*")):
                found.setdefault(path[1], set()).add(re.sub(r"^(arn:[^/]*:::\$\{AuditBucket\}|\$\{AuditBucket\.Arn\})/", "", arn_text(resource)))
    for role in sorted(found.keys() | written.keys()):
        if found.get(role, set()) != written.get(role, set()):
            writes, may = sorted(found.get(role, set())), sorted(written.get(role, set()))
            yield f"`Resources.{role}`: may write objects {writes}; it is to write {may}, and nothing else"


def queue_policy_faults(template):
    """A queue takes events from the rules of its own stack, named one by one: any other rule of the account could feed it forged ones."""
    resources = template.get("Resources", {})
    names = [resource.get("Properties", {}).get("Name") for resource in resources.values() if resource.get("Type") == "AWS::Events::Rule"]
    own = {f"arn:${{AWS::Partition}}:events:${{AWS::Region}}:${{AWS::AccountId}}:rule/{arn_text(name)}" for name in names}
    fed = 0
    for path, node in mappings(template):
        principal = node.get("Principal")
        if node.get("Effect") != "Allow" or not isinstance(principal, dict) or "events.amazonaws.com" not in as_list(principal.get("Service")):
            continue
        fed += 1
        given = node.get("Condition", {}).get("ArnEquals", {}).get("aws:SourceArn", [])
        if {arn_text(each) for each in as_list(given)} != own:
            yield f"`{'.'.join(path)}`: is to name the stack's own rules in ArnEquals aws:SourceArn, each of them and no other"
    if names and not fed:
        yield "no queue takes events from the rules of this stack"


def unbounded_faults(template, unbounded):
    """A role's call on every resource has a written reason, and a reason has its call."""
    found = set()
    for path, node in mappings(template):
        if node.get("Effect") != "Allow" or "Principal" in node or path[:1] != ("Resources",):
            continue
        if any(arn_text(resource) == "*" for resource in as_list(node.get("Resource", "*"))):
            found |= {action for action in as_list(node.get("Action", [])) if isinstance(action, str)}
    for action in sorted(found - unbounded.keys()):
        yield f"`{action}` is allowed on every resource, and nothing says why (UNBOUNDED in promises.py)"
    for action in sorted(unbounded.keys() - found):
        yield f"`{action}` has a reason to be allowed on every resource, and is not"


# Glue's types of columns in the words of SQL; `struct<...>` is taken as it is.
def columns_of(table):
    described = table["Properties"]["TableInput"]
    columns = described["StorageDescriptor"]["Columns"] + described.get("PartitionKeys", [])
    return {column["Name"]: sqlglot.exp.DataType.build(column["Type"], dialect="hive") for column in columns}


def query_faults(template):
    """A saved query reads tables and columns that there are, and only the partitions that it names."""
    resources = template.get("Resources", {})
    tables = {each["Properties"]["TableInput"]["Name"]: columns_of(each) for each in resources.values() if each.get("Type") == "AWS::Glue::Table"}
    for name, resource in resources.items():
        if resource.get("Type") != "AWS::Athena::NamedQuery":
            continue
        text = arn_text(resource["Properties"]["QueryString"]).replace("${Database}.", "")
        try:
            query = qualify(sqlglot.parse_one(text, read="athena"), schema=tables, dialect="athena", validate_qualify_columns=True)
        except SqlglotError as error:
            yield f"`Resources.{name}`: {error}"
            continue
        years = [each for each in query.find_all(sqlglot.exp.EQ) if each.left.name == "year" and isinstance(each.right, sqlglot.exp.Placeholder)]
        if not years:
            yield f"`Resources.{name}`: names no year, so Athena would ask for every hour of the archive; compare `year` with `?`"
        parameters, described = len(list(query.find_all(sqlglot.exp.Placeholder))), resource["Properties"]["Description"].count("'") // 2
        if parameters != described:
            yield f"`Resources.{name}`: takes {parameters} parameters, and its description gives {described}"


# What a task is tried again for: all that the next moment may mend, and never what was refused or lacks time.
PASSING = {"Lambda.TooManyRequestsException", "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException"}
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
INPUT_LIMIT_BYTES = 262_144


def state_machine_faults(template):
    """A state machine loses no batch in silence, calls its own functions alone, and tries again what is throttled."""
    for name, resource in template.get("Resources", {}).items():
        if resource.get("Type") != "AWS::StepFunctions::StateMachine":
            continue
        where, properties = f"`Resources.{name}`", resource.get("Properties", {})
        definition = properties.get("Definition")
        if not isinstance(definition, dict):
            yield f"{where}: has no `Definition`; cfn-lint checks none that is text"
            continue
        used = set(re.findall(r"\$\{([A-Za-z]+)\}", json.dumps(definition)))
        given = set(properties.get("DefinitionSubstitutions", {}))
        for missing in sorted(used ^ given):
            yield f"{where}: `${{{missing}}}` is {'used and not given' if missing in used else 'given and not used'}"
        yield from machine_faults(where, definition)


def targets(state):
    """Where a state leads."""
    choices = [choice.get("Next") for choice in state.get("Choices", [])] + [catch.get("Next") for catch in state.get("Catch", [])]
    return {target for target in (state.get("Next"), state.get("Default"), *choices) if target}


def machine_faults(where, machine):
    states, reached, ahead = machine.get("States", {}), set(), {machine.get("StartAt")}
    while ahead:
        reached |= ahead
        ahead = {target for state in ahead for target in targets(states.get(state, {}))} - reached
    for missing in sorted(reached - states.keys()):
        yield f"{where}: leads to `{missing}`, and there is no such state"
    for unreached in sorted(states.keys() - reached):
        yield f"{where}: nothing leads to `{unreached}`"
    for name, state in states.items():
        if state.get("Type") == "Task":
            yield from task_faults(f"{where}, `{name}`", state)
        if state.get("Type") == "Map":
            yield from map_faults(f"{where}, `{name}`", state)


def task_faults(where, state):
    function = state.get("Parameters", {}).get("FunctionName", "")
    if not arn_text(state.get("Resource")).endswith(":states:::lambda:invoke") or not re.fullmatch(r"\$\{[A-Za-z]+\}", str(function)):
        yield f"{where}: calls something else than a function that `DefinitionSubstitutions` names"
    tried = {error for retry in state.get("Retry", []) for error in retry["ErrorEquals"]}
    if not PASSING <= tried:
        yield f"{where}: is not tried again after {', '.join(sorted(PASSING - tried))}"
    if {"States.ALL", "States.TaskFailed", "Replay.Refused", "Replay.OutOfTime"} & tried:
        yield f"{where}: tries again what was refused, or what lacks time"
    if any(retry.get("JitterStrategy") != "FULL" for retry in state.get("Retry", [])):
        yield f"{where}: tries again without jitter, so that all do at the same moment"
    if "TimeoutSeconds" not in state:
        yield f"{where}: has no `TimeoutSeconds`, and would wait for a year"


def map_faults(where, state):
    processor = state.get("ItemProcessor", {})
    if processor.get("ProcessorConfig", {}).get("Mode") != "DISTRIBUTED":
        yield f"{where}: is not distributed, and would end after 25,000 events of its history"
    if state.get("ToleratedFailurePercentage") != 0 or "ToleratedFailureCount" in state:
        yield f"{where}: tolerates failures, and so would lose batches"
    if not {"MaxConcurrency", "MaxConcurrencyPath"} & state.keys():
        yield f"{where}: has no limit of concurrency"
    if "ResultWriter" not in state:
        yield f"{where}: hands its results on, which may be more than a state holds"
    most = state.get("ItemBatcher", {}).get("MaxInputBytesPerBatch", 0)
    if not 0 < most <= INPUT_LIMIT_BYTES:
        yield f"{where}: `MaxInputBytesPerBatch` is {most}; it is to be at most {INPUT_LIMIT_BYTES}"
    yield from machine_faults(where, processor)


def managed_policy_faults(template):
    """A managed policy allows calls that do not stand in the template."""
    for name, resource in template.get("Resources", {}).items():
        properties = resource.get("Properties", {})
        if resource.get("Type") == "AWS::IAM::Role" and properties.get("ManagedPolicyArns"):
            yield f"`Resources.{name}`: ManagedPolicyArns hides what the role may do; write the statements out"
        if resource.get("Type") == "AWS::Serverless::Function" and "Role" not in properties:
            yield f"`Resources.{name}`: names no Role, so SAM would write one with managed policies"


def source_faults(source):
    if (size := len(source.encode())) > TEMPLATE_LIMIT_BYTES:
        yield f"{size} bytes; CloudFormation takes {TEMPLATE_LIMIT_BYTES} along with a call"
    for number, line in enumerate(source.splitlines(), start=1):
        if re.search(r"(^|[\[\s{,])[&*][A-Za-z]", line.split(" #")[0].split('"')[0]):
            yield f"line {number}: a YAML anchor or alias, which CloudFormation does not take; write it out"


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
        of_template = (pattern_faults, queue_policy_faults, key_policy_faults, alias_faults, managed_policy_faults, query_faults, state_machine_faults)
        name = os.path.basename(path)
        of_statements = (statement_faults(template, NARROWED.get(name, {})), write_faults(template, WRITTEN.get(name, {})), unbounded_faults(template, UNBOUNDED.get(name, {})))
        checks = (*of_statements, *(check(template) for check in of_template), source_faults(source), partition_faults(source))
        faults = [fault for check in checks for fault in check]
        for fault in faults:
            print(f"{path}: {fault}", file=sys.stderr)
        failed = failed or bool(faults)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
