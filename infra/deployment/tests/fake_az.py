"""A fake `az` that keeps resource groups, deployments and what they make. It knows the outputs of the templates by their names."""

import json
import pathlib
import re

from fakes import State, answer, options_of, refuse

HOME = "00000000-0000-0000-0000-000000000001"
ROOT = pathlib.Path(__file__).resolve().parents[3]


def main(words):
    state = State()
    plain, options = options_of(words)
    verb = " ".join(plain)
    state.of("calls", []).append(verb)
    code = call(state, verb, {name: values[0] if len(values) == 1 else values for name, values in options.items()})
    state.save()
    return code


def call(state, verb, options):
    groups = state.of("groups", {})
    key = f"{options.get('subscription')}/{options.get('resource-group') or options.get('name')}"
    if verb == "account show":
        return answer({"id": HOME, "user": {"name": "kim@example.com"}})
    if verb == "group exists":
        return answer(key in groups)
    if verb == "group show":
        return answer(groups[key])
    if verb == "group create":
        groups[key] = {"location": options["location"]}
        return answer(groups[key])
    if verb == "tag update":
        # Azure knows the groups' tags by their resource id.
        _, _, subscription, _, group = options["resource-id"].split("/")
        for tag in [options["tags"]] if isinstance(options["tags"], str) else options["tags"]:
            name, _, value = tag.partition("=")
            if len(value) > 256:
                return refuse("ERROR: (TagValueTooLong) a tag's value holds 256 characters")
            groups[f"{subscription}/{group}"].setdefault("tags", {})[name] = value
        return 0 if options["operation"] == "Merge" else refuse("fake az: the group's other tags would be gone")
    if found := re.fullmatch(r"deployment (group|sub) (what-if|create|show)", verb):
        return deployment(state, found[1], found[2], options)
    if verb == "storage account show":
        return (
            answer({"name": options["ids"].rpartition("/")[2]}) if options["ids"] in state.of("storage", {}) else refuse("ResourceNotFound")
        )
    if verb == "storage blob download-batch":
        for name, text in state.of("records", {}).items():
            file = pathlib.Path(options["destination"], name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return 0
    return app(state, verb, options)


def deployment(state, kind, act, options):
    made = state.of("deployments", {})
    place = options["location"] if kind == "sub" else options["resource-group"]
    key = f"{options['subscription']}/{kind}/{'' if kind == 'sub' else place}/{options['name']}"
    if act == "show":
        return answer(made[key]) if key in made else refuse("ERROR: (DeploymentNotFound) Deployment could not be found.")
    template = json.loads(pathlib.Path(options["template-file"]).read_text(encoding="utf-8"))
    given = {
        name: value["value"]
        for name, value in json.loads(pathlib.Path(options["parameters"][1:]).read_text(encoding="utf-8"))["parameters"].items()
    }
    missing = [name for name, parameter in template["parameters"].items() if "defaultValue" not in parameter and name not in given]
    if missing or set(given) - set(template["parameters"]):
        return refuse(f"InvalidTemplate: {missing or sorted(set(given) - set(template['parameters']))}")
    if kind == "group" and f"{options['subscription']}/{place}" not in state.of("groups", {}):
        return refuse("ResourceGroupNotFound")
    if act == "what-if":
        print(f"what-if of {options['name']}: + 1 to create")
        return 0
    name = options["name"].removeprefix("reprieve-")
    if name == state.of("refuses", None):
        # It replaces the deployment of that name, whatever that had made.
        made[key] = {"properties": {"provisioningState": "Failed", "outputs": None, "given": given}}
        return refuse("ERROR: (AuthorizationFailed) the client may not write role assignments")
    outputs = {output: f"/{output}" for output in template.get("outputs", {})}
    if name == "guard":
        outputs |= {"functionAppName": "fn-reprieve", "mode": given.get("mode", "observe")}
        state.of("apps", {})["fn-reprieve"] = {"state": "Running", "functions": []}
    if name == "evidence":
        outputs |= {"guardPrincipalId": "guard-principal", "evidenceStorageId": "/storage/streprieve"}
        state.of("storage", {})["/storage/streprieve"] = {}
    if name == "subscription":
        state.of("roles", []).append([options["subscription"], given["guardPrincipalId"]])
        state.of("groups", {})[f"{options['subscription']}/reprieve-alerts"] = {"location": given["location"]}
    if name == "events":
        if not state.of("apps", {}).get("fn-reprieve", {}).get("functions"):
            return refuse("ERROR: Event Grid: the function does not exist")
        state.of("topics", {})[options["subscription"]] = [{"name": "key-vaults", "provisioningState": "Succeeded"}]
    made[key] = {
        "properties": {
            "provisioningState": "Succeeded",
            "outputs": {output: {"value": value} for output, value in outputs.items()},
            "given": given,
        }
    }
    return 0


def app(state, verb, options):
    apps, name = state.of("apps", {}), options.get("name")
    if verb == "functionapp deployment source config-zip":
        if state.of("refuses", None) == "code":
            return refuse("ERROR: the package could not be uploaded")
        apps[name]["functions"] = [file.parent.name for file in (ROOT / "functions" / "azure-guard").glob("*/function.json")]
        apps[name]["zip"] = options["src"]
        return 0
    if verb == "functionapp list":
        if f"{options['subscription']}/{options['resource-group']}" not in state.of("groups", {}):
            return refuse("ERROR: (ResourceGroupNotFound) Resource group could not be found.")
        return answer([{"name": name} for name in apps])
    if verb == "functionapp show":
        return answer(apps[name])
    if verb == "functionapp function list":
        return answer([{"name": f"{name}/{function}"} for function in apps[name]["functions"]])
    if verb == "functionapp delete":
        del apps[name]
        return 0
    if verb == "eventgrid system-topic event-subscription list":
        return answer(state.of("topics", {}).get(options["subscription"], []))
    if verb == "eventgrid system-topic delete":
        state.of("topics", {}).pop(options["subscription"], None)
        return 0
    subscription = (options.get("scope") or "").rpartition("/")[2]
    if verb == "role assignment list":
        return answer([each for each in state.of("roles", []) if each == [subscription, options["assignee"]]])
    if verb == "role assignment delete":
        state.read["roles"] = [each for each in state.of("roles", []) if each != [subscription, options["assignee"]]]
        return 0
    return refuse(f"fake az: it does not know `{verb}`")
