// The recipe for keys scheduled for deletion, as it is written by hand: look at the key and its tags, cancel, enable, tell people.
import { CancelKeyDeletionCommand, DescribeKeyCommand, EnableKeyCommand, KMSClient, ListResourceTagsCommand } from "@aws-sdk/client-kms";
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";

const kms = new KMSClient({});
const sns = new SNSClient({});

export const handler = async (event) => {
  const detail = event.detail;
  if (detail.errorCode) return null;
  const KeyId = detail.requestParameters.keyId;
  const { KeyMetadata: key } = await kms.send(new DescribeKeyCommand({ KeyId }));
  const { Tags: tags } = await kms.send(new ListResourceTagsCommand({ KeyId }));
  const isApproved = tags.some((tag) => tag.TagKey === "deletion-approved" && tag.TagValue === "true");
  if (isApproved || key.KeyState !== "PendingDeletion") return { key: KeyId, action: "none" };
  await kms.send(new CancelKeyDeletionCommand({ KeyId }));
  await kms.send(new EnableKeyCommand({ KeyId }));
  await sns.send(new PublishCommand({
    TopicArn: process.env.TOPIC_ARN,
    Subject: "Deletion of a KMS key was cancelled",
    Message: `${detail.userIdentity.arn} scheduled ${key.Arn} for deletion; the deletion was cancelled and the key enabled.`,
  }));
  return { key: KeyId, action: "restored" };
};
