//! The long help of `reprieve filter`.

pub(super) const TEST_HELP: &str = r#"WHAT IS SAID
  For each event whether the pattern matches, and below it the pattern as a
  tree: each comparison, whether it holds, and the value that the event has
  there. Case counts; a property that is absent meets neither `=` nor `!=`; an
  array or object is never compared.

  The language is that of CloudWatch Logs for JSON log events, and for terms
  (`ERROR -WARN`), which search the text of the record. Patterns for
  space-delimited log events are refused.

EXIT CODES
  0  at least one event matches
  2  the pattern or the events cannot be used
  3  no event matches

EXAMPLES
  reprieve filter test '{ $.eventName = DisableKey }' --event event.json
  reprieve filter test '{ $.errorCode = "AccessDenied*" }' --event records.jsonl --json
  aws cloudtrail lookup-events --output json |
      reprieve filter test '{ $.eventName = %Key% }' --event -
"#;

pub(super) const AUDIT_HELP: &str = r#"WHAT IS TRIED
  Every event that makes a key unusable (DisableKey, ScheduleKeyDeletion,
  PutKeyPolicy, ...) or blinds the monitoring (StopLogging, DeleteMetricFilter,
  Unsubscribe, ...): succeeded and refused, called by root, an IAM user, an
  assumed role, a user of Identity Center and a service. The filter catches an
  event if it matches all of these. Harmless events are tried, too, and records
  of other accounts.

  The text of the pattern is never compared with another: a filter is what it
  matches.

OUTPUT WITH --json
  {"catches": {"DisableKey": true, ...}, "misses": [{"event", "why"}], "also_catches": [...],
   "other_accounts": true, "why": "..."}
    catches         one entry for each event
    misses          what is not caught, and why
    also_catches    harmless events that the filter fires on
    other_accounts  whether what it catches it also catches in an organisation's
                    other accounts
    why             the whole in a sentence or two

  The account of the events is --account. A filter that names an account catches
  nothing elsewhere: give the account that the trail is in.

EXIT CODES
  0  the filter catches DisableKey and ScheduleKeyDeletion
  2  the pattern cannot be used
  3  it misses one of the two, or both

EXAMPLES
  reprieve filter audit '{ ($.eventSource = kms.amazonaws.com) && ($.eventName = DisableKey) }'
  reprieve filter audit "$PATTERN" --account 444455556666 --json | jq -r '.misses[].event'
"#;
