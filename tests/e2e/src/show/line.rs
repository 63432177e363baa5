//! The live timeline: entries of the local cloud, as they happen, as lines.

use owo_colors::OwoColorize as _;
use reprieve_core::monitoring::event::calls;
use reprieve_localcloud::{Activity, CallEntry, EventEntry, Fate};

use crate::stage::people::ATTACKER;

/// How the sessions of the function that keeps the monitoring, and of the drill's, are told.
const KEEPER: &str = "-ProvisionFunction-";
const DRILL: &str = "-RehearseFunction-";

/// How many of the keeper's changes are shown; a bare account takes dozens.
const CHANGES_SHOWN: u32 = 6;

/// Turns entries into lines, with times counted from the first act of the scenario.
#[derive(Debug)]
pub struct Narrator {
    guard: String,
    account: String,
    width: usize,
    is_crowded: bool,
    began_at_ms: Option<u64>,
    acts: u32,
    throttled_acts: u32,
    calls: u32,
    throttled_calls: u32,
    changes: u32,
}

impl Narrator {
    /// Makes a narrator for one scenario. `guard` is how the guard's session begins, `width` what fits into a line.
    #[must_use]
    pub fn new(guard: &str, account: &str, width: usize, is_crowded: bool) -> Self {
        Self {
            guard: guard.to_owned(),
            account: account.to_owned(),
            width,
            is_crowded,
            began_at_ms: None,
            acts: 0,
            throttled_acts: 0,
            calls: 0,
            throttled_calls: 0,
            changes: 0,
        }
    }

    /// Returns the line for an entry; none where it is preparation, a look or a proof.
    pub fn line(&mut self, activity: &Activity) -> Option<String> {
        match activity {
            Activity::Call(call) if call.caller.contains(&self.guard) => self.guard_line(call),
            Activity::Call(call) if call.caller.contains(KEEPER) => self.keeper_line(call),
            Activity::Call(call) => self.act_line(call),
            Activity::Event(event) => self.event_line(event),
        }
    }

    /// Returns the line that sums a crowded scenario up.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        self.is_crowded.then(|| {
            let Self { acts, throttled_acts, calls, throttled_calls, .. } = self;
            format!(
                "{acts} deletions scheduled ({throttled_acts} tries throttled); the guard made {calls} calls ({throttled_calls} throttled)"
            )
        })
    }

    fn act_line(&mut self, call: &CallEntry) -> Option<String> {
        let is_act = match call.service.as_str() {
            "kms" => matches!(call.operation.as_str(), "ScheduleKeyDeletion" | "DisableKey" | "TagResource" | "Sign"),
            "dynamodb" => call.operation == "PutItem",
            _ => is_about_monitoring(call),
        };
        if !is_act || !call.caller.contains(":assumed-role/") {
            return None;
        }
        self.began_at_ms.get_or_insert(call.at_ms);
        self.changes = 0;
        if self.is_crowded {
            self.acts += u32::from(call.status == 200);
            self.throttled_acts += u32::from(call.status != 200);
            return None;
        }
        let session = call.caller.rsplit('/').next().unwrap_or(&call.caller);
        let who = if session.contains(DRILL) { "drill" } else { session };
        let verdict = call.error_code.as_deref().map(|code| format!("  {}", code.yellow())).unwrap_or_default();
        let hostile = call.caller.ends_with(&format!("/{ATTACKER}"));
        let (mark, who) = if hostile {
            ("●".red().to_string(), who.bold().red().to_string())
        } else {
            ("●".cyan().to_string(), who.bold().cyan().to_string())
        };
        // People write to one table alone.
        let on = if call.service == "dynamodb" { "ledger".to_owned() } else { key_of(call.key.as_deref()) };
        let on = if on.is_empty() { on } else { format!(" {}", on.dimmed()) };
        let what = format!("{who} {}{on}{verdict}", call.operation.bold());
        Some(self.at(call.at_ms, &mark, &what))
    }

    fn event_line(&self, event: &EventEntry) -> Option<String> {
        // What the guard caused is announced as well; that would be an echo here.
        let name = event.event_name.as_deref().filter(|name| matches!(*name, "ScheduleKeyDeletion" | "DisableKey"))?;
        if self.is_crowded || self.began_at_ms.is_none() {
            return None;
        }
        let fate = match event.fate {
            Fate::Delivered => return Some(self.at(event.at_ms, &"│".dimmed().to_string(), &format!("event {name}").dimmed().to_string())),
            Fate::Duplicated => "delivered more than once",
            Fate::Lost => "lost",
            Fate::Delayed => "delayed",
            Fate::Held => "held back",
            Fate::Failed => "not taken by the bus",
        };
        Some(self.at(event.at_ms, &"│".dimmed().to_string(), &format!("{} {}", format!("event {name}").dimmed(), fate.yellow())))
    }

    fn guard_line(&mut self, call: &CallEntry) -> Option<String> {
        self.began_at_ms?;
        let acts = matches!(call.operation.as_str(), "CancelKeyDeletion" | "EnableKey" | "EnableKeyRotation");
        if self.is_crowded {
            self.calls += u32::from(acts && call.status == 200);
            self.throttled_calls += u32::from(acts && call.status != 200);
            return None;
        }
        let what = match (call.service.as_str(), call.operation.as_str()) {
            ("kms", _) if acts => {
                let verdict = call.error_code.as_deref().map(|code| format!("  {}", code.yellow())).unwrap_or_default();
                format!("{} {} {}{verdict}", "guard".bold().green(), call.operation.bold(), key_of(call.key.as_deref()).dimmed())
            }
            ("sns", "Publish") => format!("{} {}", "guard".bold().green(), "tells people".dimmed()),
            _ => return None,
        };
        Some(self.at(call.at_ms, &"●".green().to_string(), &what))
    }

    /// What is changed, without a target: the calls of these services name none here.
    fn keeper_line(&mut self, call: &CallEntry) -> Option<String> {
        let is_change = is_about_monitoring(call)
            || matches!(
                call.operation.as_str(),
                "CreateTrail" | "CreateLogGroup" | "StartLogging" | "CreateTopic" | "Subscribe" | "EnableRule"
            );
        if !is_change || call.status != 200 {
            return None;
        }
        self.began_at_ms.get_or_insert(call.at_ms);
        self.changes += 1;
        let what = match self.changes {
            count if count <= CHANGES_SHOWN => format!("{} {}", "monitoring".bold().green(), call.operation.bold()),
            count if count == CHANGES_SHOWN + 1 => format!("{} {}", "monitoring".bold().green(), "and more".dimmed()),
            _ => return None,
        };
        Some(self.at(call.at_ms, &"●".green().to_string(), &what))
    }

    fn at(&self, at_ms: u64, mark: &str, what: &str) -> String {
        let since = at_ms.saturating_sub(self.began_at_ms.unwrap_or(at_ms));
        let time = format!("{since:>6} ms");
        let line = format!("  {} {mark} {what}", time.dimmed());
        cut(&line.replace(&format!(":{}:", self.account), "::"), self.width)
    }
}

/// Says whether a call is one that can change the monitoring.
fn is_about_monitoring(call: &CallEntry) -> bool {
    calls().any(|(source, name)| name == call.operation && source.strip_suffix(".amazonaws.com") == Some(&call.service))
}

fn key_of(key: Option<&str>) -> String {
    let id = key.and_then(|key| key.rsplit('/').next()).unwrap_or_default();
    if id.chars().count() > 20 { id.chars().take(12).chain(['…']).collect() } else { id.to_owned() }
}

/// Shortens the key ARNs in a sentence to what the timeline calls those keys.
#[must_use]
pub fn shortened(sentence: &str) -> String {
    let words = sentence.split(' ').map(|word| {
        let bare = word.trim_matches('`');
        if bare.starts_with("arn:") && bare.contains(":key/") { format!("key {}", key_of(Some(bare))) } else { word.to_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Cuts a line to what fits; ANSI codes take no room.
pub(crate) fn cut(line: &str, width: usize) -> String {
    let (mut cut, mut room, mut in_code) = (String::with_capacity(line.len()), width, false);
    for character in line.chars() {
        if character == '\u{1b}' {
            in_code = true;
        }
        if in_code {
            cut.push(character);
            in_code = character != 'm';
        } else if room > 0 {
            room -= 1;
            cut.push(character);
        }
    }
    cut
}

/// Breaks a text into lines that fit, each indented by so many spaces. A word that is longer than a line is broken.
#[must_use]
pub fn wrapped(text: &str, indent: usize, width: usize) -> Vec<String> {
    let room = width.saturating_sub(indent).max(20);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let mut word = word.to_owned();
        while word.chars().count() > room {
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            let rest: String = word.chars().skip(room).collect();
            lines.push(word.chars().take(room).collect());
            word = rest;
        }
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    lines.extend((!line.is_empty()).then_some(line));
    lines.into_iter().map(|line| format!("{}{line}", " ".repeat(indent))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_take_no_room() {
        let line = format!("{} {}", "mallory".red(), "schedules");
        let seen = cut(&line, 9);
        assert!(seen.contains("mallory") && seen.contains(" s") && !seen.contains("sc"), "{seen:?}");
    }

    #[test]
    fn keys_are_called_as_in_the_timeline() {
        let sentence = "`arn:aws:kms:us-east-1:111122223333:key/7013e762-6f5d-4958-a35a-3ec78e91e6f4` was disabled by mallory";
        assert_eq!(shortened(sentence), "key 7013e762-6f5… was disabled by mallory");
    }

    #[test]
    fn long_words_are_broken_and_short_ones_kept_together() {
        let text = "the key arn:aws:kms:us-east-1:111122223333:key/1234 was scheduled";
        let lines = wrapped(text, 2, 28);
        assert!(lines.iter().all(|line| line.chars().count() <= 28 && line.starts_with("  ")), "{lines:#?}");
        assert_eq!(lines.iter().map(|line| line.trim()).collect::<String>().replace(' ', ""), text.replace(' ', ""));
    }
}
