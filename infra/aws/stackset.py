"""Writes the templates of the StackSets, stackset-*.json, from guard.yaml, monitoring.yaml and drill.yaml, so that there is one truth.

StackSets with service-managed permissions take no transform, and their stacks have random names: so AWS::Serverless is expanded here,
roles are named, and what the guard made reaches the others by exports. What is set at the guard stays a parameter of the others too, and
its exports, which earlier stacks import, stay with the guard. It must not change what a resource does or may do.

Usage: python infra/aws/stackset.py [--check]    --check writes nothing, and fails where a file is not current
Needs aws-sam-translator from PyPI.
"""

import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True

from deployment.aws import FROM_GUARD, SET_AT_THE_GUARD  # noqa: E402 - found by the line above

STAGES = ("guard", "monitoring", "drill")
# `scripts/scp --stack StackSet-reprieve` exempts roles of these names, and protects whatever begins so.
PREFIX = "StackSet-reprieve"
NOTE = "Written by infra/aws/stackset.py from {stage}.yaml; edit that one."


class Refused(Exception):
    """A template is not as it must be to become one of a StackSet; the text says why."""


def expanded(text):
    """Returns a template without its transform, as SAM's own translator expands it."""
    # The translator asks for a Region to tell the partition, and finds none in templates that hold no ARN of their own.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    from samtranslator.translator.transform import transform
    from samtranslator.yaml_helper import yaml_parse

    class NoPolicies:
        """No template names a managed policy."""

        def load(self):
            return {}

    return transform(yaml_parse(text), {}, NoPolicies())


def replaced(node, derived):
    """Puts an import in the place of each reference to a parameter that follows from the guard's outputs."""
    if isinstance(node, list):
        return [replaced(item, derived) for item in node]
    if not isinstance(node, dict):
        return node
    if node.keys() == {"Ref"} and node["Ref"] in derived:
        return imported(derived[node["Ref"]])
    if node.keys() == {"Fn::Sub"}:
        text, given = node["Fn::Sub"] if isinstance(node["Fn::Sub"], list) else (node["Fn::Sub"], {})
        given = {name: replaced(value, derived) for name, value in given.items()}
        given |= {name: imported(derived[name]) for name in derived if f"${{{name}}}" in text and name not in given}
        return {"Fn::Sub": [text, given] if given else text}
    return {key: replaced(value, derived) for key, value in node.items()}


def imported(output):
    return {"Fn::ImportValue": f"reprieve-{output}"}


def check_conditions(stage, template, derived):
    """An import cannot be asked for in a condition."""
    text = json.dumps(template.get("Conditions", {}))
    for name in derived:
        if f'"{name}"' in text:
            raise Refused(f"{stage}.yaml: a condition asks for `{name}`, which a StackSet imports, and conditions take no import")


def stackset_template(stage, text):
    """Returns the template of a StackSet, as a text of JSON."""
    template = expanded(text)
    derived = {name: output for name, output in FROM_GUARD.get(stage, {}).items() if name not in SET_AT_THE_GUARD}
    check_conditions(stage, template, derived)
    for name in derived:
        del template["Parameters"][name]
    template["Resources"] = replaced(template["Resources"], derived)
    template["Outputs"] = replaced(template["Outputs"], derived)
    parameters = template["Parameters"]
    del parameters["CodeBucket"]
    parameters["CodeBucketPrefix"] = {
        "Type": "String",
        "Description": "Begin of the names of the buckets that hold the zips; each ends with a hyphen and its Region.",
        "AllowedPattern": "[a-z0-9.-]{3,46}",
    }
    functions = 0
    begin = PREFIX if stage == "guard" else f"{PREFIX}-{stage}"
    # Rules are named after the stack, and the queues' policies name them: a StackSet's stack has too long a name for that.
    template["Resources"] = json.loads(json.dumps(template["Resources"]).replace("rule/${AWS::StackName}-", f"rule/{begin}-"))
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Events::Rule":
            resource["Properties"]["Name"] = resource["Properties"]["Name"]["Fn::Sub"].replace("${AWS::StackName}", begin)
        if resource["Type"] == "AWS::Lambda::Function":
            functions += 1
            resource["Properties"]["Code"]["S3Bucket"] = {"Fn::Sub": "${CodeBucketPrefix}-${AWS::Region}"}
        # What stays when a stack goes keeps a random name, or it would be in the way of the next one.
        if resource["Type"] == "AWS::IAM::Role" and resource.get("DeletionPolicy") != "Retain":
            resource["Properties"]["RoleName"] = {"Fn::Sub": f"{begin}-{name}-${{AWS::Region}}"}
    if not functions:
        raise Refused(f"{stage}.yaml: no function was found")
    if stage == "guard":
        for name, output in template["Outputs"].items():
            output["Export"] = {"Name": f"reprieve-{name}"}
    made = json.dumps(template, indent=1)
    if "AWS::Serverless" in made or '"CodeBucket"' in made:
        raise Refused(f"{stage}.yaml: something of the transform, or of its parameters, is left")
    template["Metadata"] = template.get("Metadata", {}) | {"Note": NOTE.format(stage=stage)}
    template.pop("Transform", None)
    order = ("AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Mappings", "Conditions", "Rules", "Resources", "Outputs")
    if unknown := set(template) - set(order):
        raise Refused(f"{stage}.yaml: the section `{unknown.pop()}` is not known here")
    return json.dumps({section: template[section] for section in order if section in template}, indent=1, ensure_ascii=False) + "\n"


def main(argv):
    if argv not in ([], ["--check"]):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    stale = []
    for stage in STAGES:
        file = HERE / f"stackset-{stage}.json"
        made = stackset_template(stage, (HERE / f"{stage}.yaml").read_text(encoding="utf-8"))
        if not argv:
            file.write_text(made, encoding="utf-8")
        elif not file.is_file() or file.read_text(encoding="utf-8") != made:
            stale.append(file.name)
    if stale:
        print(f"stackset: {', '.join(stale)} are not what their templates say; run infra/aws/stackset.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
