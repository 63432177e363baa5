//! Log files as CloudTrail delivers them, made up: compact containers, gz, a few principals that come again and again, some records about
//! keys, and some that only speak of them. The same size and mix give the same files.

#![allow(dead_code, reason = "each bench uses what it needs of this")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Records of one file.
const RECORDS: usize = 10_000;
/// Calls that change the state of a key, of those that are made here.
const STATE: [&str; 4] = ["ScheduleKeyDeletion", "DisableKey", "CancelKeyDeletion", "EnableKey"];

/// What records are of: so many of 100,000.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mix {
    /// Change the state of a key.
    pub(crate) state: u64,
    /// Use a key.
    pub(crate) uses: u64,
    /// Speak of keys in a text or an object.
    pub(crate) decoys: u64,
}

/// An account that uses its keys much, and works on them as well.
pub(crate) const BUSY: Mix = Mix { state: 200, uses: 2_000, decoys: 300 };
/// An account as most are.
pub(crate) const USUAL: Mix = Mix { state: 50, uses: 100, decoys: 200 };
/// Every object in S3 is encrypted with a key of KMS: hard on whoever looks for the service's name.
pub(crate) const MOSTLY_USES: Mix = Mix { state: 50, uses: 40_000, decoys: 200 };

/// What a corpus holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Truth {
    pub(crate) records: u64,
    /// Records that change the state of a key.
    pub(crate) state: u64,
    pub(crate) bytes: u64,
    /// Those that change the state of a key, by the name of the call.
    pub(crate) by_name: BTreeMap<String, u64>,
    /// How many keys they are of.
    pub(crate) keys: u64,
}

/// Writes files until they hold so many megabytes, inflated.
pub(crate) fn write(folder: &Path, megabytes: u64, mix: Mix) -> Truth {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut truth = Truth::default();
    let mut keys = BTreeSet::new();
    let mut file = 0;
    while truth.bytes < megabytes * 1_000_000 {
        let (region, day) = (["eu-central-1", "us-east-1"][file % 2], 1 + file / 288 % 28);
        let mut text = String::from("{\"Records\":[");
        for ordinal in 0..RECORDS {
            if ordinal > 0 {
                text.push(',');
            }
            if let Some((name, key)) = add_record(&mut text, &mut random, mix, region, day, file % 288, ordinal) {
                truth.state += 1;
                *truth.by_name.entry(name.to_owned()).or_default() += 1;
                keys.insert(key);
            }
        }
        text.push_str("]}");
        truth.records += RECORDS as u64;
        truth.bytes += text.len() as u64;
        let name =
            format!("111122223333_CloudTrail_{region}_202611{day:02}T{:02}{:02}Z_{file:016}.json.gz", file % 288 / 12, file % 12 * 5);
        let path = folder.join(format!("AWSLogs/111122223333/CloudTrail/{region}/2026/11/{day:02}"));
        fs::create_dir_all(&path).expect("the corpus can be written");
        let mut encoder = GzEncoder::new(fs::File::create(path.join(name)).expect("the corpus can be written"), Compression::new(6));
        encoder.write_all(text.as_bytes()).expect("the corpus can be written");
        encoder.finish().expect("the corpus can be written");
        file += 1;
    }
    truth.keys = keys.len() as u64;
    truth
}

/// Adds a record; returns call and key, where it changes the state of a key.
fn add_record(
    text: &mut String,
    random: &mut Random,
    mix: Mix,
    region: &str,
    day: usize,
    slot: usize,
    ordinal: usize,
) -> Option<(&'static str, String)> {
    let kind = random.below(100_000);
    let key = format!("arn:aws:kms:{region}:111122223333:key/{:08x}-12ab-34cd-56ef-1234567890ab", random.below(150));
    let (source, name, request) = if kind < mix.state {
        let name = STATE[random.below(4) as usize];
        ("kms", name, format!("{{\"keyId\":\"{key}\"}}"))
    } else if kind < mix.state + mix.uses {
        let name = ["Decrypt", "GenerateDataKey"][random.below(2) as usize];
        ("kms", name, format!("{{\"encryptionContext\":{{\"aws:s3:arn\":\"arn:aws:s3:::data/{:x}\"}},\"keyId\":\"{key}\"}}", random.next()))
    } else if kind < mix.state + mix.uses + mix.decoys {
        let quoted = "{\\\"Records\\\":[{\\\"eventSource\\\":\\\"kms.amazonaws.com\\\",\\\"eventName\\\":\\\"DisableKey\\\"}]}";
        let request = format!(
            "{{\"evaluations\":[{{\"annotation\":\"{quoted}\",\"eventName\":\"DisableKey\",\"eventSource\":\"kms.amazonaws.com\"}}]}}"
        );
        ("config", "PutEvaluations", request)
    } else {
        other_call(random)
    };
    let principal = random.below(40) * random.below(40) / 40;
    let second = ordinal * 300 / RECORDS;
    write!(
        text,
        r#"{{"eventVersion":"1.10","userIdentity":{{"type":"AssumedRole","principalId":"AROAEXAMPLE{principal:010}:i-0{principal:016x}","arn":"arn:aws:sts::111122223333:assumed-role/app-{principal:05x}-role/i-0{principal:016x}","accountId":"111122223333","accessKeyId":"ASIAEXAMPLE{:09}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"AROAEXAMPLE{principal:010}","arn":"arn:aws:iam::111122223333:role/app-{principal:05x}-role","accountId":"111122223333","userName":"app-{principal:05x}-role"}},"attributes":{{"creationDate":"2026-11-{day:02}T00:00:00Z","mfaAuthenticated":"false"}}}}}},"eventTime":"2026-11-{day:02}T{:02}:{:02}:{:02}Z","eventSource":"{source}.amazonaws.com","eventName":"{name}","awsRegion":"{region}","sourceIPAddress":"198.51.100.{}","userAgent":"aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#amd64 api/{source}#1.173.0","requestParameters":{request},"responseElements":null,"requestID":"{:016x}-{:016x}","eventID":"{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}","readOnly":{},"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{source}.{region}.amazonaws.com"}}}}"#,
        random.below(1_000_000_000),
        slot / 12,
        slot % 12 * 5 + second / 60,
        second % 60,
        principal % 250 + 1,
        random.next(),
        random.next(),
        random.below(1 << 32),
        random.below(1 << 16),
        random.below(1 << 12),
        random.below(1 << 12),
        random.below(1 << 48),
        kind.is_multiple_of(2),
    )
    .expect("a text takes what is written to it");
    (kind < mix.state).then_some((name, key))
}

/// A call of another service, as often as it is seen.
fn other_call(random: &mut Random) -> (&'static str, &'static str, String) {
    let hex = random.next();
    match random.below(8) {
        0 | 1 => (
            "ec2",
            "DescribeInstances",
            format!("{{\"instancesSet\":{{\"items\":[{{\"instanceId\":\"i-0{hex:016x}\"}}]}},\"filterSet\":{{}}}}"),
        ),
        2 => ("sts", "AssumeRole", format!("{{\"roleArn\":\"arn:aws:iam::111122223333:role/app\",\"roleSessionName\":\"i-0{hex:016x}\"}}")),
        3 => {
            ("s3", "GetBucketAcl", format!("{{\"bucketName\":\"data-lake-{hex:x}\",\"Host\":\"data-lake.s3.amazonaws.com\",\"acl\":\"\"}}"))
        }
        4 => (
            "logs",
            "CreateLogStream",
            format!("{{\"logGroupName\":\"/aws/lambda/fn\",\"logStreamName\":\"2026/11/01/[$LATEST]{hex:032x}\"}}"),
        ),
        5 => ("ssm", "UpdateInstanceInformation", format!("{{\"instanceId\":\"i-0{hex:016x}\",\"agentVersion\":\"3.3.100.0\"}}")),
        6 => ("monitoring", "GetMetricData", "{\"maxResults\":100}".to_owned()),
        _ => ("dynamodb", "DescribeTable", format!("{{\"tableName\":\"table-{:x}\"}}", hex % 64)),
    }
}

/// Numbers that look random and are the same each time: xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }
}
