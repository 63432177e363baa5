//! The local cloud with IAM enforced: a signing key that its key policy alone hands out, parameters, calendars and
//! look-ups, each by role.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why and stops")]

#[path = "http/cbor.rs"]
mod cbor;
#[path = "http/signed.rs"]
mod signed;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use reprieve_localcloud::{Calendar, LocalCloud, Options};
use serde_json::{Value, json};
use signed::{Credentials, call, element, form, role, root};

/// A key that one role may sign with, its alias and a parameter that names it.
const TEMPLATE: &str = r#"
Parameters:
  Signers: {Type: CommaDelimitedList}
Resources:
  SigningKey:
    Type: AWS::KMS::Key
    DeletionPolicy: Retain
    Properties:
      KeySpec: ECC_NIST_P256
      KeyUsage: SIGN_VERIFY
      KeyPolicy:
        Version: "2012-10-17"
        Statement:
          - {Sid: Sign, Effect: Allow, Principal: {AWS: !Ref Signers}, Action: kms:Sign, Resource: "*",
             Condition: {StringEquals: {kms:SigningAlgorithm: ECDSA_SHA_256}}}
          - {Sid: Administer, Effect: Allow, Principal: {AWS: !Sub "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"},
             Action: ["kms:Describe*", kms:GetKeyPolicy, kms:GetPublicKey, kms:PutKeyPolicy], Resource: "*"}
          - {Sid: NobodyElse, Effect: Deny, Principal: "*", Action: kms:Sign, Resource: "*",
             Condition: {ArnNotEquals: {aws:PrincipalArn: !Ref Signers}}}
  Alias:
    Type: AWS::KMS::Alias
    Properties: {AliasName: alias/signing, TargetKeyId: !Ref SigningKey}
  Name:
    Type: AWS::SSM::Parameter
    Properties: {Name: /signing/key, Type: String, Value: !GetAtt SigningKey.Arn}
Outputs:
  Arn: {Value: !GetAtt SigningKey.Arn}
"#;

fn allow(actions: &[&str], resources: &[&str]) -> Value {
    json!([{"Effect": "Allow", "Action": actions, "Resource": resources}])
}

fn error(answer: &(u16, Value)) -> &str {
    answer.1.get("__type").and_then(Value::as_str).unwrap_or_default()
}

/// One cloud serves all checks: starting one takes seconds.
#[tokio::test]
async fn policies_decide_who_may_do_what() {
    let cloud = LocalCloud::start(Options { enforce_iam: true, ..Options::default() }).await.expect("the local cloud starts");
    let key = deploy(&cloud).await;
    the_template_made_what_it_says(&cloud, &key).await;
    only_the_named_role_signs(&cloud, &key).await;
    aliases_are_listed_by_iam_alone(&cloud, &key).await;
    parameters_are_read_by_path(&cloud).await;
    calendars_are_asked_by_their_arn(&cloud).await;
    records_are_looked_up_by_those_who_may(&cloud).await;
    monitoring_calls_are_judged_by_what_they_name(&cloud).await;
    simulation_decides_as_the_policies_do(&cloud).await;
    cloud.stop();
}

async fn deploy(cloud: &LocalCloud) -> String {
    let members = [
        ("Action", "CreateStack"),
        ("StackName", "signing"),
        ("TemplateBody", TEMPLATE),
        ("Parameters.member.1.ParameterKey", "Signers"),
        ("Parameters.member.1.ParameterValue", "arn:aws:iam::111122223333:role/team/signer"),
    ];
    form(cloud, "cloudformation", "2010-05-15", &members).await;
    for _ in 0..100 {
        let described = form(cloud, "cloudformation", "2010-05-15", &[("Action", "DescribeStacks"), ("StackName", "signing")]).await;
        if element(&described, "StackStatus") == "CREATE_COMPLETE" {
            return element(&described, "OutputValue");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the stack was not made within 5 s")
}

async fn the_template_made_what_it_says(cloud: &LocalCloud, key: &str) {
    let kms = async |operation: &str, input: Value| call(cloud, &root(), &format!("TrentService.{operation}"), input).await.1;
    let described = kms("DescribeKey", json!({"KeyId": "alias/signing"})).await;
    let expected = [("Arn", key), ("KeySpec", "ECC_NIST_P256"), ("KeyUsage", "SIGN_VERIFY"), ("KeyState", "Enabled")];
    for (name, value) in expected {
        assert_eq!(described.pointer(&format!("/KeyMetadata/{name}")), Some(&json!(value)), "{name}");
    }
    let policy = kms("GetKeyPolicy", json!({"KeyId": key, "PolicyName": "default"})).await;
    let policy: Value = serde_json::from_str(policy.get("Policy").and_then(Value::as_str).unwrap_or_default()).expect("a policy");
    let signers = json!(["arn:aws:iam::111122223333:role/team/signer"]);
    assert_eq!(policy.pointer("/Statement/0/Principal/AWS"), Some(&signers));
    assert_eq!(policy.pointer("/Statement/2/Condition/ArnNotEquals/aws:PrincipalArn"), Some(&signers));
    let named = call(cloud, &root(), "AmazonSSM.GetParameter", json!({"Name": "/signing/key"})).await;
    assert_eq!(named.1.pointer("/Parameter/Value"), Some(&json!(key)));
}

async fn sign(cloud: &LocalCloud, by: &Credentials, key: &str, algorithm: &str) -> (u16, Value) {
    let input = json!({"KeyId": key, "Message": STANDARD.encode("approved"), "MessageType": "RAW", "SigningAlgorithm": algorithm});
    call(cloud, by, "TrentService.Sign", input).await
}

async fn only_the_named_role_signs(cloud: &LocalCloud, key: &str) {
    let signer = role(cloud, "/team/", "signer", allow(&["sts:GetCallerIdentity"], &["*"])).await;
    let admin = role(cloud, "/", "admin", allow(&["*"], &["*"])).await;
    let reader = role(cloud, "/", "reader", allow(&["kms:GetPublicKey"], &[key])).await;
    for reference in [key, "alias/signing"] {
        let answer = sign(cloud, &signer, reference, "ECDSA_SHA_256").await;
        assert_eq!((answer.0, answer.1.get("KeyId")), (200, Some(&json!(key))), "{reference}: {}", answer.1);
        let public = call(cloud, &reader, "TrentService.GetPublicKey", json!({"KeyId": reference})).await.1;
        let bytes = |answer: &Value, name: &str| STANDARD.decode(answer.get(name).and_then(Value::as_str).unwrap_or_default());
        let public = VerifyingKey::from_public_key_der(&bytes(&public, "PublicKey").expect("base64")).expect("a public key");
        let signature = Signature::from_der(&bytes(&answer.1, "Signature").expect("base64")).expect("a DER signature");
        assert!(public.verify(b"approved", &signature).is_ok());
        for (who, other) in [("an administrator", &admin), ("the root user", &root()), ("a reader", &reader)] {
            assert_eq!(error(&sign(cloud, other, reference, "ECDSA_SHA_256").await), "AccessDeniedException", "{who}");
        }
    }
    assert_eq!(error(&sign(cloud, &signer, key, "ECDSA_SHA_384").await), "AccessDeniedException", "the condition holds");
    let changed = call(cloud, &signer, "TrentService.DisableKey", json!({"KeyId": key})).await;
    assert_eq!(error(&changed), "AccessDeniedException", "signing is all that the key policy gives");
}

async fn aliases_are_listed_by_iam_alone(cloud: &LocalCloud, key: &str) {
    let everywhere = role(cloud, "/", "lister", allow(&["kms:ListAliases"], &["*"])).await;
    let of_one_key = role(cloud, "/", "narrow-lister", allow(&["kms:ListAliases"], &[key])).await;
    let listed = call(cloud, &everywhere, "TrentService.ListAliases", json!({"KeyId": key})).await;
    assert_eq!(listed.1.pointer("/Aliases/0/AliasName"), Some(&json!("alias/signing")), "{}", listed.1);
    let refused = call(cloud, &of_one_key, "TrentService.ListAliases", json!({"KeyId": key})).await;
    assert_eq!(error(&refused), "AccessDeniedException", "it takes permission on all resources");
}

async fn parameters_are_read_by_path(cloud: &LocalCloud) {
    let ssm = async |by: &Credentials, operation: &str, input: Value| call(cloud, by, &format!("AmazonSSM.{operation}"), input).await;
    for (name, kind) in [("/policies/a", "String"), ("/policies/deep/b", "String"), ("/hooks", "SecureString")] {
        assert_eq!(ssm(&root(), "PutParameter", json!({"Name": name, "Value": "secret", "Type": kind})).await.0, 200);
    }
    let arn = |name: &str| format!("arn:aws:ssm:us-east-1:111122223333:parameter{name}");
    let actions = ["ssm:GetParameter", "ssm:GetParametersByPath"];
    let reader = role(cloud, "/", "policies", allow(&actions, &[&arn("/policies"), &arn("/policies/*")])).await;
    for path in ["/policies", "/policies/"] {
        let found = ssm(&reader, "GetParametersByPath", json!({"Path": path, "WithDecryption": true})).await.1;
        let names: Vec<_> = found.get("Parameters").and_then(Value::as_array).into_iter().flatten().map(|one| one.get("Name")).collect();
        assert_eq!(names, [Some(&json!("/policies/a"))], "{path}: {found}");
    }
    assert_eq!(error(&ssm(&reader, "GetParametersByPath", json!({"Path": "/"})).await), "AccessDeniedException");
    assert_eq!(error(&ssm(&reader, "GetParameter", json!({"Name": "/hooks"})).await), "AccessDeniedException");
    assert_eq!(error(&ssm(&reader, "GetParameter", json!({"Name": "/policies/none"})).await), "ParameterNotFound");
    assert_eq!(error(&ssm(&reader, "PutParameter", json!({"Name": "/policies/a", "Value": "x"})).await), "AccessDeniedException");
    for (decrypt, readable) in [(true, true), (false, false)] {
        let hook = ssm(&root(), "GetParameter", json!({"Name": "/hooks", "WithDecryption": decrypt})).await.1;
        assert_eq!(hook.pointer("/Parameter/Value") == Some(&json!("secret")), readable, "{hook}");
    }
}

async fn calendars_are_asked_by_their_arn(cloud: &LocalCloud) {
    cloud.set_calendar("changes", Calendar::open());
    cloud.set_calendar("freeze", Calendar::closed());
    let one = ["arn:aws:ssm:us-east-1:111122223333:document/changes"];
    let reader = role(cloud, "/", "calendars", allow(&["ssm:GetCalendarState"], &one)).await;
    let ask = async |names: &[&str]| call(cloud, &reader, "AmazonSSM.GetCalendarState", json!({"CalendarNames": names})).await;
    assert_eq!(ask(&["changes"]).await.1.get("State"), Some(&json!("OPEN")));
    assert_eq!(ask(&one).await.1.get("State"), Some(&json!("OPEN")));
    assert_eq!(error(&ask(&["changes", "freeze"]).await), "AccessDeniedException", "it takes permission on each");
}

async fn records_are_looked_up_by_those_who_may(cloud: &LocalCloud) {
    cloud.switch_quotas(false);
    let auditor = role(cloud, "/", "auditor", allow(&["cloudtrail:LookupEvents"], &["*"])).await;
    let other = role(cloud, "/", "other", allow(&["kms:*"], &["*"])).await;
    let input = json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "Sign"}]});
    let found = call(cloud, &auditor, "CloudTrail_20131101.LookupEvents", input.clone()).await.1;
    let events = found.get("Events").and_then(Value::as_array).cloned().unwrap_or_default();
    let users: Vec<_> = events.iter().filter_map(|event| event.get("Username")).collect();
    assert!(users.contains(&&json!("session")) && users.contains(&&json!("root")), "{users:?}");
    assert_eq!(error(&call(cloud, &other, "CloudTrail_20131101.LookupEvents", input).await), "AccessDeniedException");
}

async fn monitoring_calls_are_judged_by_what_they_name(cloud: &LocalCloud) {
    let arn = |rest: &str| format!("arn:aws:{rest}").replace('@', "us-east-1:111122223333");
    let resources = [arn("cloudtrail:@:trail/reprieve"), arn("logs:@:log-group:/reprieve/*"), arn("cloudwatch:@:alarm:Reprieve-*")];
    let resources: Vec<&str> = resources.iter().map(String::as_str).collect();
    let keeper = role(cloud, "/", "keeper", allow(&["cloudtrail:*", "logs:*", "cloudwatch:*"], &resources)).await;
    let table = [
        ("CloudTrail_20131101.GetTrail", json!({"Name": "reprieve"}), "TrailNotFoundException"),
        ("CloudTrail_20131101.GetTrail", json!({"Name": "other"}), "AccessDeniedException"),
        ("Logs_20140328.CreateLogGroup", json!({"logGroupName": "/reprieve/a"}), ""),
        ("Logs_20140328.CreateLogGroup", json!({"logGroupName": "/other"}), "AccessDeniedException"),
        ("Logs_20140328.TagResource", json!({"resourceArn": arn("logs:@:log-group:/reprieve/a"), "tags": {"a": "b"}}), ""),
        ("Logs_20140328.DescribeLogGroups", json!({}), "AccessDeniedException"),
    ];
    for (target, input, expected) in table {
        assert_eq!(error(&call(cloud, &keeper, target, input.clone()).await), expected, "{target} {input}");
    }
    let group_only = role(cloud, "/", "group-only", allow(&["logs:*"], &[&arn("logs:@:log-group:/reprieve/a")])).await;
    let input = json!({"logGroupName": "/reprieve/a", "retentionInDays": 365});
    assert_eq!(error(&call(cloud, &group_only, "Logs_20140328.PutRetentionPolicy", input).await), "AccessDeniedException");
    let tagged = json!({"logGroupName": "/reprieve/tagged", "tags": {"a": "b"}});
    let maker = role(cloud, "/", "maker", allow(&["logs:CreateLogGroup"], &["*"])).await;
    assert_eq!(error(&call(cloud, &maker, "Logs_20140328.CreateLogGroup", tagged).await), "AccessDeniedException", "it tags as well");
    let trail = json!({"Name": "reprieve", "S3BucketName": "none", "CloudWatchLogsRoleArn": "arn:aws:iam::111122223333:role/x"});
    assert_eq!(error(&call(cloud, &keeper, "CloudTrail_20131101.CreateTrail", trail).await), "AccessDeniedException", "it passes a role");
    for (name, expected) in [("Reprieve-a", 200), ("other", 403)] {
        let alarm = json!({
            "AlarmName": name, "MetricName": "m", "Namespace": "n", "Statistic": "Sum", "Period": 300, "EvaluationPeriods": 1,
            "Threshold": 1.0, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        });
        let (path, body) = (cbor::path("PutMetricAlarm"), cbor::encode(&alarm));
        let (status, answer) = signed::send(cloud, &keeper, "monitoring", &path, &cbor::HEADERS, &body).await;
        assert_eq!(status, expected, "{name}: {}", cbor::decode(&answer));
    }
}

async fn simulation_decides_as_the_policies_do(cloud: &LocalCloud) {
    let statements = json!([
        {"Effect": "Allow", "Action": "kms:EnableKey", "Resource": "arn:aws:kms:us-east-1:111122223333:key/*"},
        {"Effect": "Deny", "Action": "kms:ScheduleKeyDeletion", "Resource": "*"},
    ]);
    role(cloud, "/team/", "simulated", statements).await;
    let (here, elsewhere) = ("arn:aws:kms:us-east-1:111122223333:key/a", "arn:aws:kms:eu-west-1:111122223333:key/a");
    let table = [
        ("kms:EnableKey", here, "allowed"),
        ("kms:EnableKey", elsewhere, "implicitDeny"),
        ("kms:ScheduleKeyDeletion", here, "explicitDeny"),
        ("kms:DisableKey", here, "implicitDeny"),
    ];
    for (action, resource, expected) in table {
        let members = [
            ("Action", "SimulatePrincipalPolicy"),
            ("PolicySourceArn", "arn:aws:iam::111122223333:role/team/simulated"),
            ("ActionNames.member.1", action),
            ("ResourceArns.member.1", resource),
        ];
        let answer = form(cloud, "iam", "2010-05-08", &members).await;
        assert_eq!(element(&answer, "EvalDecision"), expected, "{action} on {resource}");
    }
}
