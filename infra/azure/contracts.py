"""Holds every resource of a template to Microsoft's published schema of its type and version, strictly: a property that the schema does not
know is a fault, because Azure ignores many of them silently.

It must not copy a schema: they lie in the folder that REPRIEVE_AZURE_SPECS names (arm-schemas/schemas/VERSION/PROVIDER.json).
"""

import json
import os
import re

from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

BASE = "https://schema.management.azure.com/schemas/"

# What Azure Resource Manager itself reads of a resource, whatever its type.
OF_EVERY_RESOURCE = ["comments", "condition", "copy", "dependsOn", "location", "scope", "tags"]

# A template of one scope finds its resource types in the definitions of that scope.
DEFINITIONS_BY_TEMPLATE = {
    "deploymentTemplate.json#": "resourceDefinitions",
    "subscriptionDeploymentTemplate.json#": "subscription_resourceDefinitions",
    "managementGroupDeploymentTemplate.json#": "managementGroup_resourceDefinitions",
}

# A schema that nothing fits.
NOTHING = {"not": {}}

# Both spellings of an expression are allowed wherever a value is, and `[variables('x')]` is put in before.
VARIABLE = re.compile(r"^\[variables\('(\w+)'\)\]$")
ELEMENT = re.compile(r"\[variables\('(\w+)'\)\[copyIndex\(\)\](?:\.(\w+))?\]")


def resolved(node, variables):
    """Returns `node` with every value that is a variable as a whole replaced by what the variable holds."""
    if isinstance(node, dict):
        return {key: resolved(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [resolved(value, variables) for value in node]
    if isinstance(node, str) and (match := VARIABLE.match(node)):
        return resolved(variables[match[1]], variables)
    return node


def expanded(resource, variables):
    """Returns the copies that a `copy` over a variable makes, with their elements put in; any other resource as it is."""
    count = resource.get("copy", {}).get("count", "")
    match = re.match(r"^\[length\(variables\('(\w+)'\)\)\]$", str(count))
    if not match:
        return [resolved(resource, variables)]
    return [resolved(element_in(resource, match[1], element), variables) for element in variables[match[1]]]


def element_in(node, name, element):
    if isinstance(node, dict):
        return {key: element_in(value, name, element) for key, value in node.items()}
    if isinstance(node, list):
        return [element_in(value, name, element) for value in node]
    if isinstance(node, str) and (match := ELEMENT.fullmatch(node)) and match[1] == name:
        return element[match[2]] if match[2] else element
    if isinstance(node, str) and f"variables('{name}')[copyIndex()]" in node and isinstance(element, str):
        return node.replace(f"variables('{name}')[copyIndex()]", f"'{element}'")
    return node


def readable(schema):
    """Returns the schema with `additionalProperties` as schemas: draft 4 also takes booleans there, the library trips over them."""
    if isinstance(schema, list):
        return [readable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    whole = {key: readable(value) for key, value in schema.items()}
    if isinstance(whole.get("additionalProperties"), bool):
        whole["additionalProperties"] = {} if whole["additionalProperties"] else NOTHING
    return whole


def closed(schema):
    """Returns the schema so that an object takes no property that is not named, except where several schemas describe one object."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    whole = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and isinstance(schema.get("oneOf"), list):
        # One object with kinds: each kind has what all of them have as well.
        shared = {key: {} for key in schema["properties"]}
        whole["oneOf"] = [each | {"properties": shared | each.get("properties", {})} for each in whole["oneOf"]]
    several = any(key in schema for key in ("oneOf", "allOf", "anyOf"))
    if isinstance(schema.get("properties"), dict) and "type" in schema and not several and "additionalProperties" not in schema:
        whole["additionalProperties"] = NOTHING
    return whole


class Contracts:
    """The published schemas in a folder."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "arm-schemas", "schemas")
        if not os.path.isdir(self.folder):
            raise SystemExit(f"promises: REPRIEVE_AZURE_SPECS is `{folder}`, which holds no `arm-schemas/schemas`")
        self.registry = Registry(retrieve=self.retrieve)
        self.checked = 0
        self.unknown = set()

    def load(self, relative):
        path = os.path.join(self.folder, relative)
        if not os.path.isfile(path):
            return None
        with open(path, encoding="utf-8") as file:
            return readable(json.load(file))

    def retrieve(self, uri):
        """Finds a schema by its address. Of what is not there, anything passes: the types that we have no schema of."""
        found = self.load(uri.removeprefix(BASE).split("#")[0])
        # Draft 4 names a schema by `id`; some of Microsoft's name themselves otherwise than they are referred to.
        return Resource.from_contents({"id": uri, **{k: v for k, v in (found or {}).items() if k != "id"}}, default_specification=DRAFT4)

    def template_faults(self, template):
        """What is wrong with the frame: parameters, variables, outputs."""
        schema = self.load("2019-04-01/deploymentTemplate.json")
        frame = {key: value for key, value in template.items() if key != "resources"} | {"resources": []}
        yield from self.faults(schema | {"id": BASE + "2019-04-01/deploymentTemplate.json"}, frame, "template")

    def resource_faults(self, template):
        definitions = DEFINITIONS_BY_TEMPLATE[template["$schema"].rsplit("/", 1)[1]]
        variables = template.get("variables", {})
        for written in template["resources"]:
            for resource in expanded(written, variables):
                yield from self.one_resource_faults(resource, definitions)

    def one_resource_faults(self, resource, definitions):
        provider, _, kind = resource["type"].partition("/")
        version = resource["apiVersion"]
        document = self.load(f"{version}/{provider}.json")
        name = kind.replace("/", "_")
        found = (document or {}).get(definitions, {}).get(name)
        if found is None:
            self.unknown.add(f"{resource['type']}@{version}")
            return
        self.checked += 1
        schema = closed(document)
        own = schema[definitions][name]
        own = own | {"properties": own["properties"] | {key: {} for key in OF_EVERY_RESOURCE if key not in own["properties"]}}
        own["properties"].pop("resources", None)
        whole = {"id": f"{BASE}{version}/{provider}.json", "definitions": schema["definitions"], **own}
        yield from self.faults(whole, resource, f"{resource['type']} `{resource['name']}`")

    def faults(self, schema, instance, where):
        validator = Draft4Validator(schema, registry=self.registry)
        for error in sorted(validator.iter_errors(instance), key=lambda each: list(map(str, each.absolute_path))):
            # The schemas limit a name as it becomes, and a name that is still an expression may be longer.
            if list(error.absolute_path) == ["name"] and instance["name"].startswith("["):
                continue
            deepest = deepest_of(error)
            path = ".".join(map(str, deepest.absolute_path))
            unknown = deepest.validator == "not" and deepest.schema == NOTHING
            yield f"{where}: `{path}`: {'no such property' if unknown else deepest.message[:300]}"


def deepest_of(error):
    """Of a value that fits none of several schemas, the fault furthest in of the one whose kind it has: that is what its author meant."""
    while error.context:
        error = max(error.context, key=lambda each: (each.validator != "enum", len(each.absolute_path), each.validator != "pattern"))
    return error
