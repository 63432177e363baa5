"""Reads metrics in the embedded format out of the lines that functions log, as CloudWatch Logs does, where it is switched on.

Must not read anything while it is off: scenarios that know nothing of metrics count the messages of a topic that alarms share.
"""

import asyncio
import json

from ministack.core.responses import request_scope
from ministack.services import cloudwatch

state = {"on": False, "loop": None}


def keep_loop():
    """Remembers the loop that calls are answered on, where metrics are put as well."""
    state["loop"] = asyncio.get_running_loop()


def switch(request):
    """Switches the reading on or off."""
    state["on"] = bool(request["on"])
    return {}


def data_of(document):
    """The metric data of one document, by namespace."""
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive.get("Dimensions") or [[]]:
            dimensions = [{"Name": name, "Value": str(document[name])} for name in names]
            for metric in directive["Metrics"]:
                value = document[metric["Name"]]
                yield directive["Namespace"], {
                    "MetricName": metric["Name"], "Values": value if isinstance(value, list) else [value],
                    "Unit": metric.get("Unit", "None"), "Dimensions": dimensions}


def put(region, account, data):
    """Puts data, and lets alarms look at it."""
    with request_scope(account, region):
        for namespace, datum in data:
            cloudwatch._put_metric_data({}, {"Namespace": namespace, "MetricData": [datum]}, False, True)


def take(line, function_arn):
    """Takes the metrics of a logged line; what is no document in the embedded format is a line like any other."""
    if not state["on"] or state["loop"] is None or b'"_aws"' not in line or not function_arn:
        return
    try:
        data = list(data_of(json.loads(line)))
    except (ValueError, KeyError, TypeError):
        return
    _, _, _, region, account, _ = function_arn.split(":", 5)
    state["loop"].call_soon_threadsafe(put, region, account, data)


ROUTES = {"embedded-metrics": switch}
