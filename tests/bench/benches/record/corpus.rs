//! Log files as CloudTrail delivers them, made up: compact containers, gz, a few principals that come again and again, some records about
//! keys, and some that only speak of them. The same size gives the same files.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Records of one file.
const RECORDS: usize = 10_000;
/// Of 1,000 records so many change the state of a key; so many use one; so many speak of one in a text or an object.
const STATE: u64 = 2;
const USE: u64 = 20;
const DECOYS: u64 = 3;

/// What a corpus holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Truth {
    pub(crate) records: u64,
    /// Records that change the state of a key.
    pub(crate) state: u64,
    pub(crate) bytes: u64,
}

/// Writes files until they hold so many megabytes, inflated.
pub(crate) fn write(folder: &Path, megabytes: u64) -> Truth {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut truth = Truth::default();
    let mut file = 0;
    while truth.bytes < megabytes * 1_000_000 {
        let (region, day) = (["eu-central-1", "us-east-1"][file % 2], 1 + file / 288 % 28);
        let mut text = String::from("{\"Records\":[");
        for ordinal in 0..RECORDS {
            if ordinal > 0 {
                text.push(',');
            }
            truth.state += u64::from(add_record(&mut text, &mut random, region, day, file % 288, ordinal));
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
    truth
}

/// Adds a record; says whether it changes the state of a key.
fn add_record(text: &mut String, random: &mut Random, region: &str, day: usize, slot: usize, ordinal: usize) -> bool {
    let kind = random.below(1_000);
    let key = format!("arn:aws:kms:{region}:111122223333:key/{:08x}-12ab-34cd-56ef-1234567890ab", random.below(150));
    let (source, name, request) = if kind < STATE {
        let name = ["ScheduleKeyDeletion", "DisableKey", "CancelKeyDeletion", "EnableKey"][random.below(4) as usize];
        ("kms", name, format!("{{\"keyId\":\"{key}\"}}"))
    } else if kind < STATE + USE {
        let name = ["Decrypt", "GenerateDataKey"][random.below(2) as usize];
        ("kms", name, format!("{{\"encryptionContext\":{{\"aws:s3:arn\":\"arn:aws:s3:::data/{:x}\"}},\"keyId\":\"{key}\"}}", random.next()))
    } else if kind < STATE + USE + DECOYS {
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
    kind < STATE
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
