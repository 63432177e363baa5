"""The recipe for keys scheduled for deletion, as it is written by hand: look at the key and its tags, cancel, enable, tell people."""
import os

import boto3

kms = boto3.client("kms")
sns = boto3.client("sns")


def lambda_handler(event, context):
    detail = event["detail"]
    if detail.get("errorCode"):
        return None
    key_id = detail["requestParameters"]["keyId"]
    key = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    tags = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=key_id)["Tags"]}
    if tags.get("deletion-approved") == "true" or key["KeyState"] != "PendingDeletion":
        return {"key": key_id, "action": "none"}
    kms.cancel_key_deletion(KeyId=key_id)
    kms.enable_key(KeyId=key_id)
    sns.publish(
        TopicArn=os.environ["TOPIC_ARN"],
        Subject="Deletion of a KMS key was cancelled",
        Message=f"{detail['userIdentity']['arn']} scheduled {key['Arn']} for deletion; the deletion was cancelled and the key enabled.",
    )
    return {"key": key_id, "action": "restored"}
