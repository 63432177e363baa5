//! Buckets of a local cloud, and `reprieve` with its credentials.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};

use reprieve_localcloud::{LocalCloud, Options};

/// Starts a cloud, which takes seconds: one serves all steps of a test.
pub(crate) async fn cloud() -> LocalCloud {
    LocalCloud::start(Options { region: "eu-central-1".to_owned(), ..Options::default() }).await.unwrap()
}

/// Makes a bucket that holds the files of a folder, under their names below it.
pub(crate) async fn make(cloud: &LocalCloud, name: &str, folder: &Path) {
    let region = variable(cloud, "AWS_REGION");
    let place = format!("<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>");
    put(cloud, name, place.as_bytes());
    assert!(cloud.fill_bucket(name, "", folder).await.unwrap() > 0, "`{}` holds nothing", folder.display());
}

/// Puts a bucket, or an object into one. The local cloud looks at who asks, and not at the signature.
pub(crate) fn put(cloud: &LocalCloud, path: &str, bytes: &[u8]) {
    let host = cloud.endpoint_url().strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
    let scope = format!("{}/20261121/{}/s3/aws4_request", variable(cloud, "AWS_ACCESS_KEY_ID"), variable(cloud, "AWS_REGION"));
    let head = format!(
        "PUT /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0\r\n\r\n",
        bytes.len()
    );
    let mut stream = TcpStream::connect(host).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}: {}", text(&answer));
}

/// Runs `reprieve` in a folder, as somebody of the cloud.
pub(crate) fn reprieve(cloud: &LocalCloud, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprieve"));
    command.envs(cloud.client_environment()).env_remove("CLICOLOR_FORCE").current_dir(folder);
    command.args(arguments).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn variable(cloud: &LocalCloud, wanted: &str) -> String {
    cloud.client_environment().into_iter().find(|(name, _)| *name == wanted).unwrap().1
}
