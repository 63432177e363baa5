"""Names the action and the resources of calls on CloudTrail, CloudWatch, CloudWatch Logs, EventBridge, SNS and IAM, as the
service authorization reference does and the emulator does not.

The resource of a log group is written `...:log-group:NAME:log-stream:`, as AWS writes it when it refuses a call: a policy that
gives the group without `:*` allows nothing but calls on tags. Must not decide anything, and must not be used with another
version of the emulator than the one pinned beside it.
"""

import json
import re

import cbor2
from ministack.core import iam_actions
from ministack.services import cloudtrail as trails
from ministack.services import cloudwatch as alarms
from ministack.services import iam, tagging

OPERATION = re.compile(r"/service/[^/]+/operation/([A-Za-z]+)")
STREAM = re.compile(r":log-stream:.*$")
FIRST_MAP_OF_CBOR = 0xA0

original_action = iam_actions.extract_iam_action
original_tags = tagging.resource_tags
original_logs_context = iam_actions.logs_service_context


def action(service, method, path, headers, body, query_params):
    """Names the action; the emulator takes none from a path of RPC v2, and then lets everybody call."""
    found = OPERATION.match(path)
    if service == "monitoring" and found:
        return f"cloudwatch:{found[1]}"
    return original_action(service, method, path, headers, body, query_params)


def members_of(body, query_params):
    """The input of a call, in whichever protocol it is; empty when it is none."""
    members = None
    try:
        if body[:1] == b"{":
            members = json.loads(body)
        elif body and body[0] >= FIRST_MAP_OF_CBOR:
            members = cbor2.loads(body)
    except (ValueError, cbor2.CBORDecodeError):
        pass
    return members if isinstance(members, dict) else lists_of(query_params)


def lists_of(query_params):
    """The members of a call of AWS Query, with its lists."""
    members = {}
    for name, value in query_params.items():
        value = value[0] if isinstance(value, list) and value else value
        head, _, index = name.partition(".member.")
        if index.isdigit():
            members.setdefault(head, []).append(value)
        else:
            members[name] = value
    return members


def texts(value):
    """The texts of a member that holds one or several."""
    return [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str) and text]


def cloudtrail(members, region, account):
    """Trails, by name or ARN, and those whose tags are meant."""
    given = [text for name in ("Name", "TrailName", "ResourceId", "ResourceIdList") for text in texts(members.get(name))]
    return [text if text.startswith("arn:") else f"arn:aws:cloudtrail:{region}:{account}:trail/{text}" for text in given]


def cloudwatch(operation, members, region, account):
    """Alarms by name, dashboards by name, and those whose tags are meant."""
    if members.get("ResourceARN"):
        return texts(members["ResourceARN"])
    boards = texts(members.get("DashboardName")) + texts(members.get("DashboardNames"))
    if boards:
        return [f"arn:aws:cloudwatch::{account}:dashboard/{name}" for name in boards]
    names = texts(members.get("AlarmName")) + texts(members.get("AlarmNames"))
    if not names and operation in ("DescribeAlarms", "DescribeAlarmHistory"):
        names = ["*"]
    return [f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}" for name in names]


def logs(operation, members, region, account):
    """A log group with its stream, or the group alone where its tags are meant."""
    if members.get("resourceArn"):
        return texts(members["resourceArn"])
    name = members.get("logGroupName") or ""
    if not name and operation not in ("DescribeLogGroups", "DescribeMetricFilters"):
        return []
    return [f"arn:aws:logs:{region}:{account}:log-group:{name}:log-stream:{members.get('logStreamName') or ''}"]


def events(members, region, account):
    """A rule; one of the default bus is named without the bus."""
    if members.get("ResourceARN"):
        return texts(members["ResourceARN"])
    rule, bus = members.get("Rule") or members.get("Name"), members.get("EventBusName") or "default"
    bus = bus.rsplit("/", 1)[-1]
    if not isinstance(rule, str) or not rule:
        return []
    return [f"arn:aws:events:{region}:{account}:rule/{rule if bus == 'default' else f'{bus}/{rule}'}"]


def entity(members):
    """The user or role whose policies are simulated, and roles with their path."""
    if members.get("PolicySourceArn"):
        return texts(members["PolicySourceArn"])
    role = iam._roles.get(members.get("RoleName") or "")
    return [role["Arn"]] if role else []


def resources(service, operation, body, query_params, region, account):
    """The resources of a call; none where the emulator knows them or the call has none."""
    members = members_of(body or b"", query_params)
    operation = members.get("Action") or operation
    if service == "cloudtrail":
        return cloudtrail(members, region, account)
    if service == "monitoring":
        return cloudwatch(operation, members, region, account)
    if service == "logs":
        return logs(operation, members, region, account)
    if service == "events" and operation.endswith(("Rule", "Targets", "TargetsByRule", "Resource")):
        return events(members, region, account)
    if service == "sns" and members.get("ResourceArn"):
        return texts(members["ResourceArn"])
    return entity(members) if service == "iam" else []


def further(service, operation, body, query_params, arn):
    """What a call takes besides: the right to pass a role on, and that to tag where it tags what it makes."""
    members = members_of(body or b"", query_params)
    operation, found = members.get("Action") or operation, []
    if service == "cloudtrail" and operation in ("CreateTrail", "UpdateTrail") and members.get("CloudWatchLogsRoleArn"):
        found.append(("iam:PassRole", "iam", members["CloudWatchLogsRoleArn"], {"iam:PassedToService": "cloudtrail.amazonaws.com"}))
    tags, action = {
        ("cloudtrail", "CreateTrail"): ("TagsList", "cloudtrail:AddTags"),
        ("logs", "CreateLogGroup"): ("tags", "logs:TagResource"),
        ("monitoring", "PutMetricAlarm"): ("Tags", "cloudwatch:TagResource"),
        ("sns", "CreateTopic"): ("Tags.member.1.Key", "sns:TagResource"),
    }.get((service, operation), ("", ""))
    if action and (members.get(tags) or members.get("Tags.member.1.Key")):
        found.append((action, service, STREAM.sub("", str(arn)), {}))
    return found


def condition_keys(iam_action, body, params):
    """What a caller may put metrics into, and what a rule may send events to."""
    if iam_action not in ("cloudwatch:PutMetricData", "events:PutTargets"):
        return {}
    members = members_of(body or b"", params)
    if iam_action == "cloudwatch:PutMetricData":
        return {"cloudwatch:namespace": members.get("Namespace")}
    targets = [target.get("Arn") for target in members.get("Targets") or [] if isinstance(target, dict)]
    return {"events:TargetArn": targets[0] if len(targets) == 1 else targets}


def logs_context(operation, body, resource_arn, region, account_id):
    """The tags of a log group, whose ARN carries no stream."""
    return original_logs_context(operation, body, STREAM.sub("", resource_arn), region, account_id)


def tags_of(arn):
    """The tags of a resource for `aws:ResourceTag`, trails and alarms among them."""
    for store in (trails._trail_tags, alarms._resource_tags):
        if store.get(arn):
            return dict(store[arn])
    return original_tags(arn)


def install():
    """Puts these in the places of the emulator's own."""
    tagging.resource_tags = tags_of
    iam_actions.extract_iam_action = action
    iam_actions.logs_service_context = logs_context
