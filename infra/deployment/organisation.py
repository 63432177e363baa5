"""Deploys Reprieve to the accounts of an organisation as StackSets: shows what `rollout` decided, asks, and carries it out.

The guard stands in each Region, monitoring and drill in each account's home Region. It must not make buckets, or delete evidence.
"""

import hashlib
import json
import pathlib
import re
import tempfile
import time

from . import aws as single
from . import calls, release, stacks
from .calls import CallFailed, Failed, Wrong, say
from .rollout import NAME, OVERRIDDEN, STAGES, Configuration, decide, leftovers, modes_of, set_name, to_remember

CAPABILITIES = ("CAPABILITY_NAMED_IAM",)


class Administrator:
    """The account that administers the StackSets, in the home Region."""

    def __init__(self, options, root, configuration):
        self.options, self.root, self.configuration = options, root, configuration
        calls.need("aws", "install the AWS command line")
        self.call_as = ["--call-as", "DELEGATED_ADMIN"] if options.delegated_admin else []
        self.caller = stacks.aws("sts", "get-caller-identity")["Arn"]

    def cloudformation(self, verb, *arguments):
        return stacks.aws("cloudformation", verb, *arguments, *self.call_as, "--region", self.configuration.home)

    def bucket(self, region):
        return f"{self.configuration.prefix}-{region}"

    def template(self, stage):
        """Returns the template as AWS gets it: without the indentation, which would exceed what a call takes."""
        read = json.loads((self.root / "infra" / "aws" / f"stackset-{stage}.json").read_text(encoding="utf-8"))
        return json.dumps(read, separators=(",", ":"), ensure_ascii=False)

    def wanted(self, keys):
        """Returns what each stage is to be: its template's digest and its parameters."""
        wanted = {}
        for stage in self.configuration.stages:
            template = self.template(stage)
            known = json.loads(template)["Parameters"]
            given = self.configuration.parameters.get(stage, {})
            if unknown := sorted(set(given) - set(known)):
                raise Wrong(f"`parameters` of the {stage}: the template has no `{unknown[0]}`")
            parameters = {name: str(value) for name, value in given.items()}
            parameters |= {
                "CodeBucketPrefix": self.configuration.prefix,
                "CodeKey": keys[stage],
                "Architecture": self.options.arch,
                "Mode": self.configuration.mode,
            }
            wanted[stage] = {"digest": digest(template), "parameters": parameters}
        return wanted

    def seen(self):
        """Returns what stands, by stage."""
        memory = self.remembered()
        return {stage: self.seen_of(stage, memory) for stage in STAGES}

    def seen_of(self, stage, memory):
        try:
            stack_set = self.cloudformation("describe-stack-set", "--stack-set-name", set_name(stage))["StackSet"]
        except CallFailed as error:
            if "StackSetNotFound" in error.said or "not found" in error.said:
                return None
            raise
        if stack_set.get("Status") == "DELETED":
            return None
        instances = self.instances(stage)
        pairs = {(instance["OrganizationalUnitId"], instance["Region"]) for instance in instances if instance.get("OrganizationalUnitId")}
        # A unit without an account has no stack, and is a target all the same.
        empty = set(stack_set.get("OrganizationalUnitIds", [])) - {unit for unit, _ in pairs}
        pairs |= {(unit, region) for unit in empty for region in stack_set.get("Regions", [])}
        return {
            "digest": digest(stack_set.get("TemplateBody", "")),
            "arn": stack_set.get("StackSetARN", ""),
            # A parameter that nobody set has the template's default, which AWS tells too.
            "parameters": self.set_by_hand(stage, stack_set),
            "pairs": pairs,
            "instances": instances,
            "modes": modes_of(memory.get(stage, {}), instances),
        }

    def set_by_hand(self, stage, stack_set):
        defaults = {name: str(parameter.get("Default", "")) for name, parameter in json.loads(self.template(stage))["Parameters"].items()}
        wanted = {*self.configuration.parameters.get(stage, {}), "CodeBucketPrefix", "CodeKey", "Architecture", "Mode"}
        told = {each["ParameterKey"]: each.get("ParameterValue", "") for each in stack_set.get("Parameters", [])}
        return {name: value for name, value in told.items() if name in wanted or value != defaults.get(name)}

    def instances(self, stage):
        return self.cloudformation("list-stack-instances", "--stack-set-name", set_name(stage)).get("Summaries", [])

    def memory(self):
        return f"s3://{self.bucket(self.configuration.home)}/{NAME}/organisation.json"

    def remembered(self):
        """Returns the modes that were overridden, by stage, account and Region: AWS tells them only for one stack at a time."""
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "memory.json")
            code, _, said = calls.run(["aws", "s3", "cp", "--only-show-errors", self.memory(), str(file)], fails=False)
            if code == 0:
                return json.loads(file.read_text(encoding="utf-8"))
            if re.search(single.NOT_THERE, said):
                return {}
            raise Failed(f"`{self.memory()}` cannot be read: {said.strip()}")

    def remember(self, stage, modes):
        """Notes which accounts have a mode of their own in which Region."""
        memory = self.remembered() | {stage: to_remember(modes)}
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "memory.json")
            file.write_text(json.dumps(memory, sort_keys=True), encoding="utf-8")
            calls.run(["aws", "s3", "cp", "--only-show-errors", str(file), self.memory()])

    def forget(self, seen):
        """Notes no mode any more where no stack stands: one that comes there later has the mode of all."""
        memory = self.remembered()
        for stage, stands in seen.items():
            if stands and to_remember(stands["modes"]) != memory.get(stage, {}):
                self.remember(stage, stands["modes"])

    def preferences(self, stage, regions=None):
        operation = self.configuration.operation
        regions = regions or self.configuration.regions_of(stage)
        return [
            "--operation-preferences",
            json.dumps(
                {
                    "RegionConcurrencyType": "PARALLEL" if operation["regionsAtOnce"] else "SEQUENTIAL",
                    # The home Region first: what goes wrong there, goes wrong where people look.
                    "RegionOrder": sorted(regions, key=lambda region: region != self.configuration.home),
                    "FailureTolerancePercentage": operation["failureTolerancePercentage"],
                    "MaxConcurrentPercentage": operation["maxConcurrentPercentage"],
                }
            ),
        ]

    def carry_out(self, step, wanted, seen):
        """Makes one step and waits for its end."""
        verb = step.call[0]
        if verb in ("create-stack-set", "update-stack-set"):
            self.write_set(step.stage, verb, wanted[step.stage], seen)
            return
        _, units, accounts, regions, *mode = step.call
        if mode:
            self.override(step.stage, units, accounts, regions, mode[0], seen)
            return
        self.operate(step.stage, verb, units, accounts, regions)

    def override(self, stage, units, accounts, regions, mode, seen):
        """Gives accounts a mode of their own, or takes it back (None), and remembers it for each Region where a stack stands."""
        standing = {(each["Account"], each["Region"]) for each in self.instances(stage)}
        given = {(account, region) for account in accounts for region in regions} & standing
        if not given:
            say("  No stack of theirs stands there, so there is nothing to set.")
            return
        modes = {pair: of for pair, of in seen[stage]["modes"].items() if pair in standing and pair not in given}
        # Not known until the operation has ended well: the next run sets it again, whatever became of this one.
        self.remember(stage, modes | dict.fromkeys(given))
        # A list without the parameter takes the override back.
        listed = [{"ParameterKey": OVERRIDDEN, "ParameterValue": mode}] if mode else []
        self.operate(
            stage,
            "update-stack-instances",
            units,
            tuple(account for account in accounts if any(pair[0] == account for pair in given)),
            regions,
            "--parameter-overrides",
            json.dumps(listed),
        )
        seen[stage]["modes"] = modes | (dict.fromkeys(given, mode) if mode else {})
        self.remember(stage, seen[stage]["modes"])

    def operate(self, stage, verb, units, accounts, regions, *extra):
        """Makes or updates stacks, of these accounts or of all in the units, and waits for the end."""
        targets = {"OrganizationalUnitIds": list(units)}
        if accounts:
            targets |= {"Accounts": list(accounts), "AccountFilterType": "INTERSECTION"}
        operation = self.cloudformation(
            verb,
            "--stack-set-name",
            set_name(stage),
            "--deployment-targets",
            json.dumps(targets),
            "--regions",
            *regions,
            *extra,
            *self.preferences(stage, regions),
        )
        self.await_operation(stage, operation["OperationId"])

    def write_set(self, stage, verb, wish, seen):
        with tempfile.TemporaryDirectory() as folder:
            body = pathlib.Path(folder, "template.json")
            body.write_text(self.template(stage), encoding="utf-8")
            if body.stat().st_size > stacks.TEMPLATE_BYTES:
                raise Failed(f"stackset-{stage}.json has grown over {stacks.TEMPLATE_BYTES} bytes, which is all that a call takes")
            auto = {"Enabled": True, "RetainStacksOnAccountRemoval": True}
            # A new account gets its guard before what imports the guard's outputs.
            if stage != "guard" and seen.get("guard") and seen["guard"].get("arn"):
                auto["DependsOn"] = [seen["guard"]["arn"]]
            given = [{"ParameterKey": name, "ParameterValue": value} for name, value in sorted(wish["parameters"].items())]
            common = [
                "--stack-set-name",
                set_name(stage),
                "--template-body",
                f"file://{body}",
                "--parameters",
                json.dumps(given),
                "--capabilities",
                *CAPABILITIES,
                "--description",
                f"Reprieve, {stage}",
                "--permission-model",
                "SERVICE_MANAGED",
                "--auto-deployment",
                json.dumps(auto),
            ]
            if verb == "create-stack-set":
                self.cloudformation(verb, *common)
            else:
                self.await_operation(stage, self.cloudformation(verb, *common, *self.preferences(stage))["OperationId"])

    def await_operation(self, stage, operation):
        """Waits for an operation on many accounts. Says where it failed."""
        for pause in stacks.pauses():
            status = self.cloudformation("describe-stack-set-operation", "--stack-set-name", set_name(stage), "--operation-id", operation)[
                "StackSetOperation"
            ]["Status"]
            if status == "SUCCEEDED":
                return
            if status not in ("RUNNING", "QUEUED", "STOPPING"):
                break
            time.sleep(pause)
        results = self.cloudformation(
            "list-stack-set-operation-results", "--stack-set-name", set_name(stage), "--operation-id", operation
        ).get("Summaries", [])
        failed = [
            f"  {each['Account']} {each['Region']}: {each['Status']}: {each.get('StatusReason', 'no reason was given')}"
            for each in results
            if each["Status"] in ("FAILED", "CANCELLED")
        ]
        raise Failed(
            f"the operation on `{set_name(stage)}` is {status}; the same command goes on where it stopped:\n" + "\n".join(failed[:20])
        )

    def headline(self, what):
        say(f"Administrator       {self.caller}")
        say(f"Home Region         {self.configuration.home}")
        say(f"What                {what}")


def digest(template):
    """Returns a digest of what a template says, however it is written."""
    try:
        text = json.dumps(json.loads(template), sort_keys=True, separators=(",", ":"))
    except ValueError:
        text = template
    return hashlib.sha256(text.encode()).hexdigest()


def zips(options, root, configuration):
    """Returns the zip of each stage, and the names that they have in the buckets of the code."""
    files = {stage: options.zips.get(stage) for stage in configuration.stages}
    to_build = [stage for stage, file in files.items() if not file]
    if to_build:
        command = [str(root / "scripts" / "package"), "--arch", options.arch, "--no-sbom"]
        for stage in to_build:
            command += ["--function", single.FUNCTIONS[stage]]
            files[stage] = root / "target" / "package" / f"{single.FUNCTIONS[stage]}-{options.arch}.zip"
        if options.policies:
            command += ["--policies", options.policies]
        if calls.run_openly(command) != 0:
            raise Failed("the zips could not be built (see above); nothing was deployed")
    keys = {stage: f"reprieve/{single.FUNCTIONS[stage]}-{options.arch}-{release.digest(file)}.zip" for stage, file in files.items()}
    return files, keys


def check_policies(options, configuration, stands):
    """Refuses to lose policies, as in one account: `stands` is the StackSet of the guard. Returns a line of what changes, or None."""
    given = stands["parameters"] if stands else None
    return single.check_policies_at(options, f"s3://{given['CodeBucketPrefix']}-{configuration.home}/{given['CodeKey']}" if given else None)


def show(steps, rest):
    """Prints the steps, and what is left as it is."""
    if steps:
        calls.table(("STACKSET", "STEP", "WHERE"), [(set_name(step.stage), step.what, step.where) for step in steps])
    else:
        say("  Nothing changes.")
    for line in rest:
        say(f"  Left as it is: {line}")


def apply(options, root, only_show):
    """Shows the steps, asks, and makes them."""
    configuration = Configuration(options.config)
    single.check_zips(options)
    administrator = Administrator(options, root, configuration)
    administrator.headline(
        f"{'plan' if only_show else 'deployment'} for {', '.join(configuration.units)} "
        f"in {', '.join(configuration.regions)}, mode {configuration.mode}"
    )
    seen = administrator.seen()
    if changed := check_policies(options, configuration, seen["guard"]):
        say(changed)
    files, keys = zips(options, root, configuration)
    wanted = administrator.wanted(keys)
    steps = decide(configuration, seen, wanted)
    show(steps, leftovers(configuration, seen))
    if only_show:
        say("\nNothing was changed.")
        return
    administrator.forget(seen)
    if not steps:
        return
    if any("enforce" in step.what for step in steps) or configuration.mode == "enforce":
        say("Enforcing accounts take back what nobody approved, from the first sweep on. What that would have been, in account and Region:")
        say("  scripts/deploy aws report --stack STACK, where STACK begins with `StackSet-reprieve-guard-`: shared/docs/operations.md")
    calls.agree(f"Carry these {len(steps)} steps out?", options.yes)
    for region in configuration.regions:
        for stage in configuration.stages:
            if region in configuration.regions_of(stage):
                calls.run(
                    [
                        "aws",
                        "s3",
                        "cp",
                        "--only-show-errors",
                        str(files[stage]),
                        f"s3://{administrator.bucket(region)}/{keys[stage]}",
                        "--region",
                        region,
                    ]
                )
    for number, step in enumerate(steps, 1):
        say(f"[{number}/{len(steps)}] {set_name(step.stage)}: {step.what} {step.where}".rstrip())
        administrator.carry_out(step, wanted, seen)
        if step.call[0] == "create-stack-set":
            seen[step.stage] = administrator.seen_of(step.stage, {})
    say(f"\nHow each account stands: scripts/deploy organisation status --config {options.config}")


def status(options, root):
    """Prints each account and Region. Returns 1 where one is not current."""
    configuration = Configuration(options.config)
    administrator = Administrator(options, root, configuration)
    seen = administrator.seen()
    rows, behind = [], 0
    for stage in STAGES:
        for instance in sorted((seen[stage] or {"instances": []})["instances"], key=lambda each: (each["Account"], each["Region"])):
            place = (instance["Account"], instance["Region"])
            mode = seen[stage]["modes"].get(place, seen[stage]["parameters"].get("Mode", "observe")) or "not known"
            behind += instance["Status"] != "CURRENT"
            rows.append(
                (set_name(stage), instance["Account"], instance["Region"], instance["Status"], mode, instance.get("StatusReason", "")[:80])
            )
    calls.table(("STACKSET", "ACCOUNT", "REGION", "STATUS", "MODE", "WHY"), rows)
    say("StackSets reach neither the management account nor suspended ones: the first is for `scripts/deploy aws`.")
    if not rows:
        say("Nothing is deployed.")
    return 1 if behind else 0


def uninstall(options, root):
    """Takes the StackSets away from all accounts. Evidence stays in each of them."""
    configuration = Configuration(options.config)
    administrator = Administrator(options, root, configuration)
    seen = {stage: stands for stage, stands in administrator.seen().items() if stands}
    if not seen:
        raise Wrong("none of the StackSets stands")
    order = [stage for stage in reversed(STAGES) if stage in seen]
    administrator.headline(f"the end of {', '.join(set_name(stage) for stage in order)}")
    accounts = sorted({instance["Account"] for stands in seen.values() for instance in stands["instances"]})
    say(f"\nNot protected any more: {len(accounts)} accounts: {', '.join(accounts)}")
    for stage in order:
        say(f"  {set_name(stage)}: {single.ENDS[stage]}")
    say("\nWhat stays in each account: audit bucket with all records, ledger table (deletion protected), trail and its bucket, log group,")
    say(
        "control alarms, the drill's key ($1 a month). Nobody can delete a record before its retention ends. The buckets of the code stay here."
    )
    calls.agree_by_name("\nThis stops what protects keys in all of them.", NAME, options.yes)
    for stage in order:
        regions = sorted({instance["Region"] for instance in seen[stage]["instances"]})
        units = sorted({unit for unit, _ in seen[stage]["pairs"]})
        if units:
            # The stacks are deleted, and keep what their templates retain.
            operation = administrator.cloudformation(
                "delete-stack-instances",
                "--stack-set-name",
                set_name(stage),
                "--deployment-targets",
                json.dumps({"OrganizationalUnitIds": units}),
                "--regions",
                *regions,
                "--no-retain-stacks",
                *administrator.preferences(stage, regions),
            )
            administrator.await_operation(stage, operation["OperationId"])
        administrator.cloudformation("delete-stack-set", "--stack-set-name", set_name(stage))
        administrator.remember(stage, {})
        say(f"{set_name(stage)} is gone from {len(accounts)} accounts.")


def main(options, root, _now):
    """Does what was asked for. Returns the exit code."""
    if options.verb == "status":
        return status(options, root)
    if options.verb == "uninstall":
        return uninstall(options, root) or 0
    return apply(options, root, options.verb == "plan") or 0
