"""The entry of a Cloud Custodian policy, as Cloud Custodian packages it."""
from c7n import handler


def run(event, context):
    return handler.dispatch_event(event, context)
