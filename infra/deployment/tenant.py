"""Asks Azure what stands in the subscriptions that are deployed to, and keeps in a tag of the guard's group what was packaged.

It must not sign in, choose a subscription, deploy anything, or write more than those tags.
"""

import json
import os
import pathlib
import re

from . import calls
from .calls import CallFailed, Wrong, say

TEMPLATES = ("evidence", "seals", "guard", "subscription", "events", "alerts", "log-access")
# What was packaged cannot be read back from the function app. The guard's group outlasts each deployment of it.
POLICIES_TAG = "reprieve-packaged-policies"
MOST_OF_A_TAG = 256


class Tenant:
    """The subscription that `az` is set to, the parameters' file, and what stands."""

    def __init__(self, options, root):
        self.options, self.root, self.infra = options, root, root / "infra" / "azure"
        calls.need("az", "install the Azure command line, and sign in with `az login`")
        os.environ["AZURE_CORE_ONLY_SHOW_ERRORS"] = "true"
        try:
            self.values = json.loads(pathlib.Path(options.parameters).read_text(encoding="utf-8"))["parameters"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Wrong(
                f"`--parameters {options.parameters}` is no file of parameters, such as infra/azure/parameters.example.json: {error}"
            ) from error
        self.known = {name: json.loads((self.infra / f"{name}.json").read_text(encoding="utf-8"))["parameters"] for name in TEMPLATES}
        for name in self.values:
            if not any(name in parameters for parameters in self.known.values()):
                raise Wrong(f"`{options.parameters}`: no template has a parameter `{name}`")
        account = az("account", "show")
        self.home, self.user = account["id"], account["user"]["name"]
        self.guarded = self.value("subscriptions", []) or [self.home]
        self.alerts_group = self.value("alertsGroup", "reprieve-alerts")
        self.log_storage = self.log_storage_of(self.value("logStorageId", ""))

    def value(self, name, otherwise):
        return self.values.get(name, {}).get("value", otherwise)

    def log_storage_of(self, resource):
        """Returns (subscription, group, name) of the log storage that the file names, or None."""
        if not resource:
            return None
        found = re.fullmatch(r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft.Storage/storageAccounts/([^/]+)", resource)
        if not found:
            raise Wrong(f"`logStorageId` in `{self.options.parameters}` is not the resource id of a storage account: `{resource}`")
        return found.groups()

    def deployed(self, template):
        """Returns (state, outputs) of the last deployment into the guard's group, or (None, None) where there was none.

        Azure keeps one deployment of a name: one that failed replaces the one before, and has no outputs, whatever stands.
        """
        try:
            shown = az(
                "deployment",
                "group",
                "show",
                "--subscription",
                self.home,
                "--resource-group",
                self.options.group,
                "--name",
                f"reprieve-{template}",
            )
        except CallFailed as error:
            if re.search(r"NotFound|could not be found|not found", error.said):
                return None, None
            raise
        state, outputs = shown["properties"].get("provisioningState", "Succeeded"), shown["properties"].get("outputs")
        if state != "Succeeded" and not outputs:
            return state, None
        return state, {name: output["value"] for name, output in (outputs or {}).items()}

    def outputs(self, template):
        """Returns the outputs of the last deployment, or None where there was none, or where it left none."""
        return self.deployed(template)[1]

    def lacks(self, template, what):
        """Says why there are no outputs of a template."""
        state, _ = self.deployed(template)
        if state is None:
            return f"no {what} stands in the group `{self.options.group}`"
        return f"the last deployment of {template}.json in the group `{self.options.group}` is {state}, and does not tell what stands"

    def group_exists(self, subscription, group):
        return az("group", "exists", "--subscription", subscription, "--name", group) is True

    def function_apps(self):
        """Returns the names of the function apps in the guard's group: they stand whatever its history of deployments still tells."""
        listed = az("functionapp", "list", "--subscription", self.home, "--resource-group", self.options.group) or []
        return [app["name"] for app in listed]

    def packaged_policies(self):
        """Returns what the group's tag says of the policies that were packaged, or None where it says nothing."""
        tags = az("group", "show", "--subscription", self.home, "--name", self.options.group).get("tags") or {}
        said = tags.get(POLICIES_TAG)
        number = 2
        # What does not end with a digest goes on in the next tag. Those of a longer line before are still there, and not read.
        while said and said.endswith((",", ";")) and (more := tags.get(f"{POLICIES_TAG}-{number}")):
            said, number = f"{said} {more}", number + 1
        return said

    def remember_policies(self, what):
        """Lets the group's tag, and those that it goes on in, say which policies were packaged; its other tags stay."""
        group = f"/subscriptions/{self.home}/resourceGroups/{self.options.group}"
        tags = [f"{POLICIES_TAG}{f'-{number}' if number > 1 else ''}={part}" for number, part in enumerate(in_tags(what), 1)]
        az("tag", "update", "--resource-id", group, "--operation", "Merge", "--tags", *tags)

    def headline(self, what, mode):
        say(f"Signed in as        {self.user}")
        say(f"Guard               group {self.options.group} in subscription {self.home}")
        say(f"Mode                {mode}")
        say(f"Guarded             {' '.join(self.guarded)}")
        say(f"Log storage         {self.log_storage[2] if self.log_storage else 'none'}")
        say(f"What                {what}")


def az(*arguments):
    """Calls the Azure command line and returns what it answered."""
    return calls.answer_of(["az", *arguments, "--output", "json"])


def in_tags(line):
    """Returns a line about policies in parts that a tag holds each, cut behind the comma or semicolon of a name."""
    parts = [""]
    for word in re.split(r"(?<=[,;]) ", line):
        longer = f"{parts[-1]} {word}".lstrip()
        if len(longer) <= MOST_OF_A_TAG:
            parts[-1] = longer
        else:
            parts.append(word)
    return parts
