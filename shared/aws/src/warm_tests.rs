//! Where connections are opened ahead, in every partition, and that a dead endpoint does no harm.

use std::time::Instant;

use aws_credential_types::Credentials;
use reprieve_core::Region;

use super::*;
use crate::client::{ConnectError, connect};
use crate::kms::Quotas;
use crate::settings::DEFAULT_LEASE;

fn settings(region: &str, endpoint_url: Option<&str>) -> AwsSettings {
    AwsSettings {
        region: Region::parse(region).unwrap(),
        credentials: Credentials::for_tests(),
        endpoint_url: endpoint_url.map(str::to_owned),
        ledger_table: "ledger".to_owned(),
        audit_bucket: "audit-bucket".to_owned(),
        retention_days: 365,
        topic_arn: "arn:aws:sns:us-east-1:111122223333:notices".to_owned(),
        lease: DEFAULT_LEASE,
        quotas: Quotas::default(),
        policy_parameter: None,
        policy_files: Ok(Vec::new()),
        webhook_parameter: None,
        change_calendars: Vec::new(),
    }
}

#[tokio::test]
async fn origins_are_those_of_the_partition() {
    for (region, suffix) in [
        ("eu-central-1", "eu-central-1.amazonaws.com"),
        ("us-gov-west-1", "us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "eusc-de-east-1.amazonaws.eu"),
    ] {
        let mut origins: Vec<_> = origins(&settings(region, None)).await.into_iter().map(Result::unwrap).collect();
        origins.sort();
        let expected = [
            format!("https://audit-bucket.s3.{suffix}"),
            format!("https://dynamodb.{suffix}"),
            format!("https://dynamodb.{suffix}"),
            format!("https://dynamodb.{suffix}"),
            format!("https://kms.{suffix}"),
            format!("https://kms.{suffix}"),
        ];
        assert_eq!(origins, expected);
    }
}

#[tokio::test]
async fn systems_manager_is_warmed_for_those_who_need_it() {
    let plain = settings("us-east-1", None);
    let with_policies = AwsSettings { policy_parameter: Some("/reprieve/policies".to_owned()), ..plain.clone() };
    let with_calendars = AwsSettings { change_calendars: vec!["freeze".to_owned()], ..plain.clone() };
    for (settings, expected) in [(plain, false), (with_policies, true), (with_calendars, true)] {
        let origins: Vec<_> = origins(&settings).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(origins.iter().any(|origin| origin == "https://ssm.us-east-1.amazonaws.com"), expected);
    }
}

#[tokio::test]
async fn a_dead_endpoint_does_no_harm() {
    let settings = settings("us-east-1", Some("http://127.0.0.1:9"));
    let begin = Instant::now();
    assert_eq!(connect(&settings).unwrap().warm(&settings).await, 0);
    assert!(begin.elapsed() < WARM_WAIT * 2);
}

#[tokio::test]
async fn every_connection_is_opened_to_a_local_cloud() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = settings("us-east-1", Some(&format!("http://{}", listener.local_addr().unwrap())));
    assert_eq!(connect(&settings).unwrap().warm(&settings).await, 6);
}

#[test]
fn an_endpoint_that_is_no_url_is_named() {
    let error = connect(&settings("us-east-1", Some("localhost:4566"))).unwrap_err();
    assert!(matches!(error, ConnectError::Endpoint { .. }) && error.to_string().contains("`localhost:4566`"), "{error}");
}
