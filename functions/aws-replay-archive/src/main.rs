//! The Lambda function that replays an archive: reads its share of the log files, or merges what others read.
fn main() {}
