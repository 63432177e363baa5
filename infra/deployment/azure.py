"""Deploys Reprieve into subscriptions of Azure: plan, apply, verify, report, upgrade, uninstall.

It must not sign in, choose a subscription, lock anything, delete evidence or its lock, step back from enforce without saying so, or lose
policies that were packaged.
"""

import json
import pathlib
import tempfile

from . import calls, observed, policies, release
from .calls import Failed, Wrong, say
from .policies import NOT_KNOWN
from .tenant import POLICIES_TAG, Tenant, az

FRAME = {"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#", "contentVersion": "1.0.0.0"}
SYSTEM_TOPIC = "reprieve-subscription"
AUDIT_CONTAINER = "reprieve-audit"


class Deployment:
    """Deploys the templates, each shown with what-if and asked about; or only shows them."""

    def __init__(self, tenant, mode, only_show):
        self.tenant, self.mode, self.only_show = tenant, mode, only_show

    def parameters(self, template, given, folder):
        """Writes those of the file's values that the template knows, and those that follow. Returns the file."""
        values = self.tenant.values | {"mode": {"value": self.mode}} | {name: {"value": value} for name, value in given.items()}
        chosen = {name: value for name, value in values.items() if name in self.tenant.known[template]}
        file = pathlib.Path(folder, f"{template}.parameters.json")
        file.write_text(json.dumps(FRAME | {"parameters": chosen}), encoding="utf-8")
        return file

    def put(self, kind, subscription, place, template, **given):
        """Deploys one template into a group, or (`sub`) into a subscription."""
        say(f"\n== {template}.json, {kind} {place} of {subscription}")
        scope = [
            "--subscription",
            subscription,
            "--name",
            f"reprieve-{template}",
            "--location" if kind == "sub" else "--resource-group",
            place,
        ]
        with tempfile.TemporaryDirectory() as folder:
            file = self.parameters(template, given, folder)
            body = ["--template-file", str(self.tenant.infra / f"{template}.json"), "--parameters", f"@{file}"]
            if calls.run_openly(["az", "deployment", kind, "what-if", *scope, *body]) != 0:
                raise Failed(f"what-if of {template}.json failed (see above); nothing of it was deployed")
            if self.only_show:
                return
            calls.agree(f"Deploy {template}.json?", self.tenant.options.yes)
            calls.run(["az", "deployment", kind, "create", *scope, *body, "--output", "none"])


def mode_of(tenant, standing, keeps):
    """Returns the mode to deploy: as it was named, as the file says, or observe. An upgrade keeps what stands."""
    options = tenant.options
    if options.enforce and options.mode == "observe":
        raise Wrong("`--enforce` and `--mode observe` exclude each other")
    if options.enforce:
        return "enforce"
    if options.mode:
        return options.mode
    return (keeps and standing) or tenant.value("mode", "observe")


def deploy(options, root, only_show, keeps_mode):
    """Deploys in the order in which each takes the other's outputs."""
    if options.policies and options.zip:
        raise Wrong("`--policies` and `--zip` exclude each other: policies go into a zip while it is built")
    if options.zip and not pathlib.Path(options.zip).is_file():
        raise Wrong(f"`--zip {options.zip}` is not a file")
    brought = policies.given(options.policies, options.zip)
    policies.refuse_contradictions(options, brought)
    tenant = Tenant(options, root)
    group_exists = tenant.group_exists(tenant.home, options.group)
    state, guard = tenant.deployed("guard") if group_exists else (None, None)
    apps = tenant.function_apps() if group_exists and state is None else []
    stands = state is not None or bool(apps)
    is_unknown = stands and guard is None
    standing = NOT_KNOWN if is_unknown else guard.get("mode") if guard else None
    if keeps_mode and not stands:
        raise Wrong(f"no guard stands in the group `{options.group}`; `apply` makes one")
    if is_unknown and not (options.mode or options.enforce):
        raise Wrong(
            f"{why_unknown(tenant, apps)}: whether the guard observed or enforced before is not known, and nothing was deployed. "
            "Name the mode, with --mode observe or --mode enforce; REPRIEVE_MODE among the function app's settings says which it has. "
            "If guard.json never succeeded before, it is --mode observe"
        )
    mode = mode_of(tenant, standing, keeps_mode)
    packaged = tenant.packaged_policies() if group_exists else None
    changed = check_policies(options, packaged, brought, stands)
    tenant.headline(
        "a plan; nothing is changed" if only_show else "a deployment", mode if mode == standing or not standing else f"{standing} -> {mode}"
    )
    if changed:
        say(changed)
    if options.enforce:
        if not stands:
            raise Wrong(
                f"`--enforce`: no guard stands in the group `{options.group}`, and a first deployment observes. Deploy without --enforce, "
                "and look at `scripts/deploy azure report` after a week or two; or say --mode enforce, if you know"
            )
        if standing in ("observe", NOT_KNOWN):
            show_observed(tenant)
    if not group_exists:
        if not options.location:
            raise Wrong(f"the resource group `{options.group}` does not exist; name a region with --location, and it is made")
        if only_show:
            say(f"\nNot shown: anything, since the group `{options.group}` does not exist yet; it would be made in {options.location}.")
            return
        calls.agree(f"Make the resource group `{options.group}` in {options.location}?", options.yes)
        az("group", "create", "--subscription", tenant.home, "--name", options.group, "--location", options.location)
    put_all(tenant, Deployment(tenant, mode, only_show), is_first=not stands and packaged is None)
    if only_show:
        say("\nNothing was changed.")
        return
    say("\nRoles take some minutes to be known everywhere; the first sweep runs within the hour and takes the inventory.")
    say("Nothing was locked: infra/azure/README.md says how to lock the retention of the audit container, which nobody can undo.")
    say(f"What is proven of it: scripts/deploy azure verify --parameters {options.parameters} --group {options.group}")


def why_unknown(tenant, apps):
    """Says why it is not known what stands, where something does."""
    if not apps:
        return tenant.lacks("guard", "guard")
    return (
        f"the group `{tenant.options.group}` holds the function app {', '.join(f'`{app}`' for app in apps)}, "
        "and its history no deployment of guard.json"
    )


def check_policies(options, packaged, brought, stands):
    """Refuses to lose policies: one that may stand is given again, or named. Returns a line of what changes, or None."""
    how = policies.IN_THE_ZIP if options.zip else policies.AS_A_FOLDER
    if packaged is not None:
        return policies.check(options, packaged, brought, how)
    if not stands:
        return None
    return policies.check_unknown(options, f"the group `{options.group}` has no tag `{POLICIES_TAG}`", brought, how)


def put_all(tenant, deployment, is_first):
    """Deploys evidence, seals, guard and code, then each subscription. Code comes before events: Event Grid asks for it."""
    home, group = tenant.home, tenant.options.group
    region = az("group", "show", "--subscription", home, "--name", group)["location"]
    deployment.put("group", home, group, "evidence")
    evidence, seals = tenant.outputs("evidence"), tenant.outputs("seals")
    if deployment.only_show and not (evidence and seals):
        say("Not shown: the seals' key and the guard, which take outputs of what does not stand yet, or failed.")
        return
    deployment.put("group", home, group, "seals", guardPrincipalId=evidence["guardPrincipalId"])
    if is_first and not deployment.only_show:
        tenant.remember_policies(policies.NONE)
    deployment.put("group", home, group, "guard", sealKey=tenant.outputs("seals")["sealKeyUrl"])
    guard = tenant.outputs("guard")
    if deployment.only_show and not guard:
        say("Not shown: the subscriptions, which take outputs of the guard, and that does not stand yet, or failed.")
        return
    if not deployment.only_show:
        put_code(tenant, guard)
    for subscription in tenant.guarded:
        deployment.put("sub", subscription, region, "subscription", guardPrincipalId=evidence["guardPrincipalId"], location=region)
        if deployment.only_show and not tenant.group_exists(subscription, tenant.alerts_group):
            say(f"Not shown: events and alerts of {subscription}, whose resource group `{tenant.alerts_group}` does not exist yet.")
            continue
        deployment.put(
            "group",
            subscription,
            tenant.alerts_group,
            "events",
            functionAppId=guard["functionAppId"],
            evidenceStorageId=evidence["evidenceStorageId"],
            eventsIdentityId=evidence["eventsIdentityId"],
            actionGroupId=guard["actionGroupId"],
        )
        deployment.put("group", subscription, tenant.alerts_group, "alerts", actionGroupId=guard["actionGroupId"])
    if tenant.log_storage:
        subscription, log_group, name = tenant.log_storage
        deployment.put("group", subscription, log_group, "log-access", guardPrincipalId=evidence["guardPrincipalId"], logStorageName=name)


def put_code(tenant, guard):
    """Builds the zip, where none was given, and puts it into the function app."""
    options = tenant.options
    archive = options.zip
    if not archive:
        command = [str(tenant.root / "scripts" / "package"), "--cloud", "azure", "--no-sbom"]
        if options.policies:
            command += ["--policies", options.policies]
        if calls.run_openly(command) != 0:
            raise Failed("the zip could not be built (see above); the code that stood is still there")
        archive = str(tenant.root / "target" / "package" / "azure-guard-x86_64.zip")
    packaged = policies.told(release.policies_in(archive))
    # Whatever fails in between: policies that stand, or may stand, are known.
    if packaged != policies.NONE:
        tenant.remember_policies(packaged)
    say(f"\n== code, to {guard['functionAppName']}")
    calls.run(
        [
            "az",
            "functionapp",
            "deployment",
            "source",
            "config-zip",
            "--subscription",
            tenant.home,
            "--resource-group",
            options.group,
            "--name",
            guard["functionAppName"],
            "--src",
            archive,
            "--output",
            "none",
        ]
    )
    if packaged == policies.NONE:
        tenant.remember_policies(packaged)


def show_observed(tenant):
    """Prints what enforcing would have done, from a copy of the records."""
    evidence = tenant.outputs("evidence")
    if not evidence:
        raise Wrong(tenant.lacks("evidence", "evidence"))
    account = evidence["evidenceStorageId"].rpartition("/")[2]
    with tempfile.TemporaryDirectory() as folder:
        calls.run(
            [
                "az",
                "storage",
                "blob",
                "download-batch",
                "--account-name",
                account,
                "--auth-mode",
                "login",
                "--source",
                AUDIT_CONTAINER,
                "--destination",
                folder,
                "--output",
                "none",
            ]
        )
        command = [*calls.reprieve(tenant.root, tenant.options.reprieve), "report", folder, "--json"]
        if tenant.options.since:
            command += ["--from", tenant.options.since]
        say(f"\nWhat enforcing would have done, by the records in {account}, container {AUDIT_CONTAINER}")
        archive, said = observed.ask(command)
        for line in observed.summary(archive | {"archive": "a copy of that container"}, said):
            say(f"  {line}")
    say("  One-way switches that enforcing turns by itself: infra/azure/README.md, and `purgeProtection`.")


def states(tenant):
    """Looks at what stands. Returns (proven, not proven), each as lines."""
    proven, not_proven = [], []

    def judge(holds, what, otherwise):
        (proven if holds else not_proven).append(what if holds else otherwise)

    options, home = tenant.options, tenant.home
    for template in ("evidence", "seals", "guard"):
        state, _ = tenant.deployed(template)
        judge(
            state == "Succeeded",
            f"{template}.json is deployed",
            f"{template}.json: its last deployment {state}" if state else f"{template}.json is not deployed",
        )
    guard, evidence = tenant.outputs("guard"), tenant.outputs("evidence")
    if guard:
        name = guard["functionAppName"]
        app = az("functionapp", "show", "--subscription", home, "--resource-group", options.group, "--name", name)
        judge(app.get("state") == "Running", f"`{name}` runs", f"`{name}` is {app.get('state')}")
        listed = az("functionapp", "function", "list", "--subscription", home, "--resource-group", options.group, "--name", name) or []
        there = {each["name"].rpartition("/")[2] for each in listed}
        wanted = {file.parent.name for file in (tenant.root / "functions" / "azure-guard").glob("*/function.json")}
        judge(wanted <= there, f"all {len(wanted)} functions are there", f"functions are missing: {', '.join(sorted(wanted - there))}")
        if guard.get("mode") != "enforce":
            not_proven.append("the guard observes: it decides and records, and changes nothing")
    else:
        not_proven.append("whether the function app runs, with which functions and in which mode: nobody looked")
    if not evidence:
        not_proven.append("whether events are heard, and the guard has its roles: nobody looked")
        return proven, not_proven
    for subscription in tenant.guarded:
        subscribed = (
            az(
                "eventgrid",
                "system-topic",
                "event-subscription",
                "list",
                "--subscription",
                subscription,
                "--resource-group",
                tenant.alerts_group,
                "--system-topic-name",
                SYSTEM_TOPIC,
            )
            or []
        )
        bad = [each["name"] for each in subscribed if each.get("provisioningState") != "Succeeded"]
        judge(
            subscribed and not bad,
            f"{subscription}: {len(subscribed)} event subscriptions are provisioned",
            f"{subscription}: {', '.join(bad) + ' not provisioned' if bad else 'no event subscription is there'}",
        )
        roles = (
            az("role", "assignment", "list", "--assignee", evidence["guardPrincipalId"], "--scope", f"/subscriptions/{subscription}") or []
        )
        judge(roles, f"{subscription}: the guard has its role", f"{subscription}: the guard has no role")
    return proven, not_proven


def verify(options, root):
    """Prints what is proven and what is not. Returns 3, because no drill exists for Azure that would prove the rest."""
    tenant = Tenant(options, root)
    state, guard = tenant.deployed("guard")
    tenant.headline("what is proven of what stands", "no guard stands" if state is None else (guard or {}).get("mode", NOT_KNOWN))
    proven, not_proven = states(tenant)
    not_proven.append(
        "that an incident would be answered: there is no drill for Azure. By hand: delete a vault made for it, and see it come back"
    )
    say("\nProven:")
    for line in proven or ["nothing"]:
        say(f"  {line}")
    say("Not proven:")
    for line in not_proven:
        say(f"  {line}")
    return 3


def uninstall(options, root):
    """Takes away what hears, then what acts. Evidence, its lock, and what you would lose data with stay."""
    tenant = Tenant(options, root)
    state, guard = tenant.deployed("guard")
    evidence = tenant.outputs("evidence")
    if state is None:
        raise Wrong(tenant.lacks("guard", "guard"))
    if not evidence:
        raise Wrong(
            f"{tenant.lacks('evidence', 'evidence')}, so that the guard's identity is not known, and its roles cannot be taken away. "
            "Nothing was changed. By hand: infra/azure/README.md; or mend it first, with `apply`"
        )
    app = guard["functionAppName"] if guard else None
    tenant.headline("the end of the guard", (guard or {}).get("mode", NOT_KNOWN))
    account = evidence["evidenceStorageId"].rpartition("/")[2]
    principal = evidence["guardPrincipalId"]
    say(
        f"\nNot protected any more: vaults, keys, log storage and audit settings of {' '.join(tenant.guarded)}; nobody gives anything back."
    )
    say("What goes: the event subscriptions, the guard's roles in the subscriptions, the function app.")
    say("What stays:")
    say(f"  storage account {account}: ledger and records, under a CanNotDelete lock; about $0.02 a GB and month")
    say("  the seals' vault and key: $0.03 for 10,000 operations; seals verify with the public key alone, but keep it")
    say("  activity-log alerts, action group, diagnostic settings, the Activity Log's export: they need no guard; logs cost storage")
    say("  event hub, host storage, Application Insights: the hub is about $11 a month. How to delete them: infra/azure/README.md")
    say("  purge protection and locked retention that were switched on: nobody can take those back")
    if not app:
        say(f"  the function app: {tenant.lacks('guard', 'guard')}, its name neither. Without roles it changes nothing; delete it by hand")
    say("  Before: `reprieve verify` on a copy of the records, and keep the public key and the hash of the last seal.")
    calls.agree_by_name("\nThis stops what protects vaults and logs here.", options.group, options.yes)
    for subscription in tenant.guarded:
        az(
            "eventgrid",
            "system-topic",
            "delete",
            "--subscription",
            subscription,
            "--resource-group",
            tenant.alerts_group,
            "--name",
            SYSTEM_TOPIC,
            "--yes",
        )
        az("role", "assignment", "delete", "--assignee", principal, "--scope", f"/subscriptions/{subscription}")
        say(f"{subscription}: nothing is heard there any more, and the guard has no role.")
    if app:
        az("functionapp", "delete", "--subscription", tenant.home, "--resource-group", options.group, "--name", app)
        tenant.remember_policies(policies.NONE)
        say(f"{app} is gone.")
    else:
        place = f"--subscription {tenant.home} --resource-group {options.group}"
        say(f"The function app is still there. `az functionapp list {place}` names it; then `az functionapp delete {place} --name NAME`.")
    there = az("storage", "account", "show", "--ids", evidence["evidenceStorageId"])
    say(f"{there['name']}: still there")


def main(options, root, _now):
    """Does what was asked for. Returns the exit code."""
    if options.verb == "verify":
        return verify(options, root)
    if options.verb == "uninstall":
        return uninstall(options, root) or 0
    if options.verb == "report":
        show_observed(Tenant(options, root))
        return 0
    return deploy(options, root, options.verb == "plan", options.verb == "upgrade") or 0
