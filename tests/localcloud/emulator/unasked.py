"""Asks IAM where AWS does and the emulator does not: what Lambda, Step Functions and S3 do in the name of a function's or a state
machine's role.

- Lambda takes messages from a queue, and deletes them, with the role of the function.
- Lambda writes a function's logs with the role of the function: where it may not, the logs are lost.
- Step Functions lists, calls, starts children and writes results with the role of the state machine.
- S3 says 403 of an object that is not there to whoever may not list its bucket, and asks for `PutObjectRetention` where a write carries
  a lock.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html,
https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html,
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html,
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html. Must do nothing where IAM is not enforced, and must not be used with
another version of the emulator than the one pinned beside it.
"""

import contextvars

from ministack import app as emulator
from ministack.core import iam_evaluator
from ministack.core.responses import get_region
from ministack.services import lambda_svc, s3, sqs
from ministack.services import stepfunctions as states

import authorization
import decisions
import maps

# The ARN of the role in whose name a state machine calls, and its Region.
running = contextvars.ContextVar("running", default=None)

original_receive = sqs._receive_messages_for_esm
original_delete = sqs._delete_messages_for_esm
original_logs = lambda_svc._emit_lambda_logs
original_task = states._execute_task
original_call = states._call_lambda
original_read = states._read_map_items
original_written = maps.written
original_map = maps.run_distributed_map
original_get = s3._get_object
original_head = s3._head_object
original_resource = authorization.resource_arn


def roles_that_poll(queue_url):
    """The roles of the functions that a queue feeds, and the queue's ARN."""
    queue = sqs._get_q(queue_url)
    arn = queue["attributes"].get("QueueArn")
    names = [esm["FunctionName"] for _, _, esm in lambda_svc._iter_all_esms() if esm.get("EventSourceArn") == arn]
    records = [lambda_svc._get_func_record_for_qualifier(name, None)[0] for name in names]
    return [record["config"]["Role"] for record in records if record], arn, queue


def may_poll(queue_url, actions):
    roles, arn, _ = roles_that_poll(queue_url)
    return all(decisions.ask(role, f"sqs:{action}", arn, get_region()) for role in roles for action in actions)


def receive(queue_url, max_number):
    """Lets Lambda take messages where the function's role may."""
    if not roles_that_poll(queue_url)[2]["messages"]:
        return []
    return original_receive(queue_url, max_number) if may_poll(queue_url, ("GetQueueAttributes", "ReceiveMessage")) else []


def delete(queue_url, receipt_handles):
    """Lets Lambda delete messages where the function's role may; else they come again."""
    if receipt_handles and may_poll(queue_url, ("DeleteMessage",)):
        original_delete(queue_url, receipt_handles)


def write_logs(func, *arguments, **options):
    """Lets Lambda write logs where the function's role may."""
    config = func.get("config") or func
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config.get('FunctionName')}"
    region, account = config["FunctionArn"].split(":")[3:5]
    stream = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:of-the-function"
    if all(decisions.ask(config["Role"], f"logs:{action}", stream, region) for action in ("CreateLogStream", "PutLogEvents")):
        original_logs(func, *arguments, **options)


def begin(execution):
    """Remembers whose role calls from here on: that of the state machine that an execution, or a child of one, belongs to."""
    arn = execution["stateMachineArn"].split("/")[0]
    region, account = arn.split(":")[3:5]
    machine = states._state_machines.get_scoped(account, region, arn) or {}
    running.set((machine["roleArn"], region) if machine.get("roleArn") else None)
    return arn


def ask(action, resource, keys=None, error="States.TaskFailed"):
    """Fails the state where the machine's role may not."""
    role, region = running.get() or (None, None)
    if role and not decisions.ask(role, action, resource, region, keys):
        raise states._ExecutionError(error, f"{role} is not authorized to perform: {action} on resource: {resource}")


def task(state, raw_input, execution, ctx):
    """Remembers whose role calls what a task calls."""
    begin(execution)
    return original_task(state, raw_input, execution, ctx)


def call(func_ref, event):
    role, region = running.get() or ("", "")
    if role:
        name = str(func_ref).rsplit(":function:", 1)[-1]
        arn = f"arn:aws:lambda:{region}:{role.split(':')[4]}:function:{name}"
        ask("lambda:InvokeFunction", arn, error="Lambda.AWSLambdaException")
    return original_call(func_ref, event)


def run_map(state, raw_input, effective, iterator, execution, ctx):
    """A Distributed Map starts its children as executions of its own machine."""
    ask("states:StartExecution", begin(execution))
    return original_map(state, raw_input, effective, iterator, execution, ctx)


def read(reader, effective, ctx):
    place = states._resolve_params_obj(reader.get("Parameters") or {}, effective, ctx)
    if reader.get("Resource", "").endswith("s3:listObjectsV2"):
        ask("s3:ListBucket", f"arn:aws:s3:::{place.get('Bucket')}", {"s3:prefix": place.get("Prefix", "")}, "States.ItemReaderFailed")
    return original_read(reader, effective, ctx)


def written(state, results, effective, ctx, execution):
    begin(execution)
    place = states._resolve_params_obj(state["ResultWriter"]["Parameters"], effective, ctx)
    name = f"arn:aws:s3:::{place['Bucket']}/{place.get('Prefix', '').rstrip('/')}/RUN/SUCCEEDED_0.jsonl"
    ask("s3:PutObject", name, error="States.ResultWriterFailed")
    return original_written(state, results, effective, ctx, execution)


def may_list(bucket):
    """Whether whoever makes the call may list the bucket; nobody but a role is asked."""
    # The signature was checked by now, and the request forgotten; the key that made it is not.
    access_key = iam_evaluator._verified_key.get()
    if not access_key or ":assumed-role/" not in iam_evaluator.caller_arn():
        return True
    denied = authorization.enforce(access_key, "s3:ListBucket", "s3", get_region(), resource_arn=f"arn:aws:s3:::{bucket}", service_context={})
    return denied is None


def told(bucket, key, answer):
    """Tells of an object that is not there only whoever may list the bucket."""
    if answer[0] == 404 and bucket in s3._buckets and not may_list(bucket):
        return s3._error("AccessDenied", "Access Denied", 403, f"/{bucket}/{key}")
    return answer


def get_object(bucket, key, headers, query_params=None):
    return told(bucket, key, original_get(bucket, key, headers, query_params))


def head_object(bucket, key, headers=None, query_params=None):
    return told(bucket, key, original_head(bucket, key, headers, query_params))


def resource_arn(service, method, path, headers, body, query_params, region, account_id):
    """Names what a write with a lock takes besides."""
    found = original_resource(service, method, path, headers, body, query_params, region, account_id)
    if service == "s3" and method == "PUT" and headers.get("x-amz-object-lock-mode"):
        further = [*getattr(found, "further", ()), ("s3:PutObjectRetention", "s3", str(found), {})]
        return authorization.Resources(getattr(found, "arns", [found]), further)
    return found


def install():
    """Puts these in the places of the emulator's own; after all others, which it calls."""
    if not emulator.AUTH:
        return
    from ministack.core import iam_actions

    iam_actions.extract_resource_arn = resource_arn
    sqs._receive_messages_for_esm = receive
    sqs._delete_messages_for_esm = delete
    lambda_svc._emit_lambda_logs = write_logs
    states._execute_task = task
    states._call_lambda = call
    states._read_map_items = read
    maps.written = written
    states._run_distributed_map = run_map
    s3._get_object = get_object
    s3._head_object = head_object
