"""Counts what a folder of CloudTrail logs holds, with nothing but Python's standard library: a second opinion on `reprieve replay`.

Usage: count_key_events.py FOLDER

Prints JSON: files, records, different events, calls that change a key by name (each event once), and the keys that these name. Every record
is parsed, and nothing is looked for in texts: slow, and simple enough to be believed. It must not share code or tables with the product.
"""

import gzip
import json
import re
import sys
from collections import Counter
from pathlib import Path

# The calls of KMS after which a key can be used otherwise, or by others, than before; what KMS does by itself among them.
# https://docs.aws.amazon.com/kms/latest/APIReference/API_Operations.html
# https://docs.aws.amazon.com/kms/latest/developerguide/understanding-kms-entries.html
OF_A_LIFE = "CreateKey ReplicateKey UpdatePrimaryRegion SynchronizeMultiRegionKey ScheduleKeyDeletion CancelKeyDeletion DeleteKey"
OF_A_SWITCH = "EnableKey DisableKey"
OF_MATERIAL = "ImportKeyMaterial DeleteImportedKeyMaterial DeleteExpiredKeyMaterial"
OF_ROTATION = "EnableKeyRotation DisableKeyRotation RotateKeyOnDemand RotateKey"
OF_A_STORE = "ConnectCustomKeyStore DisconnectCustomKeyStore DeleteCustomKeyStore"
OF_ACCESS = "PutKeyPolicy RevokeGrant RetireGrant TagResource UntagResource CreateAlias UpdateAlias DeleteAlias"
CHANGES = {
    "kms.amazonaws.com": set(" ".join([OF_A_LIFE, OF_A_SWITCH, OF_MATERIAL, OF_ROTATION, OF_A_STORE, OF_ACCESS]).split()),
    # A key in a Region that is opted out of cannot be used.
    "account.amazonaws.com": {"EnableRegion", "DisableRegion"},
}

KEY_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/(?:mrk-[0-9a-f]{32}|[0-9a-f-]{36})")
KEY_ID = re.compile(r"mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def partition(region):
    for prefix, name in [("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"), ("eusc-", "aws-eusc")]:
        if region.startswith(prefix):
            return name
    return "aws"


def key_of(record):
    """The key that a call names: in `resources`, in the answer, in the request, or, where it was refused, in the error's message."""
    if "CustomKeyStore" in record["eventName"]:
        return None
    resources = record.get("resources") or []
    for resource in resources:
        if KEY_ARN.fullmatch(resource.get("ARN") or ""):
            return resource["ARN"]
    owners = [resource["accountId"] for resource in resources if resource.get("accountId")]
    owner = (owners + [record.get("recipientAccountId")])[0]
    named = [
        (record.get("responseElements") or {}).get("keyId"),
        (record.get("requestParameters") or {}).get("targetKeyId"),
        (record.get("requestParameters") or {}).get("keyId"),
        (record.get("serviceEventDetails") or {}).get("keyId"),
    ]
    for name in named:
        if name and KEY_ARN.fullmatch(name):
            return name
        if name and KEY_ID.fullmatch(name):
            return f"arn:{partition(record['awsRegion'])}:kms:{record['awsRegion']}:{owner}:key/{name}"
    if record.get("errorCode"):
        told = KEY_ARN.search(record.get("errorMessage") or "")
        return told.group() if told else None
    return None


def main(folder):
    files, records, events, calls, keys = 0, 0, set(), {}, set()
    for path in sorted(folder.rglob("*.json.gz")):
        files += 1
        with gzip.open(path, "rt", encoding="utf-8") as file:
            held = json.load(file)["Records"]
        for record in held:
            records += 1
            events.add(record["eventID"])
            if record["eventName"] not in CHANGES.get(record["eventSource"], ()):
                continue
            if record["eventName"] == "RetireGrant" and record["userIdentity"].get("invokedBy"):
                # A service gives up a grant of its own.
                continue
            calls[record["eventID"]] = record["eventName"]
            key = key_of(record)
            if key:
                keys.add(key)
    counted = {"files": files, "records": records, "unique_events": len(events), "acts": Counter(calls.values()), "keys": sorted(keys)}
    json.dump(counted, sys.stdout, sort_keys=True)


if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
    sys.exit("count_key_events.py: name one folder of CloudTrail's .json.gz files")
main(Path(sys.argv[1]))
