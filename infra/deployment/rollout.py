"""Decides how an organisation gets what its configuration says, from what stands: which StackSets, units, Regions and modes change.

It calls nothing, so that a plan and what is carried out are the same. It must not take a Region or a unit away because it is left out.
"""

import json
import pathlib
import re

from . import aws as single
from .calls import Wrong

STAGES = ("guard", "monitoring", "drill")
NAME = "reprieve"
# Overridden in an account: whatever else is set is the same everywhere.
OVERRIDDEN = "Mode"
SHAPE = {
    "units": list,
    "regions": list,
    "homeRegion": str,
    "codeBucketPrefix": str,
    "stages": list,
    "mode": str,
    "accounts": dict,
    "parameters": dict,
    "operation": dict,
}
OPERATION = {"maxConcurrentPercentage": 25, "failureTolerancePercentage": 0, "regionsAtOnce": False}


class Configuration:
    """What is deployed where; read and checked."""

    def __init__(self, path):
        try:
            read = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Wrong(f"`{path}` cannot be read: {error}") from error
        if not isinstance(read, dict):
            raise Wrong(f"`{path}` is not a JSON object; see infra/aws/stackset.example.json")
        for name, value in read.items():
            if name not in SHAPE or not isinstance(value, SHAPE[name]):
                raise Wrong(f"`{path}`: `{name}` is not known, or not of its kind; see infra/aws/stackset.example.json")
        for name in ("units", "regions", "homeRegion", "codeBucketPrefix"):
            if not read.get(name):
                raise Wrong(f"`{path}`: `{name}` is missing")
        self.units, self.regions, self.home = read["units"], read["regions"], read["homeRegion"]
        self.prefix, self.mode = read["codeBucketPrefix"], read.get("mode", "observe")
        self.stages = [stage for stage in STAGES if stage in read.get("stages", ["guard"])]
        self.parameters = read.get("parameters", {})
        self.operation = OPERATION | read.get("operation", {})
        self.modes = {account: settings.get("mode") for account, settings in read.get("accounts", {}).items() if isinstance(settings, dict)}
        self.check(path, read)
        set_once = {name: value for name, value in self.parameters.get("guard", {}).items() if name in single.SET_AT_THE_GUARD}
        self.parameters = {stage: set_once | self.parameters.get(stage, {}) for stage in self.stages}

    def check(self, path, read):
        """Refuses what AWS would refuse late, or take in another sense."""
        faults = [
            f"`{unit}` is no organisational unit, such as ou-abcd-11111111, nor a root, such as r-abcd"
            for unit in self.units
            if not re.fullmatch(r"ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|r-[a-z0-9]{4,32}", str(unit))
        ]
        faults += [f"`{account}` is no account id" for account in read.get("accounts", {}) if not re.fullmatch(r"\d{12}", account)]
        faults += [
            f"`accounts` of `{account}` takes `mode` alone"
            for account, settings in read.get("accounts", {}).items()
            if not isinstance(settings, dict) or set(settings) != {"mode"}
        ]
        faults += [
            f"the mode `{mode}` is not known; give observe or enforce"
            for mode in [self.mode, *self.modes.values()]
            if mode not in ("observe", "enforce")
        ]
        if self.home not in self.regions:
            faults.append(f"the home Region `{self.home}` is not among `regions`, and the monitoring needs a guard beside it")
        if "guard" not in self.stages:
            faults.append("`stages` leaves out the guard, which the others need")
        if unknown := set(read.get("stages", [])) - set(STAGES) | set(self.parameters) - set(self.stages):
            faults.append(f"the stage `{sorted(unknown)[0]}` is not deployed; there are {', '.join(STAGES)}")
        if unknown := set(self.operation) - set(OPERATION):
            faults.append(f"`operation` knows no `{sorted(unknown)[0]}`")
        for name, low in (("maxConcurrentPercentage", 1), ("failureTolerancePercentage", 0)):
            if not (isinstance(self.operation[name], int) and low <= self.operation[name] <= 100):
                faults.append(f"`operation`: `{name}` is no percentage")
        for stage, values in self.parameters.items():
            derived = single.DERIVED | set(single.FROM_GUARD.get(stage, {})) | {"CodeBucketPrefix", "Mode"}
            faults += [f"`parameters` of the {stage}: `{name}` follows from other settings" for name in values if name in derived]
        if faults:
            raise Wrong(f"`{path}`: {'; '.join(faults)}")

    def regions_of(self, stage):
        """The guard stands in each Region; monitoring and drill once in an account."""
        return self.regions if stage == "guard" else [self.home]


class Step:
    """One operation: what is told of it, and the words of the call that carries it out."""

    def __init__(self, stage, what, call, where=""):
        self.stage, self.what, self.call, self.where = stage, what, call, where


def set_name(stage):
    return f"{NAME}-{stage}"


def decide(configuration, seen, wanted):
    """Returns the steps that lead from what was seen to what is wanted, in order.

    `seen` has for each stage what stands: {"digest", "parameters", "pairs": {(unit, Region)}, "instances": as AWS lists them,
    "modes": {(account, Region): mode}}, or None. `wanted` has for each stage {"digest", "parameters"}.
    """
    steps = []
    for stage in configuration.stages:
        stands, wish = seen.get(stage), wanted[stage]
        updates_all = False
        if stands is None:
            steps.append(Step(stage, "make the StackSet", ("create-stack-set",)))
        elif stands["digest"] != wish["digest"] or stands["parameters"] != wish["parameters"]:
            changed = sorted(name for name in wish["parameters"] if stands["parameters"].get(name) != wish["parameters"][name])
            what = ", ".join((["template"] if stands["digest"] != wish["digest"] else []) + changed) or "parameters taken out"
            steps.append(Step(stage, f"update every stack: {what}", ("update-stack-set",)))
            updates_all = True
        added = additions(configuration, stage, stands)
        given = overrides(configuration, stage, stands, added)
        if stands and not updates_all:
            steps += repairs(configuration, stage, stands, given)
        steps += [
            Step(stage, "add stacks in all accounts", ("create-stack-instances", (unit,), (), regions), f"{unit}: {', '.join(regions)}")
            for unit, regions in added.items()
        ]
        steps += given
    return steps


def additions(configuration, stage, stands):
    """Returns the Regions that each unit lacks: {unit: (Region, ...)}."""
    there = stands["pairs"] if stands else set()
    lacking = {
        unit: tuple(region for region in configuration.regions_of(stage) if (unit, region) not in there) for unit in configuration.units
    }
    return {unit: regions for unit, regions in lacking.items() if regions}


def in_reach(configuration, stage, stands):
    """Returns the instances that the configuration is about: those of its units, in the stage's Regions."""
    regions = configuration.regions_of(stage)
    return [
        each
        for each in (stands["instances"] if stands else [])
        if each.get("OrganizationalUnitId") in configuration.units and each["Region"] in regions
    ]


def together(configuration, stage, pairs):
    """Yields (accounts, Regions) that hold each (account, Region) once and no other: a call takes all accounts in all Regions."""
    by_account = {}
    for account, region in pairs:
        by_account.setdefault(account, set()).add(region)
    order = configuration.regions_of(stage)
    by_regions = {}
    for account in sorted(by_account):
        by_regions.setdefault(tuple(region for region in order if region in by_account[account]), []).append(account)
    for regions, accounts in sorted(by_regions.items()):
        yield tuple(accounts), regions


def where(accounts, regions):
    return f"{', '.join(accounts)}: {', '.join(regions)}"


def repairs(configuration, stage, stands, given):
    """Returns the steps that make current what a failed operation left behind. Each account keeps its own mode.

    AWS takes the new template and parameters even where the operation fails, so that the StackSet alone does not tell:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStackSet.html
    """
    updated = {(account, region) for step in given for account in step.call[2] for region in step.call[3]}
    behind = {
        (each["Account"], each["Region"])
        for each in in_reach(configuration, stage, stands)
        if each["Status"] not in ("CURRENT", "INOPERABLE")
    }
    return [
        Step(
            stage,
            "update stacks that are not current",
            ("update-stack-instances", tuple(configuration.units), accounts, regions),
            where(accounts, regions),
        )
        for accounts, regions in together(configuration, stage, behind - updated)
    ]


def overrides(configuration, stage, stands, added):
    """Returns the steps that give accounts the mode that the configuration says, in each Region where another is overridden now."""
    modes, units = stands["modes"] if stands else {}, tuple(configuration.units)
    reached = in_reach(configuration, stage, stands)
    standing = {(each["Account"], each["Region"]) for each in reached if each["Status"] != "INOPERABLE"}
    to_come = coming(configuration, reached, added)
    steps = []
    for mode in ("observe", "enforce"):
        pairs = {(account, region) for account, region in standing | to_come if configuration.modes.get(account) == mode}
        for accounts, regions in together(configuration, stage, {pair for pair in pairs if modes.get(pair) != mode}):
            call = ("update-stack-instances", units, accounts, regions, mode)
            steps.append(Step(stage, f"set Mode={mode}", call, where(accounts, regions)))
    dropped = {pair for pair in modes if pair in standing and pair[0] not in configuration.modes}
    for accounts, regions in together(configuration, stage, dropped):
        call = ("update-stack-instances", units, accounts, regions, None)
        steps.append(Step(stage, f"back to the mode of all, {configuration.mode}", call, where(accounts, regions)))
    return steps


def coming(configuration, reached, added):
    """Returns each (account, Region) with a mode of its own where a stack may come: AWS alone knows who is in a new unit."""
    units_of = {account: set() for account in configuration.modes}
    for each in reached:
        units_of.setdefault(each["Account"], set()).add(each["OrganizationalUnitId"])
    settled = {each["OrganizationalUnitId"] for each in reached}
    return {
        (account, region)
        for account, units in units_of.items()
        if account in configuration.modes
        for unit, regions in added.items()
        if unit in units or not units and unit not in settled
        for region in regions
    }


def modes_of(remembered, instances):
    """Returns the overridden modes of what stands, {(account, Region): mode}, from what was remembered of a stage.

    What was remembered is {account: {Region: mode}}, where a mode is null while nobody knows which came of an operation. Formerly it
    was {account: mode}, for each Region.
    """
    modes = {}
    for each in instances:
        of = remembered.get(each["Account"], {})
        if isinstance(of, str) or each["Region"] in of:
            modes[each["Account"], each["Region"]] = of if isinstance(of, str) else of[each["Region"]]
    return modes


def to_remember(modes):
    """Returns {account: {Region: mode}}, as it is written down."""
    memory = {}
    for (account, region), mode in sorted(modes.items()):
        memory.setdefault(account, {})[region] = mode
    return memory


def leftovers(configuration, seen):
    """Returns what no step changes, though it is not as the configuration says, as lines: nothing is taken away by leaving it out."""
    lines = []
    for stage in STAGES:
        if not seen.get(stage):
            continue
        if stage not in configuration.stages:
            lines.append(f"{set_name(stage)} stands, and `stages` leaves it out")
            continue
        wanted = {(unit, region) for unit in configuration.units for region in configuration.regions_of(stage)}
        lines += [
            f"{set_name(stage)} stands in {unit}, {region}, which the configuration leaves out"
            for unit, region in sorted(seen[stage]["pairs"] - wanted)
        ]
        for each in sorted(in_reach(configuration, stage, seen[stage]), key=lambda each: (each["Account"], each["Region"])):
            if each["Status"] == "INOPERABLE":
                lines.append(
                    f"{set_name(stage)} in {each['Account']}, {each['Region']} is INOPERABLE, so that no update reaches it. It needs "
                    "`delete-stack-instances` with `--retain-stacks`, for it alone: infra/aws/README.md, An organisation"
                )
    return lines
