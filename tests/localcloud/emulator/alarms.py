"""Puts right what the emulator's CloudWatch alarms do otherwise than AWS: which data they look at, what becomes of them when
data is missing, and whether their message reaches its topic.

Must not be used with another version of the emulator than the one pinned beside it.

An alarm looks at data when data comes, not once a minute: one whose data ends stays as it is until `settle` says that its
time is over. It looks at its whole window at once, not at each period.
"""

import json
import time

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region, new_uuid, request_scope
from ministack.services import cloudwatch, kms, sns

SERVICE = "cloudwatch.amazonaws.com"

# The state that missing data leads to; `ignore` keeps the state.
MISSING = {"notBreaching": "OK", "breaching": "ALARM", "missing": "INSUFFICIENT_DATA"}

ACTIONS = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}

BREACHES = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


def evaluate(alarm):
    """Looks at the data of the alarm's own dimensions; the emulator takes those of all."""
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or []))
    points = cloudwatch._metrics.get((alarm.get("Namespace"), alarm.get("MetricName"), dimensions)) or []
    since = time.time() - alarm.get("Period", 60) * alarm.get("EvaluationPeriods", 1)
    recent = [point for point in points if point["Timestamp"] >= since]
    breaches = BREACHES.get(alarm.get("ComparisonOperator"))
    if not recent or breaches is None:
        return
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")
    value, threshold = cloudwatch._stat_value(cloudwatch._calc_stats(recent), statistic, recent), alarm.get("Threshold", 0)
    if value is None:
        return
    breaching = breaches(value, threshold)
    reason = (f"Threshold Crossed: 1 datapoint [{value}] was {'' if breaching else 'not '}"
              f"{alarm['ComparisonOperator'].removesuffix('Threshold')} the threshold ({threshold}).")
    change(alarm, "ALARM" if breaching else "OK", reason)


def change(alarm, state, reason):
    """Takes an alarm into a state, and tells it where the state is another one."""
    was = alarm["StateValue"]
    if was == state:
        return
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], was, state, reason)
    dispatch(alarm, was, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def settle(request):
    """Ends the time that alarms look at: old data no longer counts, and alarms go where missing data leads them."""
    with request_scope(request["account"], request["region"]):
        for key in list(cloudwatch._metrics.keys()):
            del cloudwatch._metrics[key]
        for alarm in list(cloudwatch._alarms.values()):
            state = MISSING.get(alarm.get("TreatMissingData") or "missing")
            if state is not None:
                treated = alarm.get("TreatMissingData") or "missing"
                change(alarm, state, f"Threshold Crossed: no datapoints were received for 1 period and missing data is treated as [{treated}].")
    return {}


def context_of(action, resource, alarm_arn):
    """The context of a call that CloudWatch makes for an alarm."""
    account = get_account_id()
    return iam_evaluator.EvalContext(
        principal_arn="*", principal_type="Service", principal_account="", action=action, resource_arn=resource,
        region=get_region(), secure_transport=True,
        service_context={"aws:sourcearn": alarm_arn, "aws:sourceaccount": account, "aws:sourceowner": account})


def allows(policy, action, resource, alarm_arn):
    """Whether a resource's own policy lets CloudWatch do something for an alarm."""
    if not policy:
        return False
    context = context_of(action, resource, alarm_arn)
    return iam_evaluator.evaluate_resource_policy(policy, context, service=SERVICE).decision == "Allow"


def key_refused(key_id, alarm_arn):
    """Why CloudWatch cannot use the key of an encrypted topic; `None` when it can or none is set."""
    if not key_id:
        return None
    denied = "null (Service: AWSKMS; Status Code: 400; Error Code: {}; Request ID: {}; Proxy: null)".format
    # The policy of a key that AWS manages names SNS alone, and nobody can change it.
    key = None if key_id.rsplit(":", 1)[-1] == "alias/aws/sns" else kms._resolve_key(key_id)
    if key is None:
        return denied("AccessDeniedException", new_uuid())
    if not all(allows(key.get("Policy"), action, key["Arn"], alarm_arn) for action in ("kms:GenerateDataKey", "kms:Decrypt")):
        return denied("AccessDeniedException", new_uuid())
    state = kms._key_metadata(key).get("KeyState")
    if state == "Enabled":
        return None
    return denied("DisabledException" if state == "Disabled" else "KMSInvalidStateException", new_uuid())


def publish_refused(topic_arn, alarm_arn):
    """Why an alarm cannot publish to a topic; `None` when it can."""
    topic = sns._topic_by_arn_any_scope(topic_arn)
    if topic is None:
        return "Topic does not exist"
    attributes = topic["attributes"]
    if not allows(attributes.get("Policy"), "sns:Publish", topic_arn, alarm_arn):
        return f"Resource: {alarm_arn} is not authorized to perform: SNS:Publish on resource: {topic_arn}"
    return key_refused(attributes.get("KmsMasterKeyId"), alarm_arn)


def note(alarm, topic_arn, message, error):
    """Writes into the alarm's history what became of an action."""
    data = {"actionState": "Failed" if error else "Succeeded", "notificationResource": topic_arn,
            "publishedMessage": json.dumps({"default": message})}
    if error:
        data["error"] = error
    summary = f'Failed to execute action {topic_arn}. Received error: "{error}"' if error else f"Successfully executed action {topic_arn}"
    cloudwatch._history_entries().append({
        "AlarmName": alarm["AlarmName"], "AlarmType": "MetricAlarm" if "MetricName" in alarm else "CompositeAlarm",
        "Timestamp": cloudwatch._ts_iso(time.time()), "HistoryItemType": "Action", "HistorySummary": summary,
        "HistoryData": json.dumps(data)})


def message_of(alarm, old_state, new_state, reason):
    """The message that CloudWatch sends for an alarm."""
    iso = lambda at: time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime(at))  # noqa: E731
    dimensions = [{"value": each["Value"], "name": each["Name"]} for each in alarm.get("Dimensions") or []]
    return json.dumps({
        "AlarmName": alarm["AlarmName"], "AlarmDescription": alarm.get("AlarmDescription") or None, "AWSAccountId": get_account_id(),
        "AlarmConfigurationUpdatedTimestamp": iso(alarm.get("AlarmConfigurationUpdatedTimestamp") or time.time()),
        "NewStateValue": new_state, "NewStateReason": reason, "StateChangeTime": iso(time.time()), "Region": get_region(),
        "AlarmArn": alarm["AlarmArn"], "OldStateValue": old_state,
        **{actions: alarm.get(actions) or [] for actions in ACTIONS.values()},
        "Trigger": {
            "MetricName": alarm.get("MetricName"), "Namespace": alarm.get("Namespace"), "StatisticType": "Statistic",
            "Statistic": (alarm.get("Statistic") or "").upper(), "Unit": alarm.get("Unit"), "Dimensions": dimensions,
            "Period": alarm.get("Period"), "EvaluationPeriods": alarm.get("EvaluationPeriods"),
            "ComparisonOperator": alarm.get("ComparisonOperator"), "Threshold": alarm.get("Threshold"),
            "TreatMissingData": alarm.get("TreatMissingData") or "missing", "EvaluateLowSampleCountPercentile": "",
        },
    })


def dispatch(alarm, old_state, new_state, reason):
    """Sends an alarm's message to those of its topics that take it."""
    if not alarm.get("ActionsEnabled", True):
        return
    for topic_arn in alarm.get(ACTIONS.get(new_state, "")) or []:
        if not cloudwatch._is_sns_action_arn(topic_arn):
            continue
        message, error = message_of(alarm, old_state, new_state, reason), publish_refused(topic_arn, alarm["AlarmArn"])
        note(alarm, topic_arn, message, error)
        if error is None:
            subject = f'{new_state}: "{alarm["AlarmName"]}" in {get_region()}'[:100]
            # Over TLS, as AWS delivers, however the data came that set the alarm off.
            origin = iam_evaluator._request_origin.set((SERVICE, True))
            try:
                sns._fanout(topic_arn, new_uuid(), message, subject)
            finally:
                iam_evaluator._request_origin.reset(origin)


def install():
    """Puts these in the places of the emulator's own."""
    cloudwatch._evaluate_alarm = evaluate
    cloudwatch._dispatch_alarm_actions = dispatch


ROUTES = {"alarms": settle}
