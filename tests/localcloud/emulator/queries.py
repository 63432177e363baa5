"""Teaches the emulator's CloudFormation the type `AWS::Athena::NamedQuery`, which its Athena has and its templates do not.

Must not run queries, nor look into them; must not be used with another version of the emulator than the one pinned beside it.
"""

import json

from ministack.services import athena
from ministack.services.cloudformation import provisioners

MEMBERS = ("Name", "Description", "Database", "QueryString", "WorkGroup")


def create(logical_id, props, stack_name):
    """Makes the query; `Ref` is its id. Name, database and text are what CloudFormation asks for."""
    missing = [name for name in ("Database", "QueryString") if not props.get(name)]
    if missing:
        raise ValueError(f"Property validation failure: [The property {{/{missing[0]}}} is required]")
    if props.get("WorkGroup") and props["WorkGroup"] not in athena._workgroups:
        raise ValueError(f"WorkGroup {props['WorkGroup']} is not found.")
    wanted = {name: props[name] for name in MEMBERS if name in props}
    _, _, body = athena._create_named_query({"Name": f"{stack_name}-{logical_id}", **wanted})
    return json.loads(body)["NamedQueryId"], {}


def update(physical_id, old_props, new_props, stack_name):
    """Every property replaces the query."""
    made = create("Query", new_props, stack_name)
    delete(physical_id, old_props)
    return made


def delete(physical_id, props):
    """Removes the query."""
    athena._delete_named_query({"NamedQueryId": physical_id})


def install():
    """Adds the type."""
    provisioners._RESOURCE_HANDLERS["AWS::Athena::NamedQuery"] = {"create": create, "update": update, "delete": delete}
