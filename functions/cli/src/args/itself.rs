//! The verbs that are about the command itself.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// Writes one page for each verb into this folder, instead of all on one page to standard output
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

pub(super) const COMPLETIONS_HELP: &str = r#"EXAMPLES
  reprieve completions bash > ~/.local/share/bash-completion/completions/reprieve
  reprieve completions zsh > "${fpath[1]}/_reprieve"
  reprieve completions fish > ~/.config/fish/completions/reprieve.fish
"#;

pub(super) const MAN_HELP: &str = r"EXAMPLES
  reprieve man > reprieve.1 && man ./reprieve.1
  reprieve man --dir /usr/local/share/man/man1
";
