"""Knows which process runs which function: each has a session of its own, as each execution environment has on AWS, so that a
call can be traced to the process that made it. Keeps what each was asked to do, and ends one at once, as a crash does, on request.

Must not end a process that it did not see started, and must not be used with another version of the emulator than the one pinned
beside it.
"""

import hashlib
import json
import threading
import time
import weakref

from ministack.core import lambda_runtime
from ministack.core.responses import new_uuid, request_scope
from ministack.services import iam, lambda_svc, sts

# How long a process that was killed may take to be gone, in seconds.
GONE_WITHIN = 5
# The list forgets its oldest entries beyond this many.
KEPT = 20_000

original_invoke = lambda_runtime.ProvidedWorker.invoke
original_spawn = lambda_runtime.ProvidedWorker._spawn
original_worker_env = lambda_svc._provided_worker_env

lock, invocations, workers = threading.Lock(), [], weakref.WeakSet()
# The worker whose process a thread starts.
starting = threading.local()


def role_of(account, role_name):
    """The IAM role of that name, or an empty record when there is none."""
    with request_scope(account, "us-east-1"):
        return dict(iam._roles.get(role_name) or {})


def execution_credentials(config, process=""):
    """A session of a function's execution role, so that a caller can be told from its access key; each process has its own."""
    function_arn, role_arn = config.get("FunctionArn", ""), config.get("Role", "")
    account, role_name = function_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    session_name = config.get("FunctionName", "function")[:64]
    digest = hashlib.sha256(f"{function_arn} {role_arn} {process}".encode()).hexdigest()
    access_key, secret, token = f"ASIA{digest[:16].upper()}", digest[16:56], digest
    sts.register_session(access_key, {
        "Arn": f"arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}",
        "UserId": f"{role_of(account, role_name).get('RoleId', 'AROALOCALCLOUD')}:{session_name}",
        "SecretAccessKey": secret,
        "SessionToken": token,
    })
    return {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}


def worker_env(config, code_dir, port):
    """The environment of a new process, with a session of its own."""
    env = original_worker_env(config, code_dir, port)
    env.update(execution_credentials(config, process=new_uuid()))
    worker = getattr(starting, "worker", None)
    if worker is not None:
        worker.session = env["AWS_ACCESS_KEY_ID"]
    return env


def spawn(worker, *arguments, **options):
    """Starts a process, and remembers by which worker."""
    with lock:
        workers.add(worker)
    starting.worker = worker
    try:
        return original_spawn(worker, *arguments, **options)
    finally:
        starting.worker = None


def message(record):
    """What is kept of one message: which it is, the how-many-th time it comes, and which event is in it."""
    try:
        event_id = json.loads(record["body"])["detail"]["eventID"]
    except (KeyError, TypeError, ValueError):
        event_id = None
    count = int((record.get("attributes") or {}).get("ApproximateReceiveCount", 1))
    return {"message_id": record.get("messageId"), "receive_count": count, "event_id": event_id}


def invoke(worker, event, request_id, **options):
    """Runs one invocation, and notes when it began, what came with it, when and how it ended."""
    records = event.get("Records") if isinstance(event, dict) else None
    entry = {"function": worker.func_name, "request_id": request_id, "began_at": time.time(), "ended_at": None, "failure": None,
             "access_key_id": None, "messages": [message(record) for record in records or [] if isinstance(record, dict)]}
    with lock:
        invocations.append(entry)
        del invocations[:-KEPT]
    failure = "the process could not be started"
    try:
        result = original_invoke(worker, event, request_id, **options)
        failure = result.get("error")
        return result
    finally:
        with lock:
            entry.update(access_key_id=getattr(worker, "session", None), failure=failure, ended_at=time.time())


def listed(request):
    """The invocations of a function that ended, in the order in which they began; of all functions where none is named."""
    wanted = request.get("function")
    with lock:
        ended = [dict(entry) for entry in invocations if entry["ended_at"] is not None]
    return {"invocations": [entry for entry in ended if wanted in (None, entry["function"])]}


def kill(request):
    """Ends the process that has this access key with SIGKILL, and waits until it is gone."""
    with lock:
        found = [worker for worker in workers if getattr(worker, "session", None) == request["access_key_id"]]
    for worker in found:
        process = worker._proc
        if process is not None:
            process.kill()
            process.wait(GONE_WITHIN)
            return {"killed": process.pid}
    return {"killed": None}


def install():
    """Puts these in the places of the emulator's own."""
    lambda_runtime.execution_credentials = execution_credentials
    lambda_svc.execution_credentials = execution_credentials
    lambda_svc._provided_worker_env = worker_env
    lambda_runtime.ProvidedWorker._spawn = spawn
    lambda_runtime.ProvidedWorker.invoke = invoke


ROUTES = {"invocations": listed, "kills": kill}
