//! Log files as clouds, tools and people leave them: each holds its entries, and says what of it is none.
#![expect(clippy::unwrap_used, clippy::string_slice, reason = "a test that cannot be set up must stop")]

use std::fs;
use std::io::{Cursor, Read, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use reprieve_scan::{Counts, Fault, Needles, RECORD_BYTES, Scan, Scanner, Why, each, entries, find};
use reprieve_wire::audit::Parsed;

/// What was seen in a file: the calls of entries, and what is said of what cannot be read.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    calls: Vec<String>,
    not_ours: Vec<String>,
    errors: Vec<String>,
}

fn scan(reader: impl Read) -> (Seen, Scan) {
    let mut seen = Seen::default();
    let scan = entries(reader, |entry| match entry.parsed {
        Ok(Parsed::Entry(entry)) => seen.calls.push(entry.event.name.clone()),
        Ok(Parsed::NotOurs { name, .. }) => seen.not_ours.push(name),
        Err(error) => seen.errors.push(error.to_string()),
    });
    let counts = scan.counts;
    assert_eq!(counts.entries, seen.calls.len() as u64);
    assert_eq!(counts.not_ours, seen.not_ours.len() as u64);
    assert_eq!(counts.unreadable, seen.errors.len() as u64);
    assert!(counts.candidates >= counts.entries + counts.not_ours && counts.records >= counts.candidates, "{counts:?}");
    (seen, scan)
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/audit/files").join(name)).unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A record of CloudTrail, compact.
fn record(ordinal: usize, source: &str, name: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.10","userIdentity":{{"type":"IAMUser","userName":"alice"}},"eventTime":"2026-11-20T09:00:00Z","eventSource":"{source}.amazonaws.com","eventName":"{name}","awsRegion":"eu-central-1","requestParameters":{{"keyId":"1234abcd-12ab-34cd-56ef-1234567890ab"}},"eventID":"id-{ordinal}","eventType":"AwsApiCall","recipientAccountId":"111122223333"}}"#
    )
}

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|ordinal| record(ordinal, "kms", "DisableKey")).collect()
}

/// P108
#[test]
fn the_same_records_are_found_in_every_form() {
    let aws = ["DisableKey", "DeleteSecret", "ScheduleKeyDeletion"];
    for (name, records, calls) in [
        ("cloudtrail-compact.json", 5, &aws[..]),
        ("cloudtrail-pretty.json", 5, &aws),
        ("cloudtrail-reordered.json", 5, &aws),
        ("cloudtrail-lines.jsonl", 5, &aws),
        ("eventbridge-archive.jsonl", 5, &aws),
        ("lookup-events.json", 5, &aws),
        ("azure-PT1H.json", 2, &["KeyDelete", "KeyGet"]),
        ("azure-records.json", 3, &["KeyDelete", "KeyGet", "KeyDelete"]),
        ("google-sink.json", 2, &["DestroyCryptoKeyVersion", "RestoreCryptoKeyVersion"]),
        ("google-list.json", 2, &["DestroyCryptoKeyVersion", "RestoreCryptoKeyVersion"]),
        ("cloudtrail-insight.json", 1, &[]),
    ] {
        let plain = fixture(name);
        let (seen, scan) = self::scan(&plain[..]);
        assert_eq!(
            (&seen.calls[..], &seen.errors[..]),
            (&calls.iter().map(ToString::to_string).collect::<Vec<_>>()[..], &[][..]),
            "{name}"
        );
        assert_eq!((scan.counts.records, scan.fault), (records, None), "{name}");
        let packed = gz(&plain);
        let (of_packed, scan_of_packed) = self::scan(&packed[..]);
        assert_eq!(of_packed, seen, "{name}");
        assert_eq!(scan_of_packed.counts, Counts { bytes_in: packed.len() as u64, ..scan.counts }, "{name}");
        assert_eq!((scan.counts.bytes_in, scan.counts.bytes_inflated), (plain.len() as u64, plain.len() as u64), "{name}");
    }
}

/// P108
#[test]
fn words_inside_of_strings_make_no_entry() {
    let (seen, scan) = scan(&fixture("cloudtrail-compact.json")[..]);
    assert_eq!(seen.not_ours, [] as [&str; 0], "parameters that name another call, in an object and in a text, are not the record's own");
    assert_eq!(scan.counts.candidates, 3, "what does not name a call of ours itself is not parsed");
}

#[test]
fn a_position_leads_to_the_record() {
    let text = fixture("cloudtrail-lines.jsonl");
    let mut positions = Vec::new();
    entries(&text[..], |entry| {
        let offset = usize::try_from(entry.record.offset).unwrap();
        assert_eq!(&text[offset..offset + entry.record.text.len()], entry.record.text);
        positions.push(entry.record.ordinal);
    });
    assert_eq!(positions, [1, 4, 5]);
}

#[test]
fn many_gz_members_are_one_file() {
    let lines = keys(300);
    let packed: Vec<u8> = lines.iter().flat_map(|line| gz(format!("{line}\n").as_bytes())).collect();
    let (seen, scan) = scan(&packed[..]);
    assert_eq!((seen.calls.len(), scan.fault), (300, None));
    let padded = [&packed[..], &[0; 512]].concat();
    assert_eq!(self::scan(&padded[..]).1.fault, None, "zeros fill up the last block");
}

/// Hands over one byte at a time.
struct Drops<'a>(&'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let Some(first) = into.get_mut(..1) else { return Ok(0) };
        self.0.read(first)
    }
}

/// P108
#[test]
fn what_a_file_is_does_not_hang_on_how_many_bytes_come_at_a_time() {
    let records = keys(3).join("\n");
    let member = gz(records.as_bytes());
    let of_tools = [&b"BZh91AY"[..], &[0xff, 0xfe, b'{', 0], &[0x28, 0xb5, 0x2f, 0xfd, 0], b"PK\x03\x04", &[0xfd, b'7', b'z', b'X', b'Z']];
    for file in
        [&member[..], &member.repeat(2), &[&member[..], b"\x1f"].concat(), records.as_bytes(), b"", b"{"].into_iter().chain(of_tools)
    {
        let whole = scan(file);
        let in_drops = scan(Drops(file));
        assert_eq!((in_drops.0, in_drops.1.fault), (whole.0, whole.1.fault), "{file:?}");
    }
}

/// P108
#[test]
fn a_gz_member_may_begin_wherever_the_bytes_that_are_read_at_once_end() {
    let line = format!("{}\n", keys(1).concat());
    // Of what is not packed, the length can be chosen: around where 32 KiB of the file end.
    for end in 32 * 1024 - 4..=32 * 1024 + 1 {
        let stored = |blanks: usize| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
            encoder.write_all(format!("{line}{}", " ".repeat(blanks)).as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        let first = stored(end - stored(0).len());
        assert_eq!(first.len(), end);
        let (seen, scan) = scan(&[first, gz(line.as_bytes())].concat()[..]);
        assert_eq!((seen.calls.len(), scan.fault), (2, None), "a member ends at {end}");
    }
}

/// A file, the entries that are read of it, and why not more.
/// P108.
#[test]
fn a_damaged_file_gives_what_comes_before_and_says_so() {
    let whole = gz(format!("{}\n", keys(2000).join("\n")).as_bytes());
    let half = &whole[..whole.len() / 2];
    let (seen, scan) = self::scan(half);
    assert_eq!(scan.fault, Some(Fault::CutShort));
    assert!((500..2000).contains(&seen.calls.len()), "{}", seen.calls.len());
    assert_eq!(seen.errors.len(), 1, "{:?}", seen.errors);
    assert!(seen.errors[0].contains("ends in the middle of the record"), "{:?}", seen.errors);

    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle..middle + 8].copy_from_slice(&[0xff; 8]);
    let (seen, scan) = self::scan(&flipped[..]);
    assert!(matches!(scan.fault, Some(Fault::Damaged(_) | Fault::CutShort)), "{:?}", scan.fault);
    assert!(seen.calls.len() > 500, "{}", seen.calls.len());

    let trailed = [&whole[..], b"not gz"].concat();
    let (seen, scan) = self::scan(&trailed[..]);
    assert_eq!((seen.calls.len(), scan.fault), (2000, Some(Fault::TrailingBytes)));
}

#[test]
fn what_is_packed_otherwise_is_named_and_not_taken_for_empty() {
    for (bytes, fault) in [
        (&[0x28, 0xb5, 0x2f, 0xfd, 0][..], Fault::Packed("packed with Zstandard")),
        (b"BZh91AY", Fault::Packed("packed with bzip2")),
        (b"PK\x03\x04rest", Fault::Packed("a zip archive")),
        (b"PAR1rest", Fault::Packed("a Parquet table")),
        (b"Obj\x01rest", Fault::Packed("an Avro file")),
        (&[0xff, 0xfe, b'{', 0], Fault::Utf16),
    ] {
        let (_, scan) = self::scan(bytes);
        assert_eq!((scan.fault, scan.counts.records), (Some(fault), 0));
    }
    let (_, scan) = self::scan(&b""[..]);
    assert_eq!(scan, Scan::default(), "an empty file holds nothing, and that is all right");
}

#[test]
fn a_reader_that_fails_is_named() {
    struct Failing(usize);
    impl Read for Failing {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return Err(std::io::Error::other("the disk is gone"));
            }
            self.0 -= 1;
            let line = format!("{}\n", record(self.0, "kms", "EnableKey"));
            into[..line.len()].copy_from_slice(line.as_bytes());
            Ok(line.len())
        }
    }
    let (seen, scan) = self::scan(Failing(3));
    assert_eq!((seen.calls.len(), scan.fault), (3, Some(Fault::Unreadable("the disk is gone".to_owned()))));
}

/// Lines of which one or two are spoiled: what is lost, and what is said.
/// P108.
#[test]
fn a_spoiled_line_costs_nothing_but_itself() {
    let good = keys(1).remove(0);
    let (cut_in_a_string, cut_outside) = (&good[..40], r#"{"eventVersion":"1.10","userIdentity":{"type":"IAMUser""#);
    let extra = format!("{good}}}");
    let no_json = good.replace("\"eventID\":", "\"eventID\" ");
    for (spoiled, unreadable, words) in [
        (cut_in_a_string, 1, "breaks off at the end of its line"),
        (cut_outside, 1, "breaks off at the end of its line"),
        (&no_json, 1, "is not JSON"),
        (&extra, 1, "stands between records"),
        ("garbage", 1, "stands between records"),
        ("17", 1, "stands between records"),
        ("\"an open text", 1, "stands between records"),
        ("", 0, ""),
    ] {
        let extra_entry = usize::from(spoiled == extra);
        let text = format!("{good}\n{spoiled}\n{good}\n{good}\n");
        let (seen, _) = self::scan(text.as_bytes());
        assert_eq!((seen.calls.len(), seen.errors.len()), (3 + extra_entry, unreadable), "{spoiled}: {seen:?}");
        assert!(seen.errors.iter().all(|error| error.contains(words)), "{spoiled}: {seen:?}");
    }
}

#[test]
fn a_record_that_swallows_the_lines_after_it_gives_them_back() {
    let lines = keys(3);
    // Its last bracket is missing, and its line ends as a list would.
    let open = r#"{"eventVersion":"1.10","eventSource":"kms.amazonaws.com","resources":["#;
    let text = format!("{open}\n{}\n", lines.join("\n"));
    let (seen, _) = scan(text.as_bytes());
    assert_eq!((seen.calls.len(), seen.errors.len()), (3, 1), "{seen:?}");
}

#[test]
fn a_spoiled_record_of_a_list_costs_nothing_but_itself() {
    let records = keys(6);
    let quote_lost = records[2].replacen("\"alice\"", "\"alice", 1);
    let text = format!("{{\"Records\":[{},{},{quote_lost},{},{},{}]}}\n", records[0], records[1], records[3], records[4], records[5]);
    let twice = format!("{text}{text}");
    let (seen, _) = scan(twice.as_bytes());
    assert_eq!((seen.calls.len(), seen.errors.len()), (10, 2), "{seen:?}");
}

#[test]
fn a_list_that_breaks_off_does_not_take_the_next_document_with_it() {
    let records = keys(4);
    let whole = format!("{{\"Records\":[{}]}}", records.join(","));
    for cut in [30, 100, 500, whole.len() - 4] {
        let text = format!("{}\n{whole}\n{whole}", &whole[..cut]);
        let (seen, _) = scan(text.as_bytes());
        let before = whole[..cut].matches("\"111122223333\"}").count();
        assert_eq!(seen.calls.len(), 8 + before, "cut at {cut}: {seen:?}");
    }
}

#[test]
fn documents_follow_one_another_as_they_like() {
    let records = keys(3);
    let list = format!("[{}]", records.join(" , "));
    let container = format!("{{\"Records\": [{}], \"more\": {{\"Records\": 1}}}}", records.join(","));
    for text in [
        format!("{list}{container}{}", records[0]),
        format!("{container}\n\n{list}\r\n{},{}", records[0], records[1]),
        format!("\u{feff}[[{}],[{}]]", records.join(","), records[0]),
        format!("[{container},{container}]"),
        format!("\u{1e}{}\n\u{1e}{}\n", records[0], records[1]),
    ] {
        let (seen, scan) = self::scan(text.as_bytes());
        assert_eq!(seen.calls.len(), text.matches("eventName").count(), "{text}: {seen:?}");
        assert_eq!((seen.errors.len(), scan.counts.records), (0, seen.calls.len() as u64), "{text}: {seen:?}");
    }
}

#[test]
fn a_record_that_is_too_large_is_an_error_and_no_more() {
    let good = keys(1).remove(0);
    let large = good.replace("alice", &"a".repeat(RECORD_BYTES + 200_000));
    let allowed = good.replace("alice", &"a".repeat(RECORD_BYTES - 10_000));
    for (text, calls) in
        [(format!("{good}\n{large}\n{good}\n"), 2), (format!("{{\"Records\":[{good},{large},{good},{allowed}]}}"), 3), (large.clone(), 0)]
    {
        let (seen, scan) = self::scan(Cursor::new(text.as_bytes()));
        assert_eq!((seen.calls.len(), seen.errors.len()), (calls, 1), "{:?}", seen.errors);
        assert!(seen.errors[0].contains("larger than 1024 KiB"), "{:?}", seen.errors);
        assert_eq!(scan.counts.records, calls as u64 + 1);
    }
}

#[test]
fn time_is_linear_in_what_is_spoiled() {
    let spoiled = "{\"a\":\n,\n{\"b\":[\n{\"c\":\"".repeat(400_000);
    let started = std::time::Instant::now();
    let (_, scan) = scan(spoiled.as_bytes());
    assert_eq!(scan.counts.bytes_inflated, spoiled.len() as u64);
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

#[test]
fn who_needs_few_calls_parses_few() {
    let records = [record(1, "kms", "Decrypt"), record(2, "kms", "DisableKey"), record(3, "sts", "DisableKey")];
    let scanner = Scanner::new(Needles::new(&["\"kms.amazonaws.com"]).only(|_, name, _| name == b"DisableKey"));
    let mut calls = Vec::new();
    let scan = scanner.scan(format!("{{\"Records\":[{}]}}", records.join(",")).as_bytes(), |entry| {
        if let Ok(Parsed::Entry(entry)) = entry.parsed {
            calls.push(entry.event.name.clone());
        }
    });
    assert_eq!((calls, scan.counts.candidates, scan.counts.records), (vec!["DisableKey".to_owned()], 1, 3));
    let every = Scanner::new(Needles::new(&[]));
    assert_eq!(every.scan(records.join("\n").as_bytes(), |_| {}).counts.candidates, 3);
}

#[test]
fn a_folder_gives_its_logs_in_order_and_says_what_it_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    };
    let digest = "AWSLogs/1/CloudTrail-Digest/1_CloudTrail-Digest_eu-central-1_trail_20261120T090000Z.json.gz";
    let insight = "AWSLogs/1/CloudTrail-Insight/1_CloudTrail-Insight_eu-central-1_20261120T0900Z_x.json.gz";
    for name in ["b.json", "a/z.LOG", "a/y.json.gz", digest, insight, "notes.txt", ".hidden.json"] {
        put(name);
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("b.json", folder.path().join("c.json")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(".", folder.path().join("loop")).unwrap();
    let found = find(folder.path()).unwrap();
    let names: Vec<&str> = found.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["a/y.json.gz", "a/z.LOG", "b.json"]);
    let left_out: Vec<(&str, Why)> = found.left_out.iter().map(|left| (left.name.as_str(), left.why.clone())).collect();
    let expected = [
        (".hidden.json", Why::Name),
        (digest, Why::Digest),
        (insight, Why::Insight),
        ("c.json", Why::Link),
        ("loop", Why::Link),
        ("notes.txt", Why::Name),
    ];
    assert_eq!(left_out, expected);
    let one = find(&folder.path().join("notes.txt")).unwrap();
    assert_eq!(one.files[0].name, "notes.txt", "a file that is given itself is a log");
    assert!(find(&folder.path().join("nowhere")).is_err());
}

#[test]
fn threads_change_nothing_but_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = (0..9)
        .map(|count| {
            let path = folder.path().join(format!("{count}.json.gz"));
            fs::write(&path, gz(keys(count).join("\n").as_bytes())).unwrap();
            path
        })
        .collect();
    let work = |path: &PathBuf| entries(fs::File::open(path).unwrap(), |_| {}).counts.entries;
    let alone = each(&files, 1, work);
    assert_eq!(alone, (0..9).collect::<Vec<u64>>());
    assert_eq!(each(&files, 4, work), alone);
    assert!(each(&[] as &[PathBuf], 4, work).is_empty());
}
