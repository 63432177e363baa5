//! A quarter of made-up logs, replayed with the shipped command: it must find what is in them, and write a page.

use anyhow::Result;
use reprieve_e2e::history;

#[tokio::test]
async fn a_replay_of_last_quarter_finds_what_happened() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let replayed = history::replay(folder.path()).await?;
    assert_eq!(replayed.problems, Vec::<String>::new());
    Ok(())
}
