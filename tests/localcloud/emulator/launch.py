"""Runs the AWS emulator in this process, plus a small loopback endpoint for the proxy in front of it.

The endpoint (`POST /_reprieve/<what>`, JSON in and out) does what no AWS call can do: publish an event whose source is
`aws.*`, say who owns an access key, sign in as a function, and read or correct the stored state of a key. It decides nothing: which state a
call may be made in, what a CloudTrail record looks like and which fault happens when is the proxy's business.

Must not listen on anything but 127.0.0.1, must not outlive the process that started it (end of file on standard
input ends it), and must not be used with another version of the emulator than the one pinned beside it.
"""

import asyncio
import json
import os
import socket
import sys
import threading
import time

listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(os.environ.get("GATEWAY_PORT", "0"))))
# The emulator writes its port into queue URLs and the like when it is imported.
os.environ["GATEWAY_PORT"] = str(listener.getsockname()[1])

from hypercorn.asyncio import serve  # noqa: E402
from hypercorn.config import Config  # noqa: E402
from ministack import app as emulator  # noqa: E402
from ministack.core import iam_evaluator, lambda_runtime  # noqa: E402
from ministack.core.responses import request_scope  # noqa: E402
from ministack.services import eventbridge, iam, kms, lambda_svc, s3, scheduler, sqs, sts  # noqa: E402

import alarms  # noqa: E402
import authorization  # noqa: E402
import decisions  # noqa: E402
import executions  # noqa: E402
import maps  # noqa: E402
import metrics  # noqa: E402
import queries  # noqa: E402
import resources  # noqa: E402
import restart  # noqa: E402
import simulation  # noqa: E402
import topics  # noqa: E402
import trails  # noqa: E402
import unasked  # noqa: E402
from executions import execution_credentials, role_of  # noqa: E402

LOG_FOLDER = os.environ["REPRIEVE_LAMBDA_LOGS"]


class Tee:
    """A function's output stream that is also written, line by line, to a file named after the function."""

    def __init__(self, stream, function_name, function_arn):
        self._stream = stream
        self._path = os.path.join(LOG_FOLDER, f"{function_name}.log")
        self._function_arn = function_arn

    def readline(self):
        line = self._stream.readline()
        if line:
            written = line if isinstance(line, bytes) else line.encode()
            with open(self._path, "ab") as log:
                log.write(written)
            metrics.take(written, self._function_arn)
        return line

    def close(self):
        self._stream.close()


original_pump = lambda_runtime.ProvidedWorker._pump_output


def pump_output(worker, stream, log_queue):
    original_pump(worker, Tee(stream, worker.func_name, worker.config.get("FunctionArn")), log_queue)


original_invoke_target = eventbridge._invoke_target


def invoke_target(target, event, rule, view=None):
    """Fills in what EventBridge Scheduler puts in place of its context attributes in a target's input."""
    if event.get("Source") == "aws.scheduler" and target.get("Input"):
        text = target["Input"]
        for attribute, value in {
            "execution-id": event["EventId"],
            "schedule-arn": event["Resources"][0],
            "scheduled-time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event["Time"])),
            "attempt-number": "1",
        }.items():
            text = text.replace(f"<aws.scheduler.{attribute}>", value)
        target = {**target, "Input": text}
    if may_reach(target, event, rule):
        original_invoke_target(target, event, rule, view)
    else:
        print(f"IAM: `{rule.get('Arn')}` may not reach `{target['Arn']}`", file=sys.stderr, flush=True)


def may_reach(target, event, rule):
    """Whether a rule may write to a queue, by the queue's policy, and a schedule may start a function, by its role's.

    The emulator delivers without asking; here it is asked where IAM is enforced. Other targets are delivered to.
    """
    service, account = target["Arn"].split(":")[2], event["Account"]
    if not emulator.AUTH:
        return True
    # Services of AWS speak TLS with each other.
    iam_evaluator.pin_request_origin("127.0.0.1", True)
    if event.get("Source") != "aws.scheduler":
        return service != "sqs" or sqs.queue_policy_allows(target["Arn"], "events.amazonaws.com", rule["Arn"], account)
    if service != "lambda":
        return True
    return decisions.ask(target["RoleArn"], "lambda:InvokeFunction", target["Arn"], event["Region"])


for module in (authorization, maps, queries, resources, trails, alarms, topics, simulation, executions, restart, decisions, unasked):
    module.install()
eventbridge._invoke_target = invoke_target
lambda_runtime.ProvidedWorker._pump_output = pump_output


def publish(request):
    """Publishes an event on the default bus of its account and Region, whatever its source.

    With `copies` it is delivered that many times under one event id, as EventBridge may.
    """
    with request_scope(request["account"], request["region"]):
        _, _, body = eventbridge._put_events({"Entries": [{
            "Source": request["source"],
            "DetailType": request["detail_type"],
            "Detail": json.dumps(request["detail"]),
            "Resources": request.get("resources", []),
        }]}, allow_aws_source=True)
        answer = json.loads(body)
        if answer["FailedEntryCount"]:
            raise ValueError(f"the event was refused: {answer['Entries']}")
        event_id = answer["Entries"][0]["EventId"]
        for _ in range(request.get("copies", 1) - 1):
            event = next(e for e in reversed(eventbridge._events_log_list()) if e["EventId"] == event_id)
            eventbridge._dispatch_event(event)
    return {"event_id": event_id}


def caller(request):
    """Says who owns an access key: a session of a role, an IAM user, or nobody known."""
    access_key = request["access_key_id"]
    session = sts._sessions.get(access_key)
    if session is not None:
        account = session["Arn"].split(":")[4]
        found = {"arn": session["Arn"], "principal_id": session.get("UserId", ""),
                 "created_at": session.get("IssuedAt")}
        if ":assumed-role/" in session["Arn"]:
            role = role_of(account, session["Arn"].split("/")[1])
            found["role_arn"] = role.get("Arn")
            found["role_id"] = role.get("RoleId")
        return found
    account = emulator.find_iam_access_key_account(access_key)
    if account is None:
        return {"arn": None}
    with request_scope(account, "us-east-1"):
        record = iam._access_keys.get(access_key) or {}
        name = record.get("UserName", "")
        user = iam._users.get(name) or {}
    return {"arn": user.get("Arn") or f"arn:aws:iam::{account}:user/{name}", "principal_id": user.get("UserId", "")}


def principal(request):
    """Makes an access key belong to the account of the given principal."""
    sts.register_session(request["access_key_id"], {"Arn": request["arn"], "UserId": request["principal_id"]})
    return {}


def function_session(request):
    """Gives the credentials that a function runs with; its role trusts Lambda only, so no AWS call would."""
    with request_scope(request["account"], request["region"]):
        found = lambda_svc._functions.get(request["function"])
    if found is None:
        return {"credentials": None}
    return {"credentials": decisions.borrow(execution_credentials(found["config"]))}


def keys(request):
    """Reads, corrects or removes stored keys; `update` leaves out what is null and never touches key material."""
    with request_scope(request["account"], request["region"]):
        what = request["do"]
        if what == "list":
            return {"keys": [{"KeyId": key["KeyId"], "KeyArn": key["Arn"]} for key in kms._keys.values()]}
        record = kms._resolve_key(request["key"])
        if record is None:
            return {"key": None}
        if what == "update":
            for name, value in request["fields"].items():
                if value is None:
                    record.pop(name, None)
                else:
                    record[name] = value
        if what == "delete":
            del kms._keys[record["KeyId"]]
            for alias in [arn for arn, target in list(kms._aliases.items()) if target == record["KeyId"]]:
                del kms._aliases[alias]
        return {"key": {
            **kms._key_metadata(record),
            "HasMaterial": any(field in record for field in kms._KEY_MATERIAL_FIELDS[:4]),
            "MultiRegionType": record.get("_mrk_type"),
            "PrimaryRegion": record.get("_mrk_primary_region"),
            "MemberRegions": record.get("_mrk_regions"),
            "PendingWindowInDays": record.get("_pending_window_days"),
        }}


def schedule(request):
    """Runs a schedule now, whatever its time."""
    with request_scope(request["account"], request["region"]):
        found = next((s for s in list(scheduler._schedules.values()) if s["Name"] == request["name"]), None)
        if found is None:
            return {"fired": False}
        eventbridge._invoke_target(found["Target"], {
            "EventId": eventbridge.new_uuid(), "Source": "aws.scheduler", "DetailType": "Scheduled Event",
            "Detail": "{}", "Time": int(time.time()), "Resources": [found["Arn"]],
            "Account": request["account"], "Region": request["region"],
        }, found)
    return {"fired": True}


def fill(request):
    """Puts every file below a folder into a bucket, under its path behind a prefix: thousands, for which calls would take minutes."""
    with request_scope(request["account"], request["region"]):
        count = 0
        for folder, _, names in os.walk(request["folder"]):
            for name in names:
                path = os.path.join(folder, name)
                key = request["prefix"] + os.path.relpath(path, request["folder"]).replace(os.sep, "/")
                with open(path, "rb") as file:
                    status, _, answer = s3._put_object(request["bucket"], key, file.read(), {})
                if status != 200:
                    raise ValueError(f"`{key}` was refused: {answer}")
                count += 1
    return {"objects": count}


ROUTES = {"schedules": schedule, "objects": fill, "events": publish, "caller": caller, "principals": principal, "keys": keys,
          "function-sessions": function_session, **executions.ROUTES}
# What these read and change, calls read and change too: they take turns with calls instead of running beside them.
IN_TURN = {**trails.ROUTES, **alarms.ROUTES, **topics.ROUTES, **metrics.ROUTES, **restart.ROUTES, **decisions.ROUTES}


async def application(scope, receive, send):
    """Answers the proxy's own calls and hands everything else to the emulator."""
    prefix = "/_reprieve/"
    metrics.keep_loop()
    if scope["type"] != "http" or not scope["path"].startswith(prefix):
        await emulator.app(scope, receive, send)
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    route, request = scope["path"][len(prefix):], json.loads(body)
    try:
        answer = IN_TURN[route](request) if route in IN_TURN else await asyncio.to_thread(ROUTES[route], request)
        status = 200
    except Exception as error:  # the caller is told, whatever it was
        answer, status = {"error": f"{type(error).__name__}: {error}"}, 500
    payload = json.dumps(answer).encode()
    await send({"type": "http.response.start", "status": status, "headers": [
        (b"content-type", b"application/json"), (b"content-length", str(len(payload)).encode())]})
    await send({"type": "http.response.body", "body": payload})


def end_with_parent():
    """Ends this process, and the functions it runs, when the parent closes its end of standard input."""
    sys.stdin.buffer.read()
    try:
        lambda_runtime.reset()
    finally:
        os._exit(0)


def main():
    os.makedirs(LOG_FOLDER, exist_ok=True)
    threading.Thread(target=end_with_parent, daemon=True).start()
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    print(json.dumps({"port": int(os.environ["GATEWAY_PORT"])}), file=sys.__stdout__, flush=True)
    asyncio.run(serve(application, config))


if __name__ == "__main__":
    main()
