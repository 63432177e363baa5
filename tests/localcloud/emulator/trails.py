"""Puts right what the emulator's CloudTrail does otherwise than AWS where a trail is made or changed, and takes records
to the log group of a trail.

Trails stay where the emulator keeps them. Which trail records what is the proxy's business; must not decide that here,
and must not be used with another version of the emulator than the one pinned beside it.

The messages of refusals are those that CloudTrail is known to give. `LatestCloudWatchLogsDeliveryError` is a text whose
values AWS does not document.
"""

import json
import re
import time

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import cloudtrail, cloudwatch, cloudwatch_logs, iam, s3

SERVICE = "cloudtrail.amazonaws.com"
LOG_GROUP_ARN = re.compile(r"arn:aws:logs:([a-z0-9-]+):(\d{12}):log-group:([\w./#-]+):\*")
ROLE_ARN = re.compile(r"arn:aws:iam::(\d{12}):role/(?:[\w+=,.@/-]+/)?([\w+=,.@-]+)")
TRAIL_NAME = re.compile(r"(?!.*[._-]{2})[A-Za-z0-9][A-Za-z0-9._-]{1,126}[A-Za-z0-9]")

# State of a delivery, kept on the trail and shown by its status alone.
DELIVERED_AT, DELIVERY_ERROR = "_LogsDeliveredAt", "_LogsDeliveryError"

original_create = cloudtrail._create_trail
original_delete = cloudtrail._delete_trail
original_status = cloudtrail._get_trail_status
original_update = cloudtrail._update_trail


def stream_name(trail_arn):
    """The stream that a trail writes to: `ACCOUNT_CloudTrail_REGION`, of the Region it lives in."""
    _, _, _, region, account, _ = trail_arn.split(":", 5)
    return f"{account}_CloudTrail_{region}"


def role_may(role_arn, action, resource, region):
    """Whether a role exists and its own policies allow an action."""
    found = ROLE_ARN.fullmatch(role_arn or "")
    if found is None or iam._roles.get_scoped(found[1], None, found[2]) is None:
        return False
    with request_scope(found[1], region):
        context = iam_evaluator.EvalContext(
            principal_arn=role_arn, principal_type="AssumedRole", principal_account=found[1], action=action,
            resource_arn=resource, region=region, secure_transport=True)
        limits = iam_evaluator._permissions_boundary(iam._roles, found[2], found[1])
        policies = iam_evaluator._gather_role_policies(found[2], found[1])
        return iam_evaluator.evaluate(context, policies, *limits).decision == "Allow"


def delivery_refused(log_group_arn, role_arn, trail_arn, region):
    """Why a role may not write to the stream of a trail; `None` when it may."""
    stream = f"{log_group_arn.removesuffix(':*')}:log-stream:{stream_name(trail_arn)}"
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        if not role_may(role_arn, action, stream, region):
            return "Access denied. Verify in IAM that the role has adequate permissions."
    return None


def logs_refused(group_arn, role_arn, trail_arn):
    """What CloudTrail says to a log group and a role before it takes them; `None` when it takes them."""
    refuse = cloudtrail._err
    if not group_arn and not role_arn:
        return None
    if not group_arn:
        return refuse("InvalidCloudWatchLogsLogGroupArnException", "You must specify a CloudWatch Logs log group ARN.")
    found = LOG_GROUP_ARN.fullmatch(group_arn)
    if found is None or (found[1], found[2]) != (get_region(), get_account_id()) or found[3] not in cloudwatch_logs._log_groups:
        return refuse("InvalidCloudWatchLogsLogGroupArnException", "CloudTrail cannot validate the specified log group ARN.")
    if not role_arn:
        return refuse("InvalidCloudWatchLogsRoleArnException", "You must specify a role ARN as well as a log group.")
    named = ROLE_ARN.fullmatch(role_arn)
    role = iam._roles.get_scoped(named[1], None, named[2]) if named else None
    if role is None or named[1] != get_account_id():
        return refuse("InvalidCloudWatchLogsRoleArnException", "Access denied. Check the trust relationships for your role.")
    if not trusts_cloudtrail(role, trail_arn):
        return refuse("InvalidCloudWatchLogsRoleArnException", "Access denied. Check the trust relationships for your role.")
    denied = delivery_refused(group_arn, role_arn, trail_arn, get_region())
    return refuse("InvalidCloudWatchLogsLogGroupArnException", denied) if denied else None


def service_context(action, resource, source_arn):
    """The context of a call that CloudTrail makes for a trail."""
    return iam_evaluator.EvalContext(
        principal_arn="*", principal_type="Service", principal_account="", action=action, resource_arn=resource,
        region=get_region(), secure_transport=True,
        service_context={"aws:sourcearn": source_arn, "aws:sourceaccount": get_account_id(),
                         "s3:x-amz-acl": "bucket-owner-full-control"})


def trusts_cloudtrail(role, trail_arn):
    """Whether a role's trust policy lets CloudTrail assume it for a trail."""
    document = role.get("AssumeRolePolicyDocument") or "{}"
    document = json.loads(document) if isinstance(document, str) else document
    statements = document.get("Statement", [])
    statements = [statements] if isinstance(statements, dict) else statements
    # A trust policy has no resource; the evaluator of resource policies wants one.
    document = {"Statement": [{**statement, "Resource": "*"} for statement in statements]}
    context = service_context("sts:AssumeRole", "*", trail_arn)
    return iam_evaluator.evaluate_resource_policy(document, context, service=SERVICE).decision == "Allow"


def bucket_refused(bucket, prefix, trail_arn):
    """What CloudTrail says to a bucket before it takes it; `None` when it takes it."""
    if not bucket:
        return cloudtrail._err("InvalidS3BucketNameException", "Bucket name cannot be blank!")
    owner = next((account for account, name in s3._buckets._data if name == bucket), None)
    if owner is None:
        return cloudtrail._err("S3BucketDoesNotExistException", f"S3 bucket {bucket} does not exist!")
    policy = s3._bucket_policies.get_scoped(owner, None, bucket)
    folder = f"{prefix}/AWSLogs" if prefix else "AWSLogs"
    needed = [("s3:GetBucketAcl", f"arn:aws:s3:::{bucket}"),
              ("s3:PutObject", f"arn:aws:s3:::{bucket}/{folder}/{get_account_id()}/CloudTrail/x")]
    policy = policy.decode() if isinstance(policy, bytes) else policy
    for action, resource in needed:
        context = service_context(action, resource, trail_arn)
        if iam_evaluator.evaluate_resource_policy(policy, context, service=SERVICE).decision != "Allow":
            return cloudtrail._err("InsufficientS3BucketPolicyException",
                                   f"Incorrect S3 bucket policy is detected for bucket: {bucket}")
    return None


def members_refused(body, trail, trail_arn):
    """What CloudTrail says to the members of a new or changed trail; `None` when it takes them."""
    given = lambda name, default="": body.get(name, trail.get(name, default))  # noqa: E731
    if given("IsMultiRegionTrail", False) and not given("IncludeGlobalServiceEvents", True):
        return cloudtrail._err("InvalidParameterCombinationException",
                               "Multi-Region trail must include global service events.")
    if not trail or "S3BucketName" in body or "S3KeyPrefix" in body:
        refused = bucket_refused(given("S3BucketName"), given("S3KeyPrefix"), trail_arn)
        if refused:
            return refused
    if "CloudWatchLogsLogGroupArn" in body or "CloudWatchLogsRoleArn" in body:
        return logs_refused(given("CloudWatchLogsLogGroupArn"), given("CloudWatchLogsRoleArn"), trail_arn)
    return None


def shown(answer, trail):
    """Adds the members that the emulator leaves out of what it says of a trail."""
    status, headers, body = answer
    members = {name: value for name, value in json.loads(body).items() if value != ""}
    for name in ("CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn"):
        if trail.get(name):
            members[name] = trail[name]
    return status, headers, json.dumps(members).encode()


def create(body):
    """CreateTrail with its tags and its log group."""
    name = body.get("Name", "")
    if not TRAIL_NAME.fullmatch(name):
        return cloudtrail._err("InvalidTrailNameException", "Trail name or ARN must be between 3 and 128 characters, start and end with a "
                               "letter or number, and hold only letters, numbers, periods, underscores and dashes.")
    if cloudtrail._find_visible_trail(name)[2] is None:
        refused = members_refused(body, {}, cloudtrail._trail_arn(name))
        if refused:
            return refused
    answer = original_create(body)
    if answer[0] != 200:
        return answer
    trail = cloudtrail._trails[name]
    for member in ("CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn"):
        if body.get(member):
            trail[member] = body[member]
    cloudtrail._trail_tags[trail["TrailARN"]] = {tag["Key"]: tag.get("Value", "") for tag in body.get("TagsList") or []}
    return shown(answer, trail)


def update(body):
    """UpdateTrail; an empty log group and role take the log group away."""
    _, _, trail, refused = cloudtrail._find_mutable_trail(body.get("Name", "").strip())
    refused = refused or members_refused(body, trail, trail["TrailARN"])
    if refused:
        return refused
    answer = original_update(body)
    if "CloudWatchLogsLogGroupArn" in body:
        trail.pop(DELIVERED_AT, None)
        trail.pop(DELIVERY_ERROR, None)
    return shown(answer, trail) if answer[0] == 200 else answer


def delete(body):
    """DeleteTrail, which takes the tags along."""
    _, _, trail, _ = cloudtrail._find_mutable_trail(body.get("Name", "").strip())
    answer = original_delete(body)
    if answer[0] == 200 and trail:
        cloudtrail._trail_tags.pop(trail["TrailARN"], None)
    return answer


def status(body):
    """GetTrailStatus with what became of the delivery to the log group."""
    answer = original_status(body)
    if answer[0] != 200:
        return answer
    trail = cloudtrail._find_visible_trail(body["Name"].strip())[2]
    members = json.loads(answer[2])
    if DELIVERED_AT in trail:
        members["LatestCloudWatchLogsDeliveryTime"] = trail[DELIVERED_AT]
    if DELIVERY_ERROR in trail:
        members["LatestCloudWatchLogsDeliveryError"] = trail[DELIVERY_ERROR]
    return answer[0], answer[1], json.dumps(members).encode()


def listed(_request):
    """All trails of all accounts, with their selectors and whether they log."""
    found = []
    for (account, region, name), trail in list(cloudtrail._trails.all_items()):
        selectors = cloudtrail._event_selectors.get_scoped(account, region, name, cloudtrail._DEFAULT_EVENT_SELECTORS)
        found.append({
            "arn": trail["TrailARN"],
            "account": account,
            "home_region": region,
            "is_logging": bool(trail.get("IsLogging")),
            "is_multi_region": bool(trail.get("IsMultiRegionTrail")),
            "feeds_a_log_group": bool(trail.get("CloudWatchLogsLogGroupArn")),
            cloudtrail._event_selectors_field(selectors): selectors,
        })
    return {"trails": found}


def filters_of(group):
    """The metric filters of a log group of the scope."""
    return [metric_filter for (name, _), metric_filter in list(cloudwatch_logs._metric_filters.items()) if name == group]


def deliver(request):
    """Puts a record into the log group of a trail and gives the metric filters that are to count it.

    A trail that is gone, or feeds no log group any longer, delivers nothing.
    """
    _, _, _, region, account, resource = request["trail_arn"].split(":", 5)
    trail = cloudtrail._trails.get_scoped(account, region, resource.removeprefix("trail/"))
    if trail is None or not trail.get("CloudWatchLogsLogGroupArn"):
        return {"delivered": False, "filters": []}
    group_arn = trail["CloudWatchLogsLogGroupArn"]
    group, stream = LOG_GROUP_ARN.fullmatch(group_arn)[3], stream_name(request["trail_arn"])
    with request_scope(account, region):
        error = delivery_refused(group_arn, trail.get("CloudWatchLogsRoleArn"), request["trail_arn"], region)
        if error is None and group not in cloudwatch_logs._log_groups:
            error = "ResourceNotFoundException: The specified log group does not exist."
        if error is not None:
            trail[DELIVERY_ERROR] = error
            return {"delivered": False, "filters": [], "error": error}
        cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
        cloudwatch_logs._put_log_events({
            "logGroupName": group, "logStreamName": stream,
            "logEvents": [{"timestamp": int(time.time() * 1000), "message": request["message"]}]})
        trail[DELIVERED_AT] = int(time.time())
        trail.pop(DELIVERY_ERROR, None)
        return {"delivered": True, "filters": filters_of(group), "account": account, "region": region}


def metric_filters(request):
    """The metric filters of one log group."""
    with request_scope(request["account"], request["region"]):
        return {"filters": filters_of(request["group"])}


def put_metrics(request):
    """Puts what metric filters counted, as CloudWatch Logs does: without a call of anybody, and alarms look at it."""
    with request_scope(request["account"], request["region"]):
        for datum in request["data"]:
            cloudwatch._put_metric_data({}, {"Namespace": datum.pop("Namespace"), "MetricData": [datum]}, False, True)
    return {}


def install():
    """Puts these in the places of the emulator's own."""
    cloudtrail._TRAIL_STATE_KEYS = cloudtrail._TRAIL_STATE_KEYS | {DELIVERED_AT, DELIVERY_ERROR}
    cloudtrail._DISPATCH.update(CreateTrail=create, UpdateTrail=update, DeleteTrail=delete, GetTrailStatus=status)


ROUTES = {"trails": listed, "trail-deliveries": deliver, "metric-filters": metric_filters, "metric-data": put_metrics}
