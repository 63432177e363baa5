"""What others need to find the calls that change the state of a key: peers.py NAME FOLDER, with NAME one of json, orjson, duckdb, jq.

Prints one line of JSON: how many such calls by name, of how many keys, seconds, CPU seconds and the most memory of any process.
Each finds the records whose own eventSource is KMS and whose own eventName is one of STATE.
"""
import gzip
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time

STATE = ["ScheduleKeyDeletion", "DisableKey", "CancelKeyDeletion", "EnableKey", "DeleteImportedKeyMaterial", "ImportKeyMaterial", "CreateKey", "DeleteKey"]
PROCESSES = 2


def logs(folder):
    found = [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names if name.endswith(".json.gz")]
    return sorted(found)


def of_file(task):
    name, path = task
    if name == "orjson":
        from orjson import loads
    else:
        loads = json.loads
    with gzip.open(path) as file:
        records = loads(file.read())["Records"]
    ours = [record for record in records if record["eventSource"] == "kms.amazonaws.com" and record["eventName"] in STATE]
    return len(records), [(record["eventName"], key_of(record)) for record in ours]


def key_of(record):
    resources = record.get("resources") or []
    return resources[0]["ARN"] if resources else (record.get("requestParameters") or {}).get("keyId")


def by_python(name, folder):
    tasks = [(name, path) for path in logs(folder)]
    if name == "json":
        found = [of_file(task) for task in tasks]
    else:
        with multiprocessing.Pool(PROCESSES) as pool:
            found = pool.map(of_file, tasks, 1)
    return sum(count for count, _ in found), [call for _, calls in found for call in calls]


def by_duckdb(folder):
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {PROCESSES}")
    connection.execute("SET temp_directory = ''")
    columns = "{'Records': 'STRUCT(eventSource VARCHAR, eventName VARCHAR, requestParameters JSON, resources STRUCT(ARN VARCHAR)[])[]'}"
    pattern = os.path.join(folder, "**", "*.json.gz")
    rows = connection.execute(
        f"""
        WITH records AS (
            SELECT unnest(Records) AS record
            FROM read_json('{pattern}', columns = {columns}, format = 'unstructured', maximum_object_size = 268435456)
        )
        SELECT record.eventName, coalesce(record.resources[1].ARN, record.requestParameters->>'keyId')
        FROM records WHERE record.eventSource = 'kms.amazonaws.com' AND record.eventName IN ({', '.join(repr(name) for name in STATE)})
        """
    ).fetchall()
    return None, rows


def by_jq(folder):
    names = json.dumps(STATE)
    program = (
        '.Records[] | select(.eventSource == "kms.amazonaws.com") | select(.eventName as $n | ' + names + " | index($n)) "
        '| [.eventName, (.resources[0].ARN // .requestParameters.keyId)] | @json'
    )
    command = ["xargs", "-0", "-P", str(PROCESSES), "-n", "1", "sh", "-c", 'gzip -dc "$1" | jq -r "$0"', program]
    done = subprocess.run(command, input="\0".join(logs(folder)), text=True, stdout=subprocess.PIPE, check=True)
    return None, [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def version_of(name):
    if name == "json":
        return "Python " + sys.version.split()[0]
    if name == "jq":
        return subprocess.run(["jq", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    from importlib.metadata import version

    return name + " " + version(name)


def main():
    name, folder = sys.argv[1:]
    if folder == "--version":
        print(version_of(name))
        return
    started = time.perf_counter()
    if name == "duckdb":
        records, calls = by_duckdb(folder)
    elif name == "jq":
        records, calls = by_jq(folder)
    else:
        records, calls = by_python(name, folder)
    seconds = time.perf_counter() - started
    by_name = {}
    for call, _ in calls:
        by_name[call] = by_name.get(call, 0) + 1
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu_seconds": sum(one.ru_utime + one.ru_stime for one in usage),
                "peak_kib": max(one.ru_maxrss for one in usage),
                "records": records,
                "by_name": by_name,
                "keys": len({key for _, key in calls if key}),
            }
        )
    )


if __name__ == "__main__":
    main()
