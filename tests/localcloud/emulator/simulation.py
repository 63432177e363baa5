"""Answers `SimulatePrincipalPolicy` as IAM does, for each action and each resource, by the evaluator that judges real calls.

Of resource policies it knows only the one that the caller passes along, as IAM does. Must not be used with another version
of the emulator than the one pinned beside it.
"""

import re
from xml.sax.saxutils import escape

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

SOURCE_ARN = re.compile(r"arn:aws:iam::(\d{12}):(role|user)/(?:.+/)?([^/]+)")
DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny", "ImplicitDeny": "implicitDeny"}


def listed(params, name):
    """The members of a list of AWS Query."""
    found, index = [], 1
    while iam._p(params, f"{name}.member.{index}"):
        found.append(iam._p(params, f"{name}.member.{index}"))
        index += 1
    return found


def context_entries(params):
    """The condition keys that the caller gives, by lower-case name."""
    found, index = {}, 1
    while iam._p(params, f"ContextEntries.member.{index}.ContextKeyName"):
        prefix = f"ContextEntries.member.{index}"
        values = listed(params, f"{prefix}.ContextKeyValues")
        found[iam._p(params, f"{prefix}.ContextKeyName").lower()] = values[0] if len(values) == 1 else values
        index += 1
    return found


def decide(source_arn, kind, name, action, resource, params):
    """What the policies of a role or user decide on one action and resource, and whether its boundary allows it."""
    account = get_account_id()
    store, gather = (iam._roles, iam_evaluator._gather_role_policies) if kind == "role" else (
        iam._users, iam_evaluator._gather_user_policies)
    context = iam_evaluator.EvalContext(
        principal_arn=source_arn, principal_type="AssumedRole" if kind == "role" else "User", principal_account=account,
        action=action, resource_arn=resource, region=get_region(), secure_transport=True,
        service_context=context_entries(params), principal_keys={"aws:principalarn": source_arn})
    policies = gather(name, account)
    policies += [iam_evaluator.parse_policy_document(document) for document in listed(params, "PolicyInputList")]
    limits = iam_evaluator._permissions_boundary(store, name, account)
    result = iam_evaluator.evaluate(context, policies, *limits)
    policy = iam._p(params, "ResourcePolicy")
    if policy and result.decision != "Deny":
        by_resource = iam_evaluator.evaluate_resource_policy(policy, context)
        if by_resource.decision != "ImplicitDeny":
            result = by_resource
    # IAM tells of the boundary only where there is one.
    within = all(iam_evaluator.evaluate(context, limit).decision == "Allow" for limit in limits) if limits else None
    return DECISIONS[result.decision], result.matched_sid, within


def simulate(params):
    """SimulatePrincipalPolicy."""
    source = iam._p(params, "PolicySourceArn")
    found = SOURCE_ARN.fullmatch(source or "")
    if found is None:
        return iam._error(400, "InvalidInput", f"Invalid Entity Arn: {source} does not clearly define entity type and name.", ns="iam")
    account, kind, name = found.groups()
    record = (iam._roles if kind == "role" else iam._users).get_scoped(account, None, name)
    if account != get_account_id() or record is None or record["Arn"] != source:
        return iam._error(404, "NoSuchEntity", f"The {kind} with name {name} cannot be found.", ns="iam")
    actions = listed(params, "ActionNames")
    if not actions:
        return iam._error(400, "ValidationError", "1 validation error detected: Value at 'actionNames' failed to satisfy constraint: "
                          "Member must not be null", ns="iam")
    results = ""
    for action in actions:
        for resource in listed(params, "ResourceArns") or ["*"]:
            decision, sid, within = decide(source, kind, name, action, resource, params)
            matched = f"<member><SourcePolicyId>{escape(sid)}</SourcePolicyId></member>" if sid else ""
            boundary = "" if within is None else (
                "<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>"
                f"{str(within).lower()}</AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail>")
            results += (f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>{escape(resource)}</EvalResourceName>"
                        f"<EvalDecision>{decision}</EvalDecision><MatchedStatements>{matched}</MatchedStatements>"
                        f"<MissingContextValues></MissingContextValues>{boundary}</member>")
    return iam._xml(200, "SimulatePrincipalPolicyResponse",
                    f"<SimulatePrincipalPolicyResult><EvaluationResults>{results}</EvaluationResults>"
                    "<IsTruncated>false</IsTruncated></SimulatePrincipalPolicyResult>", ns="iam")


def install():
    """Puts this in the place of the emulator's own."""
    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = simulate
