"""Puts right what the emulator's SNS does otherwise than AWS: a subscription of an email address waits until its owner
confirms it, and mail that is sent can be read.

Must not be used with another version of the emulator than the one pinned beside it, and must not send mail anywhere.
"""

import threading
import time

from ministack.core.responses import new_uuid, request_scope
from ministack.services import sns

EMAIL = ("email", "email-json")

original_fanout = sns._fanout
original_list = sns._list_subscriptions
original_list_by_topic = sns._list_subscriptions_by_topic
original_subscribe = sns._subscribe
original_topic = sns._topic_by_arn_any_scope

mailbox, mailbox_lock = [], threading.Lock()


def hold(topic):
    """Lets the email subscriptions of a topic wait that nobody was asked about yet, however they were made."""
    for subscription in topic["subscriptions"]:
        if subscription["protocol"] in EMAIL and "_asked" not in subscription:
            subscription.update(_asked=True, confirmed=False, token=new_uuid())
            subscription["attributes"].update(PendingConfirmation="true", ConfirmationWasAuthenticated="false")
    sns._refresh_subscription_counts(topic)


def topic_by_arn(topic_arn):
    """The topic, whose email subscriptions wait."""
    topic = original_topic(topic_arn)
    if topic is not None:
        hold(topic)
    return topic


def without_pending(answer, topics):
    """Shows `PendingConfirmation` in place of the ARN of each subscription that waits."""
    status, headers, body = answer
    for topic in topics:
        hold(topic)
        for subscription in topic["subscriptions"]:
            if not subscription.get("confirmed"):
                arn, shown = (f"<SubscriptionArn>{text}</SubscriptionArn>".encode() for text in (subscription["arn"], "PendingConfirmation"))
                body = body.replace(arn, shown)
    return status, headers, body


def list_by_topic(params):
    """ListSubscriptionsByTopic."""
    topic = topic_by_arn(sns._normalize_arn(sns._p(params, "TopicArn")))
    return without_pending(original_list_by_topic(params), [topic] if topic else [])


def list_all(params):
    """ListSubscriptions."""
    return without_pending(original_list(params), list(sns._topics.values()))


def subscribe(params):
    """Subscribe, which tells no ARN before the owner of an address has confirmed, unless it is asked to."""
    answer = original_subscribe(params)
    topic = topic_by_arn(sns._normalize_arn(sns._p(params, "TopicArn")))
    if answer[0] != 200 or topic is None:
        return answer
    pair = sns._p(params, "Protocol"), sns._p(params, "Endpoint")
    found = next((each for each in topic["subscriptions"] if (each["protocol"], each["endpoint"]) == pair), None)
    if found is None or found["confirmed"] or pair[0] not in EMAIL or sns._p(params, "ReturnSubscriptionArn") == "true":
        return answer
    return answer[0], answer[1], answer[2].replace(found["arn"].encode(), b"pending confirmation")


def with_arn(original):
    """Refuses what is no subscription's ARN, such as the word that stands for one that waits."""

    def answer(params):
        given = sns._p(params, "SubscriptionArn")
        if given.count(":") < 6:
            return sns._error("InvalidParameter", "Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, "
                              f"not {given.count(':') + 1}", 400)
        return original(params)

    return answer


def fanout(topic_arn, message_id, message, subject, *arguments, **options):
    """Delivers a message, and puts a copy into the mailbox for each address that confirmed."""
    topic = topic_by_arn(topic_arn)
    for subscription in topic["subscriptions"] if topic else []:
        structure = arguments[0] if arguments else ""
        text = sns._resolve_message_for_protocol(message, structure, subscription["protocol"])
        attributes = arguments[1] if len(arguments) > 1 and arguments[1] else {}
        if (subscription["protocol"] in EMAIL and subscription["confirmed"]
                and sns._matches_filter_policy(subscription, attributes, text)):
            with mailbox_lock:
                mailbox.append({"to": subscription["endpoint"], "topic_arn": topic_arn, "subject": subject or "",
                                "message": text, "at": time.time()})
    original_fanout(topic_arn, message_id, message, subject, *arguments, **options)


def confirm(request):
    """Confirms the subscription of an address as its owner would, by the link in the mail."""
    _, _, _, region, account, _ = request["topic_arn"].split(":", 5)
    with request_scope(account, region):
        topic = topic_by_arn(request["topic_arn"])
        for subscription in topic["subscriptions"] if topic else []:
            if subscription["endpoint"] == request["endpoint"]:
                subscription.update(confirmed=True, token=None)
                subscription["attributes"].update(PendingConfirmation="false")
                sns._refresh_subscription_counts(topic)
                return {"subscription_arn": subscription["arn"]}
    return {"subscription_arn": None}


def read_mailbox(request):
    """All mail that was sent, oldest first; with `clear` it is thrown away afterwards."""
    with mailbox_lock:
        mail = list(mailbox)
        if request.get("clear"):
            mailbox.clear()
    return {"mail": mail}


def install():
    """Puts these in the places of the emulator's own."""
    sns._topic_by_arn_any_scope = topic_by_arn
    sns._list_subscriptions_by_topic = list_by_topic
    sns._list_subscriptions = list_all
    sns._subscribe = subscribe
    sns._unsubscribe = with_arn(sns._unsubscribe)
    sns._get_subscription_attributes = with_arn(sns._get_subscription_attributes)
    sns._fanout = fanout


ROUTES = {"confirmations": confirm, "mail": read_mailbox}
