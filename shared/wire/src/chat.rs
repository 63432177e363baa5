//! Notices as chat messages: Slack's Block Kit and the Adaptive Card that a Teams workflow takes.
//!
//! *Architecture invariant:* nothing in a notice is ever mark-up. Texts go where a channel parses none; where one parses them
//! anyway, what it would act on is escaped. Commands are shown whole or not at all: half a command is another command.

mod slack;
mod teams;
mod webhooks;

use reprieve_core::Record;
use reprieve_core::notice::{Command, Notice};

pub use slack::slack;
pub use teams::teams;
pub use webhooks::{Webhook, WebhookError, Webhooks};

/// The longest command that is shown, in bytes. An `approve` command is half as long.
const COMMAND_LIMIT_BYTES: usize = 600;

/// How many of each are shown; a notice has fewer.
const COMMANDS_LIMIT: usize = 4;
const FACTS_LIMIT: usize = 20;
const SECTIONS_LIMIT: usize = 4;

/// Returns the commands that can be shown whole and as they are: one line of printable ASCII that ends no code block and fills no
/// template.
fn commands(notice: &Notice) -> impl Iterator<Item = &Command> {
    let is_showable = |command: &&Command| {
        let line = &command.line;
        !line.is_empty()
            && line.len() <= COMMAND_LIMIT_BYTES
            && line.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'`' | b'{'))
    };
    notice.commands.iter().filter(is_showable).take(COMMANDS_LIMIT)
}

/// Returns the line that says where a message comes from and where more is.
fn origin(notice: &Notice, record: &Record) -> String {
    format!("Reprieve, severity {}, mode {}, record {}", notice.severity.caption(), record.mode.as_str(), record.id())
}

/// Returns the text on one line of at most `limit` characters, each written by `write`, which may make several of one.
fn written(text: &str, limit: usize, write: impl Fn(char, &mut String)) -> String {
    const LEFT_OUT: &str = "...";
    let (mut whole, mut whole_len) = (String::new(), 0);
    let mut kept_bytes = 0;
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        let start = whole.len();
        write(c, &mut whole);
        whole_len += whole.get(start..).map_or(0, |piece| piece.chars().count());
        if whole_len + LEFT_OUT.len() <= limit {
            kept_bytes = whole.len();
        }
        if whole_len > limit {
            whole.truncate(kept_bytes);
            return whole + LEFT_OUT;
        }
    }
    whole
}
