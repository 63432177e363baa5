//! One invocation: one drill. The payload says nothing that matters; the request id is the drill's, so a repeated invocation is the same.

use reprieve_core::EventId;
use reprieve_engine::{AuditSink, Clock, DrillInventory, DrillKey, DrillMeter, DrillWatch, KeyControl, NoticeSink, Rehearsal, Rehearsed};
use reprieve_runtime::Invoked;
use serde_json::{Value, json};

/// What goes wrong with an invocation.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the drill does as a Lambda function.
pub(crate) trait Answer {
    /// Answers one invocation. A drill that missed its deadline is a success of the invocation: people were told.
    ///
    /// # Errors
    /// When the turn cannot be taken, the key could not be given back, or the outcome cannot be written down: Lambda then tries again.
    async fn answer(&self, invocation: &Invoked) -> Result<Value, Failure>;
}

impl<K, D, I, W, A, N, C, M> Answer for Rehearsal<K, D, I, W, A, N, C, M>
where
    K: KeyControl,
    D: DrillKey,
    I: DrillInventory,
    W: DrillWatch,
    A: AuditSink,
    N: NoticeSink,
    C: Clock,
    M: DrillMeter,
{
    async fn answer(&self, invocation: &Invoked) -> Result<Value, Failure> {
        let id = EventId::parse(&format!("drill.{}", invocation.request_id))?;
        match self.rehearse(id.clone(), invocation.stopped_at).await? {
            Rehearsed::Ended { record, report, complaints } => {
                let why = record.decision.as_ref().map(|decision| decision.why().sentence.as_str());
                let passed = report.as_ref().map(reprieve_core::drill::DrillReport::has_passed);
                tracing::info!(drill = %id, key = record.event.target.display_name(), passed, why, status = ?record.status, "drill ended");
                for complaint in complaints {
                    tracing::error!(drill = %id, error = %complaint, "the drill ended, but not all of it could be written down");
                }
                let paths = report.map(|report| report.paths);
                Ok(json!({ "drill": id, "held": passed.is_some(), "passed": passed, "why": why, "status": record.status, "paths": paths }))
            }
            Rehearsed::UnderWay { by } => {
                tracing::warn!(drill = %id, %by, "another drill is under way; this one is not held");
                Ok(json!({ "drill": id, "held": false, "under_way": by }))
            }
            Rehearsed::EndedBefore => {
                tracing::info!(drill = %id, "the drill ended before");
                Ok(json!({ "drill": id, "held": false, "ended_before": true }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use reprieve_test_support::drill::{Answers, DrillWorld, drill_world};
    use reprieve_test_support::event::time;
    use reprieve_test_support::finish;

    use super::*;

    fn invoke(world: &DrillWorld, request_id: &str) -> Result<Value, Failure> {
        let invoked = Invoked { request_id: request_id.to_owned(), stopped_at: time("2026-11-20T10:15:00Z") };
        finish(world.rehearsal.answer(&invoked)).unwrap()
    }

    #[test]
    fn an_invocation_answers_with_what_was_measured() {
        let (world, _) = drill_world().with_key();
        let answer = invoke(&world, "request-1").unwrap();
        assert_eq!((&answer["drill"], &answer["passed"]), (&json!("drill.request-1"), &json!(true)));
        assert_eq!(answer["paths"][4], json!(["alarm", { "verdict": "proven", "ms": 250_000 }]));
    }

    #[test]
    fn a_repeated_invocation_is_the_same_drill() {
        let (world, _) = drill_world().with_key();
        invoke(&world, "request-1").unwrap();
        assert_eq!(invoke(&world, "request-1").unwrap()["ended_before"], json!(true));
        assert_eq!(world.stage.calls().len(), 1);
    }

    #[test]
    fn a_drill_that_missed_is_no_failed_invocation() {
        let (world, _) = drill_world().with_key();
        world.stage.answer(Answers { notice_after: None, ..Answers::default() });
        let answer = invoke(&world, "request-1").unwrap();
        assert_eq!((&answer["held"], &answer["passed"]), (&json!(true), &json!(false)));
    }
}
