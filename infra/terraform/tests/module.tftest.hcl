# What the module asks AWS for, with a provider that answers by itself: no account, no credentials.

mock_provider "aws" {
  override_resource {
    target = aws_cloudformation_stack.guard
    values = {
      outputs = {
        AuditBucketName         = "audit"
        AuditRetentionDays      = "365"
        LedgerTableName         = "ledger"
        NoticeTopicArn          = "arn:aws:sns:eu-central-1:111122223333:notices"
        QueueArn                = "arn:aws:sqs:eu-central-1:111122223333:queue"
        DeadLetterQueueArn      = "arn:aws:sqs:eu-central-1:111122223333:dead"
        MetricsNamespace        = "Reprieve"
        KeyApiCallRuleName      = "calls"
        KeyServiceEventRuleName = "services"
        KeyNativeEventRuleName  = "native"
        RegionOptOutRuleName    = "regions"
        EventFunctionName       = "events"
        SweepFunctionName       = "sweep"
        RemediatorRoleArn       = "arn:aws:iam::111122223333:role/remediator"
      }
    }
  }
  override_resource {
    target = aws_cloudformation_stack.monitoring
    values = { outputs = { TrailBucketName = "trail" } }
  }
}

variables {
  code_bucket    = "code"
  release_folder = "tests/release"
}

run "a_first_deployment_observes" {
  assert {
    condition     = aws_cloudformation_stack.guard.parameters["Mode"] == "observe"
    error_message = "the default mode is ${aws_cloudformation_stack.guard.parameters["Mode"]}"
  }
  assert {
    condition     = length(aws_cloudformation_stack.monitoring) + length(aws_cloudformation_stack.evidence) + length(aws_cloudformation_stack.drill) == 0
    error_message = "more than the guard is deployed"
  }
}

run "a_zip_is_named_after_its_content" {
  assert {
    condition     = aws_cloudformation_stack.guard.parameters["CodeKey"] == "reprieve/aws-cancel-key-deletion-arm64-${filesha256("tests/release/aws-cancel-key-deletion-arm64.zip")}.zip"
    error_message = "the key is ${aws_cloudformation_stack.guard.parameters["CodeKey"]}"
  }
}

run "one_flag_enforces_everywhere" {
  variables {
    mode       = "enforce"
    monitoring = true
    drill      = true
  }
  assert {
    condition = alltrue([
      for stack in [aws_cloudformation_stack.guard, aws_cloudformation_stack.monitoring[0], aws_cloudformation_stack.drill[0]] : stack.parameters["Mode"] == "enforce"
    ])
    error_message = "a stack does not enforce"
  }
}

run "one_stage_may_still_observe" {
  variables {
    mode        = "enforce"
    monitoring  = true
    stage_modes = { monitoring = "observe" }
  }
  assert {
    condition     = aws_cloudformation_stack.monitoring[0].parameters["Mode"] == "observe" && aws_cloudformation_stack.guard.parameters["Mode"] == "enforce"
    error_message = "the modes are not those that were asked for"
  }
}

run "the_guards_outputs_reach_the_others" {
  variables {
    monitoring = true
    evidence   = true
    drill      = true
  }
  assert {
    condition     = aws_cloudformation_stack.monitoring[0].parameters["QueueArn"] == "arn:aws:sqs:eu-central-1:111122223333:queue"
    error_message = "the monitoring does not get the guard's queue"
  }
  assert {
    condition     = aws_cloudformation_stack.drill[0].parameters["LedgerTable"] == "ledger"
    error_message = "the drill does not get the ledger"
  }
  assert {
    condition     = aws_cloudformation_stack.evidence[0].parameters["TrailBucket"] == "trail"
    error_message = "the evidence does not get the monitoring's bucket"
  }
}

run "a_bucket_of_yours_counts_before_the_monitorings" {
  variables {
    monitoring          = true
    evidence            = true
    evidence_parameters = { TrailBucket = "mine" }
  }
  assert {
    condition     = aws_cloudformation_stack.evidence[0].parameters["TrailBucket"] == "mine"
    error_message = "the bucket that was named is not used"
  }
}

run "no_update_replaces_the_evidence" {
  assert {
    condition = toset(jsondecode(aws_cloudformation_stack.guard.policy_body).Statement[1].Resource) == toset([
      "LogicalResourceId/LedgerTable", "LogicalResourceId/AuditBucket", "LogicalResourceId/AuditBucketPolicy",
    ]) && jsondecode(aws_cloudformation_stack.guard.policy_body).Statement[1].Effect == "Deny"
    error_message = "the stack's policy does not protect the evidence"
  }
}

run "a_mode_that_does_not_exist_is_refused" {
  command = plan
  variables {
    mode = "enforced"
  }
  expect_failures = [var.mode]
}

run "a_drill_without_monitoring_is_refused" {
  command = plan
  variables {
    drill = true
  }
  expect_failures = [var.drill]
}

run "what_follows_from_other_variables_is_not_set_by_hand" {
  command = plan
  variables {
    guard_parameters = { Mode = "enforce" }
  }
  expect_failures = [var.guard_parameters]
}

run "evidence_without_a_bucket_is_refused" {
  command = plan
  variables {
    evidence = true
  }
  expect_failures = [aws_cloudformation_stack.evidence]
}
