"""What the emulator's Step Functions leaves out of a Distributed Map: batches of items (`ItemBatcher`), results that are written
to a bucket (`ResultWriter`), and a concurrency that the input gives (`MaxConcurrencyPath`).

As documented: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html and
https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html. Of `WriterConfig` there is `COMPACT` as `JSONL`
alone. Must not be used with another version of the emulator than the one pinned beside it.
"""

import json

from ministack.services import s3
from ministack.services import stepfunctions as states

# The most that an execution takes as its input: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
MOST_INPUT_BYTES = 262_144

original = states._run_distributed_map


def number(state, name, effective, ctx, default):
    """A number that stands in the state, or at a path of its input."""
    path = state.get(f"{name}Path")
    value = states._resolve_path_or_ctx(path, effective, ctx) if path else state.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise states._ExecutionError("States.Runtime", f"`{name}` is {json.dumps(value)}, and no number")
    return value


def selected(state, items, effective, ctx):
    """Each item as the children are to see it."""
    selector = state.get("ItemSelector") or state.get("Parameters")
    if not selector:
        return items
    return [
        states._resolve_params_obj(selector, effective, {**ctx, "Map": {"Item": {"Index": index, "Value": item}}})
        for index, item in enumerate(items)
    ]


def batches(state, items, effective, ctx):
    """The inputs of the children: as many items as may be, in their order, and no more bytes than may be."""
    batcher = state["ItemBatcher"]
    most = number(batcher, "MaxItemsPerBatch", effective, ctx, 0) or len(items)
    most_bytes = number(batcher, "MaxInputBytesPerBatch", effective, ctx, 0) or MOST_INPUT_BYTES
    if most_bytes > MOST_INPUT_BYTES:
        raise states._ExecutionError("States.Runtime", f"`MaxInputBytesPerBatch` is {most_bytes}, and {MOST_INPUT_BYTES} at most")
    shared = {}
    if "BatchInput" in batcher:
        shared["BatchInput"] = states._resolve_params_obj(batcher["BatchInput"], effective, ctx)
    empty = len(json.dumps({**shared, "Items": []}))
    found, taken, size = [], [], empty
    for item in items:
        length = len(json.dumps(item)) + 2
        if taken and (len(taken) == most or size + length > most_bytes):
            found.append({**shared, "Items": taken})
            taken, size = [], empty
        taken.append(item)
        size += length
    return found + [{**shared, "Items": taken}] if taken else found


def written(state, results, effective, ctx, execution):
    """Writes what the children answered into a bucket, and says where."""
    writer = state["ResultWriter"]
    config = writer.get("WriterConfig") or {}
    if (config.get("Transformation"), config.get("OutputType")) != ("COMPACT", "JSONL"):
        raise states._ExecutionError("States.Runtime", f"the local cloud writes no results as {json.dumps(config)}")
    run = [arn for arn, run in states._map_runs.items() if run["executionArn"] == execution["executionArn"]][-1]
    place = states._resolve_params_obj(writer["Parameters"], effective, ctx)
    folder = "/".join(part for part in (place.get("Prefix", "").rstrip("/"), run.rsplit(":", 1)[-1]) if part)
    lines = "".join(f"{json.dumps(result)}\n" for result in results).encode()
    manifest = {"DestinationBucket": place["Bucket"], "MapRunArn": run, "ResultFiles": {
        "FAILED": [], "PENDING": [], "SUCCEEDED": [{"Key": f"{folder}/SUCCEEDED_0.jsonl", "Size": len(lines)}]}}
    for name, body in (("SUCCEEDED_0.jsonl", lines), ("manifest.json", json.dumps(manifest).encode())):
        status, _, answer = s3._put_object(place["Bucket"], f"{folder}/{name}", body, {})
        if status != 200:
            raise states._ExecutionError("States.ResultWriterFailed", str(answer))
    return {"MapRunArn": run, "ResultWriterDetails": {"Bucket": place["Bucket"], "Key": f"{folder}/manifest.json"}}


def run_distributed_map(state, raw_input, effective, iterator, execution, ctx):
    """Runs a Distributed Map: reads and batches the items here, and lets the emulator run the children."""
    if not {"ItemBatcher", "ResultWriter", "MaxConcurrencyPath"} & state.keys():
        return original(state, raw_input, effective, iterator, execution, ctx)
    if state.get("ItemReader"):
        items = states._read_map_items(state["ItemReader"], effective, ctx)
    else:
        items = states._resolve_path_or_ctx(state.get("ItemsPath", "$"), effective, ctx)
    items = selected(state, items, effective, ctx)
    if "ItemBatcher" in state:
        items = batches(state, items, effective, ctx)
    ours = ("ItemReader", "ItemSelector", "Parameters", "ItemBatcher", "ResultWriter", "MaxConcurrencyPath", "ResultSelector", "ResultPath",
            "OutputPath")
    plain = {name: value for name, value in state.items() if name not in ours}
    plain.update(ItemsPath="$.items", MaxConcurrency=number(state, "MaxConcurrency", effective, ctx, 0))
    result, following = original(plain, raw_input, {"items": items}, iterator, execution, ctx)
    if "ResultWriter" in state:
        result = written(state, result, effective, ctx, execution)
    output = states._apply_result_path(state, raw_input, states._apply_result_selector(state, result))
    return states._apply_output_path(state, output, ctx), following


def install():
    """Puts it in the emulator's place."""
    states._run_distributed_map = run_distributed_map
