//! Runs a local cloud by itself and prints how to talk to it; ends with its standard input.
//!
//! `cargo run -p reprieve-localcloud --example serve [port] [--iam]`

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to whoever runs it")]

use std::io::Read;

use reprieve_localcloud::{LocalCloud, LocalCloudError, Options};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), LocalCloudError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let cloud = LocalCloud::start(Options {
        port: arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or_default(),
        enforce_iam: arguments.iter().any(|argument| argument == "--iam"),
        on_progress: Box::new(|progress| eprintln!("[{}/{}] {}", progress.done, progress.of, progress.message)),
        ..Options::default()
    })
    .await?;
    for (name, value) in cloud.client_environment() {
        println!("export {name}={value}");
    }
    println!("# what happened: curl {}/_localcloud/calls", cloud.endpoint_url());
    println!("# the emulator's log: {}", cloud.emulator_log().display());
    // Reading fails only when there is no standard input, which ends the cloud as well.
    std::io::stdin().read_to_end(&mut Vec::new()).ok();
    cloud.stop();
    Ok(())
}
