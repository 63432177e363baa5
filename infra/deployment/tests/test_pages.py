"""Every command of scripts/deploy that a page shows is one that the script takes, with parameters that the templates have."""

import contextlib
import importlib.machinery
import importlib.util
import io
import re
import shlex
import sys
import unittest

from fakes import ROOT

sys.path.insert(0, str(ROOT / "infra"))
from deployment import aws, stacks  # noqa: E402 - found by the line above

PAGES = (
    "README.md",
    "infra/aws/README.md",
    "infra/azure/README.md",
    "shared/docs/operations.md",
    "shared/docs/approvals.md",
    "shared/docs/monitoring.md",
)


def script():
    loader = importlib.machinery.SourceFileLoader("deploy", str(ROOT / "scripts" / "deploy"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("deploy", loader))
    loader.exec_module(module)
    return module


def commands(text):
    """Yields the commands of a page that begin with scripts/deploy: lines of code, and spans that name a verb."""
    for line in text.splitlines():
        # A comment begins after a blank and a hash; what stands in quotes may hold one.
        if found := re.match(r"\s*(scripts/deploy .*)", line):
            yield found[1]
        else:
            yield from re.findall(r"`(scripts/deploy (?:aws|azure|organisation) [^`]*)`", line)


class Pages(unittest.TestCase):
    def test_every_command_that_is_shown_is_one_that_the_script_takes(self):
        deploy = script()
        seen = 0
        for page in PAGES:
            for command in commands((ROOT / page).read_text(encoding="utf-8")):
                words = shlex.split(command.replace("...", ""), comments=True)[1:]
                # A command named in passing leaves out what it needs to run.
                if words[0] == "azure" and "--parameters" not in words:
                    words += ["--parameters", "p", "--group", "g"]
                if words[0] == "organisation" and "--config" not in words:
                    words += ["--config", "c"]
                if words[1:2] == ["--help"]:
                    continue
                with self.subTest(page=page, command=command):
                    errors = io.StringIO()
                    try:
                        with contextlib.redirect_stderr(errors):
                            options = deploy.arguments_of(words)
                    except SystemExit:
                        self.fail(f"`{command}` is not taken: {errors.getvalue().splitlines()[-1]}")
                    self.check_parameters(command, options)
                seen += 1
        self.assertGreater(seen, 30, "are the pages read?")

    def check_parameters(self, command, options):
        for assignment in getattr(options, "set", []):
            found = re.match(r"(?:([a-z]+)\.)?([A-Za-z]+)=", assignment)
            self.assertIsNotNone(found, command)
            stage = found[1] or "guard"
            self.assertIn(stage, aws.STAGES, command)
            template = (ROOT / "infra" / "aws" / f"{stage}.yaml").read_text(encoding="utf-8")
            self.assertIn(found[2], stacks.parameters_of(template), command)

    def test_every_verb_is_on_a_page(self):
        deploy = script()
        text = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
        for cloud, verbs in (("aws", deploy.AWS_VERBS), ("azure", deploy.AZURE_VERBS), ("organisation", deploy.ORGANISATION_VERBS)):
            for verb in verbs:
                self.assertIn(f"scripts/deploy {cloud} {verb}", text)

    def test_no_page_names_a_script_that_is_gone(self):
        for page in PAGES:
            text = (ROOT / page).read_text(encoding="utf-8")
            for name in set(re.findall(r"scripts/([a-z-]+)", text)):
                self.assertTrue((ROOT / "scripts" / name).is_file(), f"{page}: there is no scripts/{name}")


if __name__ == "__main__":
    unittest.main()
