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

    `seen` has for each stage what stands: {"digest", "parameters", "pairs": {(unit, Region)}, "modes": {account: mode}}, or None.
    `wanted` has for each stage {"digest", "parameters"}.
    """
    steps = []
    for stage in configuration.stages:
        stands, wish = seen.get(stage), wanted[stage]
        if stands is None:
            steps.append(Step(stage, "make the StackSet", ("create-stack-set",)))
        elif stands["digest"] != wish["digest"] or stands["parameters"] != wish["parameters"]:
            changed = sorted(name for name in wish["parameters"] if stands["parameters"].get(name) != wish["parameters"][name])
            what = ", ".join((["template"] if stands["digest"] != wish["digest"] else []) + changed) or "parameters taken out"
            steps.append(Step(stage, f"update every stack: {what}", ("update-stack-set",)))
        there = stands["pairs"] if stands else set()
        for unit in configuration.units:
            regions = [region for region in configuration.regions_of(stage) if (unit, region) not in there]
            if regions:
                steps.append(
                    Step(
                        stage,
                        "add stacks in all accounts",
                        ("create-stack-instances", (unit,), (), tuple(regions)),
                        f"{unit}: {', '.join(regions)}",
                    )
                )
        steps += overrides(configuration, stage, stands["modes"] if stands else {})
    return steps


def overrides(configuration, stage, modes):
    """Returns the steps that give accounts the mode that the configuration says, where another is overridden now."""
    regions = tuple(configuration.regions_of(stage))
    units = tuple(configuration.units)
    steps = []
    for mode in ("observe", "enforce"):
        accounts = tuple(sorted(account for account, wish in configuration.modes.items() if wish == mode and modes.get(account) != mode))
        if accounts:
            steps.append(Step(stage, f"set Mode={mode}", ("update-stack-instances", units, accounts, regions, mode), ", ".join(accounts)))
    if dropped := tuple(sorted(account for account in modes if account not in configuration.modes)):
        steps.append(
            Step(
                stage,
                f"back to the mode of all, {configuration.mode}",
                ("update-stack-instances", units, dropped, regions, None),
                ", ".join(dropped),
            )
        )
    return steps


def leftovers(configuration, seen):
    """Returns what stands and is not in the configuration, as lines: nothing is taken away by leaving it out."""
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
    return lines
