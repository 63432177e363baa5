//! The first page of help: the verbs in the groups in which people look for them.

/// What `reprieve --help` prints. A test holds its list against the verbs that there are.
pub(super) const OVERVIEW: &str = r"{about}.

{usage-heading} {usage}

LOOK BEFORE YOU DEPLOY (nothing is called or changed)
  explain       what would be decided on an event, and why
  replay        what would have been done by old logs, key by key
  cost          what it costs a month, line by line

APPROVE PLANNED CHANGES
  approve       approves a change on a key or resource, by a seal
  revoke        revokes a change: nothing of it passes any more
  approvals     lists approvals: who, what, when, and whether they hold
  approval-key  prints the public half of the key that seals
  policy        checks and tests policies of your own

SEE WHETHER KEYS ARE WATCHED (all is read, nothing changed)
  coverage      which keys are monitored; for each gap why, and what to do
  monitoring    what the monitoring of an account lacks
  filter        what a metric filter matches, and what it misses

PROVE WHAT HAPPENED
  record        old log files into an archive of evidence
  report        times, failures, approvals, anomalies, keys at risk
  verify        that an archive is as it was sealed; names what is not
  prove         that one record was sealed, without showing the rest

THE COMMAND ITSELF
  completions   for bash, zsh, fish, elvish and PowerShell
  man           the manual page
  help          this page, or that of a command

OPTIONS
{options}

EXIT CODES
  0  done    1  the cloud failed, or did not allow it    2  bad input
  Some commands have more; each tells its own with --help.

EXAMPLES
  reprieve explain tests/fixtures/aws/schedule-key-deletion.json
  reprieve replay logs/ --html quarter.html
  reprieve approve alias/payments --action delete --change CHG-2048 \
      --window '2h from 2026-12-01T22:00+01:00' --dry-run
  reprieve coverage --region eu-central-1
";
