//! The chain from a CloudTrail record to a person: trail, log group, metric filter, alarm, topic, subscriber.
//!
//! Speaks to the local cloud over HTTP alone; CloudWatch over CBOR, as its SDKs do.

#![expect(clippy::expect_used, reason = "a test that cannot go on says why and stops")]

#[path = "http/cbor.rs"]
mod cbor;
mod http;

use std::time::Duration;

use axum::http::Method;
use http::{call_as, eventually, send, send_bytes};
use reprieve_localcloud::{LocalCloud, Options};
use serde_json::{Value, json};

const GROUP: &str = "/reprieve/cloudtrail";
const GROUP_ARN: &str = "arn:aws:logs:us-east-1:111122223333:log-group:/reprieve/cloudtrail:*";
const ROLE_ARN: &str = "arn:aws:iam::111122223333:role/trail-to-logs";
const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:alerts";
const QUEUE: &str = "http://127.0.0.1/111122223333/alerts";
const PATTERN: &str =
    r#"{ ($.eventSource = "kms.amazonaws.com") && (($.eventName = "DisableKey") || ($.eventName = "ScheduleKeyDeletion")) }"#;

/// One cloud serves all checks: starting one takes seconds.
#[tokio::test]
async fn a_record_reaches_a_person_as_on_aws() {
    let cloud = LocalCloud::start(Options::default()).await.expect("the local cloud starts");
    cloud.switch_quotas(false);
    a_trail_that_could_not_deliver_is_refused(&cloud).await;
    a_new_trail_is_what_cloudtrail_makes_of_it(&cloud).await;
    filters_that_cannot_be_read_are_refused(&cloud).await;
    let key = build_the_rest(&cloud).await;
    an_email_subscription_is_pending_until_confirmed(&cloud).await;
    a_disable_key_event_raises_the_alarm_and_reaches_the_subscriber(&cloud, &key).await;
    an_alarm_speaks_only_when_its_state_changes(&cloud, &key).await;
    disabled_actions_send_nothing(&cloud, &key).await;
    a_topic_that_refuses_cloudwatch_gets_nothing(&cloud, &key).await;
    records_come_as_late_as_asked(&cloud, &key).await;
    what_anybody_puts_into_the_log_group_is_counted(&cloud).await;
    a_stopped_trail_delivers_nothing(&cloud, &key).await;
    a_missing_log_group_is_told_by_the_status(&cloud, &key).await;
    cloud.reset().await.expect("a reset");
    assert_eq!(cloud.mail().await.expect("the mail"), []);
    cloud.stop();
}

/// Which calls EventBridge gets, with and without a trail.
#[tokio::test]
async fn eventbridge_gets_what_a_trail_records() {
    let cloud = LocalCloud::start(Options::default()).await.expect("the local cloud starts");
    cloud.switch_quotas(false);
    calls_on_monitoring_reach_eventbridge(&cloud).await;
    events_need_a_trail_when_told_so(&cloud).await;
    the_endpoints_do_what_the_handle_does(&cloud).await;
    cloud.stop();
}

async fn call(cloud: &LocalCloud, target: &str, input: Value) -> (u16, Value) {
    call_as(cloud, "test", "us-east-1", target, input).await
}

async fn trail(cloud: &LocalCloud, operation: &str, input: Value) -> (u16, Value) {
    call(cloud, &format!("CloudTrail_20131101.{operation}"), input).await
}

async fn logs(cloud: &LocalCloud, operation: &str, input: Value) -> (u16, Value) {
    call(cloud, &format!("Logs_20140328.{operation}"), input).await
}

async fn kms(cloud: &LocalCloud, operation: &str, input: Value) -> Value {
    let (status, answer) = call(cloud, &format!("TrentService.{operation}"), input).await;
    assert_eq!(status, 200, "{operation}: {answer}");
    answer
}

async fn cloudwatch(cloud: &LocalCloud, operation: &str, input: Value) -> Value {
    let (signer, path, body) = (("test", "us-east-1", "monitoring"), cbor::path(operation), cbor::encode(&input));
    let (status, answer) = send_bytes(cloud, signer, Method::POST, &path, &cbor::HEADERS, body).await;
    let answer = cbor::decode(&answer);
    assert_eq!(status, 200, "{operation}: {answer}");
    answer
}

async fn form(cloud: &LocalCloud, service: &str, version: &str, members: &[(&str, &str)]) -> String {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(members).append_pair("Version", version).finish();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let (status, answer) = send_bytes(cloud, ("test", "us-east-1", service), Method::POST, "/", &headers, body.into_bytes()).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert_eq!(status, 200, "{members:?}: {answer}");
    answer
}

async fn sns(cloud: &LocalCloud, members: &[(&str, &str)]) -> String {
    form(cloud, "sns", "2010-03-31", members).await
}

async fn iam(cloud: &LocalCloud, members: &[(&str, &str)]) -> String {
    form(cloud, "iam", "2010-05-08", members).await
}

async fn put(cloud: &LocalCloud, path: &str, body: &str) {
    let signer = ("test", "us-east-1", "s3");
    let (status, answer) = send_bytes(cloud, signer, Method::PUT, path, &[], body.as_bytes().to_vec()).await;
    assert!(status < 300, "{path}: {status} {}", String::from_utf8_lossy(&answer));
}

fn error(answer: &(u16, Value)) -> &str {
    answer.1.get("__type").and_then(Value::as_str).unwrap_or_default()
}

fn policy(statements: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn for_cloudtrail(action: &str, resource: &str) -> Value {
    json!({"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": action, "Resource": resource})
}

/// Makes the bucket, the log group and the role of a trail one by one, and looks what is missing each time.
async fn a_trail_that_could_not_deliver_is_refused(cloud: &LocalCloud) {
    let create = async || {
        let input = json!({
            "Name": "reprieve", "S3BucketName": "trail-bucket", "IsMultiRegionTrail": true, "EnableLogFileValidation": true,
            "CloudWatchLogsLogGroupArn": GROUP_ARN, "CloudWatchLogsRoleArn": ROLE_ARN,
            "TagsList": [{"Key": "reprieve:managed-by", "Value": "test"}],
        });
        error(&trail(cloud, "CreateTrail", input).await).to_owned()
    };
    assert_eq!(create().await, "S3BucketDoesNotExistException");
    put(cloud, "/trail-bucket", "").await;
    assert_eq!(create().await, "InsufficientS3BucketPolicyException");
    let allowed = json!([
        for_cloudtrail("s3:GetBucketAcl", "arn:aws:s3:::trail-bucket"),
        for_cloudtrail("s3:PutObject", "arn:aws:s3:::trail-bucket/AWSLogs/111122223333/*"),
    ]);
    put(cloud, "/trail-bucket?policy", &policy(&allowed)).await;
    assert_eq!(create().await, "InvalidCloudWatchLogsLogGroupArnException", "there is no log group");
    assert_eq!(logs(cloud, "CreateLogGroup", json!({"logGroupName": GROUP})).await.0, 200);
    assert_eq!(create().await, "InvalidCloudWatchLogsRoleArnException", "there is no role");
    let trust = policy(&json!([{"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}, "Action": "sts:AssumeRole"}]));
    iam(cloud, &[("Action", "CreateRole"), ("RoleName", "trail-to-logs"), ("AssumeRolePolicyDocument", &trust)]).await;
    assert_eq!(create().await, "InvalidCloudWatchLogsLogGroupArnException", "the role may not write");
    let writes = json!([{"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": GROUP_ARN}]);
    let members = [("Action", "PutRolePolicy"), ("RoleName", "trail-to-logs"), ("PolicyName", "p"), ("PolicyDocument", &policy(&writes))];
    iam(cloud, &members).await;
    assert_eq!(create().await, "");
    assert_eq!(create().await, "TrailAlreadyExistsException");
}

async fn a_new_trail_is_what_cloudtrail_makes_of_it(cloud: &LocalCloud) {
    let (_, found) = trail(cloud, "GetTrail", json!({"Name": "reprieve"})).await;
    let expected = [
        ("HomeRegion", json!("us-east-1")),
        ("IncludeGlobalServiceEvents", json!(true)),
        ("LogFileValidationEnabled", json!(true)),
        ("HasCustomEventSelectors", json!(false)),
        ("CloudWatchLogsLogGroupArn", json!(GROUP_ARN)),
    ];
    for (name, value) in expected {
        assert_eq!(found.pointer(&format!("/Trail/{name}")), Some(&value), "{name}");
    }
    let (_, status) = trail(cloud, "GetTrailStatus", json!({"Name": "reprieve"})).await;
    assert_eq!(status.get("IsLogging"), Some(&json!(false)), "it must be started");
    let arn = found.pointer("/Trail/TrailARN").expect("an ARN");
    let (_, tags) = trail(cloud, "ListTags", json!({"ResourceIdList": [arn]})).await;
    assert_eq!(tags.pointer("/ResourceTagList/0/TagsList/0/Key"), Some(&json!("reprieve:managed-by")));
    assert_eq!(trail(cloud, "StartLogging", json!({"Name": "reprieve"})).await.0, 200);
    let (_, elsewhere) = call_as(cloud, "test", "eu-west-1", "CloudTrail_20131101.DescribeTrails", json!({})).await;
    assert_eq!(elsewhere.pointer("/trailList/0/Name"), Some(&json!("reprieve")), "a multi-Region trail is seen everywhere");
}

fn metric_filter(pattern: &str) -> Value {
    json!({
        "logGroupName": GROUP, "filterName": "Reprieve-CIS-7", "filterPattern": pattern,
        "metricTransformations": [
            {"metricName": "Unusable", "metricNamespace": "ReprieveMonitoring", "metricValue": "1", "defaultValue": 0.0},
        ],
    })
}

async fn filters_that_cannot_be_read_are_refused(cloud: &LocalCloud) {
    let refused = logs(cloud, "PutMetricFilter", metric_filter("{ $.eventName = ")).await;
    assert_eq!(error(&refused), "InvalidParameterException");
    assert_eq!(logs(cloud, "PutMetricFilter", metric_filter(PATTERN)).await.0, 200);
    let disabled = json!({"eventSource": "kms.amazonaws.com", "eventName": "DisableKey"}).to_string();
    let (_, tested) = logs(cloud, "TestMetricFilter", json!({"filterPattern": PATTERN, "logEventMessages": ["{}", disabled]})).await;
    assert_eq!(tested, json!({"matches": [{"eventNumber": 2, "eventMessage": disabled, "extractedValues": {}}]}));
}

/// Makes the topic, its subscribers, the alarm and a key.
async fn build_the_rest(cloud: &LocalCloud) -> String {
    sns(cloud, &[("Action", "CreateTopic"), ("Name", "alerts")]).await;
    call(cloud, "AmazonSQS.CreateQueue", json!({"QueueName": "alerts"})).await;
    let endpoint = "arn:aws:sqs:us-east-1:111122223333:alerts";
    sns(cloud, &[("Action", "Subscribe"), ("TopicArn", TOPIC), ("Protocol", "sqs"), ("Endpoint", endpoint)]).await;
    let alarm = json!({
        "AlarmName": "Unusable", "MetricName": "Unusable", "Namespace": "ReprieveMonitoring", "Statistic": "Sum", "Period": 300,
        "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching", "AlarmActions": [TOPIC],
    });
    cloudwatch(cloud, "PutMetricAlarm", alarm).await;
    let created = kms(cloud, "CreateKey", json!({})).await;
    created.pointer("/KeyMetadata/Arn").and_then(Value::as_str).expect("a key").to_owned()
}

async fn an_email_subscription_is_pending_until_confirmed(cloud: &LocalCloud) {
    let subscribe = [("Action", "Subscribe"), ("TopicArn", TOPIC), ("Protocol", "email"), ("Endpoint", "duty@example.com")];
    assert!(sns(cloud, &subscribe).await.contains("<SubscriptionArn>pending confirmation</SubscriptionArn>"));
    let list = [("Action", "ListSubscriptionsByTopic"), ("TopicArn", TOPIC)];
    assert!(sns(cloud, &list).await.contains("<SubscriptionArn>PendingConfirmation</SubscriptionArn>"));
    sns(cloud, &[("Action", "Publish"), ("TopicArn", TOPIC), ("Message", "before")]).await;
    assert!(cloud.confirm_subscription(TOPIC, "nobody@example.com").await.is_err());
    let arn = cloud.confirm_subscription(TOPIC, "duty@example.com").await.expect("a confirmation");
    assert!(sns(cloud, &list).await.contains(&arn));
    sns(cloud, &[("Action", "Publish"), ("TopicArn", TOPIC), ("Message", "after")]).await;
    let mail = cloud.mail().await.expect("the mail");
    assert_eq!(mail.iter().map(|mail| mail.message.as_str()).collect::<Vec<_>>(), ["after"]);
    drain(cloud).await;
}

/// Takes all messages off the queue and returns the states that alarms went to.
async fn drain(cloud: &LocalCloud) -> Vec<String> {
    let mut states = Vec::new();
    loop {
        let (_, received) = call(cloud, "AmazonSQS.ReceiveMessage", json!({"QueueUrl": QUEUE, "MaxNumberOfMessages": 10})).await;
        let messages = received.get("Messages").and_then(Value::as_array).cloned().unwrap_or_default();
        if messages.is_empty() {
            return states;
        }
        for message in messages {
            let body: Value = serde_json::from_str(message.get("Body").and_then(Value::as_str).unwrap_or_default()).expect("an envelope");
            let alarm: Value = serde_json::from_str(body.get("Message").and_then(Value::as_str).unwrap_or_default()).unwrap_or_default();
            states.extend(alarm.get("NewStateValue").and_then(Value::as_str).map(str::to_owned));
            call(cloud, "AmazonSQS.DeleteMessage", json!({"QueueUrl": QUEUE, "ReceiptHandle": message.get("ReceiptHandle")})).await;
        }
    }
}

async fn alarm_state(cloud: &LocalCloud) -> String {
    let described = cloudwatch(cloud, "DescribeAlarms", json!({"AlarmNames": ["Unusable"]})).await;
    described.pointer("/MetricAlarms/0/StateValue").and_then(Value::as_str).unwrap_or_default().to_owned()
}

async fn alarm_is(cloud: &LocalCloud, state: &str) {
    eventually("the alarm's state", async || (alarm_state(cloud).await == state).then_some(())).await;
}

/// Enables and disables the key and waits until the log group holds both records.
async fn disable(cloud: &LocalCloud, key: &str) {
    let before = delivered(cloud).await.len();
    kms(cloud, "EnableKey", json!({"KeyId": key})).await;
    kms(cloud, "DisableKey", json!({"KeyId": key})).await;
    eventually("the delivery", async || (delivered(cloud).await.len() == before + 2).then_some(())).await;
}

/// Returns the names of the events in the log group.
async fn delivered(cloud: &LocalCloud) -> Vec<String> {
    let (_, found) = logs(cloud, "FilterLogEvents", json!({"logGroupName": GROUP})).await;
    let events = found.get("events").and_then(Value::as_array).into_iter().flatten();
    let messages = events.filter_map(|event| serde_json::from_str::<Value>(event.get("message")?.as_str()?).ok());
    messages.filter_map(|record| record.get("eventName")?.as_str().map(str::to_owned)).filter(|name| name.ends_with("Key")).collect()
}

async fn a_disable_key_event_raises_the_alarm_and_reaches_the_subscriber(cloud: &LocalCloud, key: &str) {
    kms(cloud, "DisableKey", json!({"KeyId": key})).await;
    alarm_is(cloud, "ALARM").await;
    assert_eq!(drain(cloud).await, ["ALARM"]);
    let mail = cloud.mail().await.expect("the mail");
    let last = mail.last().expect("a mail");
    assert_eq!((last.to.as_str(), last.subject.as_str()), ("duty@example.com", "ALARM: \"Unusable\" in us-east-1"));
    let (_, streams) = logs(cloud, "DescribeLogStreams", json!({"logGroupName": GROUP})).await;
    assert_eq!(streams.pointer("/logStreams/0/logStreamName"), Some(&json!("111122223333_CloudTrail_us-east-1")));
}

async fn an_alarm_speaks_only_when_its_state_changes(cloud: &LocalCloud, key: &str) {
    disable(cloud, key).await;
    assert_eq!(drain(cloud).await, Vec::<String>::new(), "it is in alarm already");
    cloud.settle_alarms(None).await.expect("the time is over");
    assert_eq!(alarm_state(cloud).await, "OK");
    disable(cloud, key).await;
    alarm_is(cloud, "ALARM").await;
    assert_eq!(drain(cloud).await, ["ALARM"]);
}

async fn disabled_actions_send_nothing(cloud: &LocalCloud, key: &str) {
    cloud.settle_alarms(None).await.expect("the time is over");
    cloudwatch(cloud, "DisableAlarmActions", json!({"AlarmNames": ["Unusable"]})).await;
    disable(cloud, key).await;
    alarm_is(cloud, "ALARM").await;
    assert_eq!(drain(cloud).await, Vec::<String>::new());
    cloudwatch(cloud, "EnableAlarmActions", json!({"AlarmNames": ["Unusable"]})).await;
}

async fn last_action(cloud: &LocalCloud) -> String {
    let history = cloudwatch(cloud, "DescribeAlarmHistory", json!({"AlarmName": "Unusable", "HistoryItemType": "Action"})).await;
    history.pointer("/AlarmHistoryItems/0/HistorySummary").and_then(Value::as_str).unwrap_or_default().to_owned()
}

async fn set_topic(cloud: &LocalCloud, name: &str, value: &str) {
    let members = [("Action", "SetTopicAttributes"), ("TopicArn", TOPIC), ("AttributeName", name), ("AttributeValue", value)];
    sns(cloud, &members).await;
}

async fn a_topic_that_refuses_cloudwatch_gets_nothing(cloud: &LocalCloud, key: &str) {
    set_topic(cloud, "KmsMasterKeyId", "alias/aws/sns").await;
    cloud.settle_alarms(None).await.expect("the time is over");
    disable(cloud, key).await;
    alarm_is(cloud, "ALARM").await;
    assert_eq!(drain(cloud).await, Vec::<String>::new());
    assert!(last_action(cloud).await.contains("Service: AWSKMS"), "{}", last_action(cloud).await);

    set_topic(cloud, "KmsMasterKeyId", "").await;
    let closed =
        policy(&json!([{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish", "Resource": TOPIC}]));
    let open = policy(
        &json!([{"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish", "Resource": TOPIC}]),
    );
    for (policy, expected) in [(closed, Vec::new()), (open, vec!["ALARM".to_owned()])] {
        set_topic(cloud, "Policy", &policy).await;
        for state in ["OK", "ALARM"] {
            cloudwatch(cloud, "SetAlarmState", json!({"AlarmName": "Unusable", "StateValue": state, "StateReason": "a test"})).await;
        }
        assert_eq!(drain(cloud).await, expected, "{policy}");
    }
    assert!(last_action(cloud).await.starts_with("Successfully executed action"));
}

async fn records_come_as_late_as_asked(cloud: &LocalCloud, key: &str) {
    let before = delivered(cloud).await.len();
    cloud.set_log_delivery_delay(Duration::from_millis(400));
    kms(cloud, "EnableKey", json!({"KeyId": key})).await;
    assert_eq!(delivered(cloud).await.len(), before);
    eventually("the delivery", async || (delivered(cloud).await.len() == before + 1).then_some(())).await;
    cloud.set_log_delivery_delay(Duration::ZERO);
}

async fn what_anybody_puts_into_the_log_group_is_counted(cloud: &LocalCloud) {
    cloud.settle_alarms(None).await.expect("the time is over");
    let message = json!({"eventSource": "kms.amazonaws.com", "eventName": "ScheduleKeyDeletion"}).to_string();
    let now = jiff::Timestamp::now().as_millisecond();
    assert_eq!(logs(cloud, "CreateLogStream", json!({"logGroupName": GROUP, "logStreamName": "drill"})).await.0, 200);
    let events = json!({"logGroupName": GROUP, "logStreamName": "drill", "logEvents": [{"timestamp": now, "message": message}]});
    assert_eq!(logs(cloud, "PutLogEvents", events).await.0, 200);
    alarm_is(cloud, "ALARM").await;
    drain(cloud).await;
}

async fn a_stopped_trail_delivers_nothing(cloud: &LocalCloud, key: &str) {
    assert_eq!(trail(cloud, "StopLogging", json!({"Name": "reprieve"})).await.0, 200);
    let stop = json!({"logGroupName": GROUP, "filterPattern": "StopLogging"});
    let told = async || logs(cloud, "FilterLogEvents", stop.clone()).await.1.pointer("/events/0").map(drop);
    eventually("the last record", told).await;
    cloud.settle_alarms(None).await.expect("the time is over");
    let before = delivered(cloud).await;
    kms(cloud, "DisableKey", json!({"KeyId": key})).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(delivered(cloud).await, before);
    assert_eq!((alarm_state(cloud).await.as_str(), drain(cloud).await), ("OK", Vec::new()));
    assert_eq!(trail(cloud, "StartLogging", json!({"Name": "reprieve"})).await.0, 200);
}

async fn a_missing_log_group_is_told_by_the_status(cloud: &LocalCloud, key: &str) {
    assert_eq!(logs(cloud, "DeleteLogGroup", json!({"logGroupName": GROUP})).await.0, 200);
    kms(cloud, "EnableKey", json!({"KeyId": key})).await;
    let status = async || trail(cloud, "GetTrailStatus", json!({"Name": "reprieve"})).await.1;
    eventually("the error", async || status().await.get("LatestCloudWatchLogsDeliveryError").map(drop)).await;
    assert_eq!(status().await.get("IsLogging"), Some(&json!(true)));
}

/// What became of the events of that name: how many reached the bus.
async fn events_named(cloud: &LocalCloud, name: &str) -> usize {
    // The bus is a step behind the call.
    tokio::time::sleep(Duration::from_millis(100)).await;
    cloud.events().iter().filter(|event| event.event_name.as_deref() == Some(name)).count()
}

async fn calls_on_monitoring_reach_eventbridge(cloud: &LocalCloud) {
    sns(cloud, &[("Action", "CreateTopic"), ("Name", "alerts")]).await;
    sns(cloud, &[("Action", "DeleteTopic"), ("TopicArn", TOPIC)]).await;
    trail(cloud, "StopLogging", json!({"Name": "nothing"})).await;
    logs(cloud, "DeleteMetricFilter", json!({"logGroupName": GROUP, "filterName": "f"})).await;
    cloudwatch(cloud, "DeleteAlarms", json!({"AlarmNames": ["a"]})).await;
    call(cloud, "AWSEvents.PutRule", json!({"Name": "r", "EventPattern": r#"{"source": ["a"]}"#})).await;
    call(cloud, "AWSEvents.DisableRule", json!({"Name": "r"})).await;
    let expected = [
        ("sns.amazonaws.com", "DeleteTopic", json!({"topicArn": TOPIC}), Value::Null),
        ("cloudtrail.amazonaws.com", "StopLogging", json!({"name": "nothing"}), json!("TrailNotFoundException")),
        ("logs.amazonaws.com", "DeleteMetricFilter", json!({"logGroupName": GROUP, "filterName": "f"}), json!("ResourceNotFoundException")),
        ("monitoring.amazonaws.com", "DeleteAlarms", json!({"alarmNames": ["a"]}), Value::Null),
        ("events.amazonaws.com", "DisableRule", json!({"name": "r"}), Value::Null),
    ];
    for (source, name, parameters, error) in expected {
        let records = cloud.records();
        let record = records.iter().find(|record| record.get("eventName") == Some(&json!(name))).expect("a record");
        assert_eq!(record.get("eventSource"), Some(&json!(source)), "{name}");
        assert_eq!(record.get("requestParameters"), Some(&parameters), "{name}");
        assert_eq!(record.get("errorCode").cloned().unwrap_or_default(), error, "{name}");
        assert_eq!(events_named(cloud, name).await, 1, "{name}");
        let event = cloud.events().into_iter().find(|event| event.event_name.as_deref() == Some(name)).expect("an event");
        assert_eq!(event.source, format!("aws.{}", source.trim_end_matches(".amazonaws.com")));
    }
}

async fn events_need_a_trail_when_told_so(cloud: &LocalCloud) {
    let created = kms(cloud, "CreateKey", json!({})).await;
    let key = created.pointer("/KeyMetadata/KeyId").cloned().expect("a key");
    cloud.let_events_need_a_trail(true);
    kms(cloud, "DisableKey", json!({"KeyId": key})).await;
    assert_eq!(events_named(cloud, "DisableKey").await, 0, "there is no trail");

    put(cloud, "/trail-bucket", "").await;
    let allowed = json!([
        for_cloudtrail("s3:GetBucketAcl", "arn:aws:s3:::trail-bucket"),
        for_cloudtrail("s3:PutObject", "arn:aws:s3:::trail-bucket/AWSLogs/111122223333/*"),
    ]);
    put(cloud, "/trail-bucket?policy", &policy(&allowed)).await;
    assert_eq!(trail(cloud, "CreateTrail", json!({"Name": "reprieve", "S3BucketName": "trail-bucket"})).await.0, 200);
    let selectors = |excluded: Value| {
        json!({"TrailName": "reprieve", "EventSelectors": [
            {"ReadWriteType": "All", "IncludeManagementEvents": true, "ExcludeManagementEventSources": excluded},
        ]})
    };
    let mut seen = 0;
    let steps = [
        ("StartLogging", json!({"Name": "reprieve"}), 1),
        ("PutEventSelectors", selectors(json!(["kms.amazonaws.com"])), 0),
        ("PutEventSelectors", selectors(json!([])), 1),
        ("StopLogging", json!({"Name": "reprieve"}), 0),
    ];
    for (operation, input, more) in steps {
        assert_eq!(trail(cloud, operation, input.clone()).await.0, 200, "{operation}");
        kms(cloud, "DisableKey", json!({"KeyId": key})).await;
        seen += more;
        assert_eq!(events_named(cloud, "DisableKey").await, seen, "{operation} {input}");
    }
    cloud.let_events_need_a_trail(false);
    kms(cloud, "DisableKey", json!({"KeyId": key})).await;
    assert_eq!(events_named(cloud, "DisableKey").await, seen + 1);
}

async fn the_endpoints_do_what_the_handle_does(cloud: &LocalCloud) {
    let control = async |method: Method, path: &str, body: Value| {
        let (signer, headers) = (("test", "us-east-1", "none"), [("content-type", "application/json")]);
        send(cloud, signer, method, &format!("/_localcloud/{path}"), &headers, body.to_string()).await
    };
    let subscribe = [("Action", "Subscribe"), ("TopicArn", TOPIC), ("Protocol", "email"), ("Endpoint", "duty@example.com")];
    sns(cloud, &[("Action", "CreateTopic"), ("Name", "alerts")]).await;
    sns(cloud, &subscribe).await;
    let address = json!({"topic_arn": TOPIC, "endpoint": "duty@example.com"});
    let table = [
        ("trails", json!({"events_need_a_trail": true, "log_delivery_delay_ms": 5}), 204),
        ("subscriptions/confirm", address, 200),
        ("subscriptions/confirm", json!({"topic_arn": TOPIC, "endpoint": "nobody@example.com"}), 400),
        ("alarms/settle", json!({"region": "eu-west-1"}), 204),
        ("embedded-metrics", json!({"on": true}), 204),
    ];
    for (path, body, expected) in table {
        assert_eq!(control(Method::POST, path, body.clone()).await.0, expected, "{path} {body}");
    }
    sns(cloud, &[("Action", "Publish"), ("TopicArn", TOPIC), ("Message", "hello")]).await;
    let (_, mail) = control(Method::GET, "mail", Value::Null).await;
    assert_eq!(mail.pointer("/0/to"), Some(&json!("duty@example.com")));
}
