"""Keeps what IAM was asked in a role's name: which action, on which resource, and which statements let it through.

Calls of services of AWS in a role's name are asked about with `ask`. What somebody tried with borrowed credentials (`borrow`) is no call
of the function that they belong to, and is kept as such. Must not decide anything, and must not be used with another version of the emulator
than the one pinned beside it.
"""

import hashlib
import threading

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, request_scope
from ministack.services import iam, sts

import authorization
import trails

# What is kept, by principal, action and resource; beyond so many nothing more is kept, and `full` says so.
MOST = 50_000
kept, borrowed, full = {}, set(), []
lock = threading.Lock()
asking = threading.local()

original_enforce = authorization.original_enforce
original_evaluate = iam_evaluator.evaluate


def letting_through(context, policies):
    """The statements that allow a call, each by itself."""
    matches = (statement for statements in policies for statement in statements
               if iam_evaluator._first_match(context, [statement], "Allow"))
    return sorted({statement.sid for statement in matches})


def keep(principal, action, resource, statements, is_allowed, is_borrowed=False):
    """Keeps one answer, and counts those that are the same."""
    with lock:
        at = (principal, action, resource, tuple(statements), is_allowed, is_borrowed)
        if at not in kept and len(kept) == MOST:
            full[:] = [True]
            return
        kept[at] = kept.get(at, 0) + 1


def evaluate(context, policies, *limits):
    """Remembers what was asked about first: the caller's own policies, before those of a resource."""
    if getattr(asking, "first", False) is None:
        asking.first = (context, letting_through(context, policies))
    return original_evaluate(context, policies, *limits)


def enforce(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
    """Keeps the answer to a call that was signed with the credentials of a role."""
    asking.first = None
    try:
        denied = original_enforce(access_key_id, iam_action, service, region, resource_arn=resource_arn, service_context=service_context)
        first = asking.first
    finally:
        asking.first = False
    if first and ":assumed-role/" in first[0].principal_arn:
        keep(first[0].principal_arn, iam_action, str(resource_arn), first[1], denied is None, access_key_id in borrowed)
    return denied


def ask(role_arn, action, resource, region, keys=None):
    """Whether a role's own policies allow what a service of AWS does in its name."""
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    with request_scope(account, region):
        if iam._roles.get_scoped(account, None, name) is None:
            return False
        context = iam_evaluator.EvalContext(
            principal_arn=role_arn, principal_type="AssumedRole", principal_account=account, action=action, resource_arn=resource,
            region=region, secure_transport=True, service_context={name.lower(): value for name, value in (keys or {}).items()})
        policies = iam_evaluator._gather_role_policies(name, account)
        limits = iam_evaluator._permissions_boundary(iam._roles, name, account)
        is_allowed = original_evaluate(context, policies, *limits).decision == "Allow"
        keep(role_arn, action, resource, letting_through(context, policies), is_allowed)
        return is_allowed


def role_may(role_arn, action, resource, region):
    """What CloudTrail asks in the name of a trail's role."""
    found = trails.ROLE_ARN.fullmatch(role_arn or "")
    return found is not None and ask(role_arn, action, resource, region)


def borrow(credentials):
    """The same session under another access key, so that what is tried with it can be told from what its function does."""
    session = sts._sessions[credentials["AWS_ACCESS_KEY_ID"]]
    access_key = "ASIA" + hashlib.sha256(f"borrowed {credentials['AWS_ACCESS_KEY_ID']}".encode()).hexdigest()[:16].upper()
    sts.register_session(access_key, session)
    borrowed.add(access_key)
    return {**credentials, "AWS_ACCESS_KEY_ID": access_key}


def listed(_request):
    """All that was kept, and whether there was more."""
    with lock:
        found = [{"principal": principal, "action": action, "resource": resource, "statements": list(statements), "is_allowed": is_allowed,
                  "is_borrowed": is_borrowed, "count": count}
                 for (principal, action, resource, statements, is_allowed, is_borrowed), count in sorted(kept.items())]
        return {"decisions": found, "is_complete": not full}


def forget(_request):
    """Forgets all that was kept."""
    with lock:
        kept.clear()
        full.clear()
    return {}


def install():
    """Puts these in the places of the emulator's own."""
    iam_evaluator.evaluate = evaluate
    authorization.original_enforce = enforce
    trails.role_may = role_may


ROUTES = {"decisions": listed, "decisions-forgotten": forget}
