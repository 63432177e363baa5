# Reprieve on AWS for those who live in Terraform: a thin module over the templates of infra/aws and the zips of `scripts/package`, so that there
# is one truth of what a role may do. One account and Region; another Region is another module block with another provider.
#
# It must not repeat a resource of the templates, nor let an update replace what holds evidence.

locals {
  templates = "${path.module}/../aws"

  functions = {
    guard      = "aws-cancel-key-deletion"
    monitoring = "aws-provision-monitoring"
    evidence   = "aws-record-key-events"
    drill      = "aws-rehearse-incident"
  }
  stages = toset(concat(["guard"], var.monitoring ? ["monitoring"] : [], var.evidence ? ["evidence"] : [], var.drill ? ["drill"] : []))
  zips   = { for stage in local.stages : stage => "${var.release_folder}/${local.functions[stage]}-${var.architecture}.zip" }

  # Named after its content, as `scripts/deploy` names it: CloudFormation updates a function only where the key changes.
  code = {
    for stage in local.stages : stage => {
      CodeBucket   = var.code_bucket
      CodeKey      = aws_s3_object.zip[stage].key
      Architecture = var.architecture
    }
  }
  guard = aws_cloudformation_stack.guard.outputs

  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]

  # An update that would replace or remove these is refused by CloudFormation. Deleting the stack keeps them by their DeletionPolicy.
  holds_evidence = {
    guard      = ["LedgerTable", "AuditBucket", "AuditBucketPolicy"]
    monitoring = ["TrailBucket", "TrailBucketPolicy"]
    evidence   = ["SealKey"]
  }
  stack_policies = {
    for stage, resources in local.holds_evidence : stage => jsonencode({
      Statement = [
        { Effect = "Allow", Action = "Update:*", Principal = "*", Resource = "*" },
        { Effect = "Deny", Action = ["Update:Replace", "Update:Delete"], Principal = "*", Resource = [for name in resources : "LogicalResourceId/${name}"] },
      ]
    })
  }
}

resource "aws_s3_object" "zip" {
  for_each = local.stages

  bucket      = var.code_bucket
  key         = "reprieve/${local.functions[each.key]}-${var.architecture}-${filesha256(local.zips[each.key])}.zip"
  source      = local.zips[each.key]
  source_hash = filesha256(local.zips[each.key])

  lifecycle {
    # The functions that stand need the old one until the stack is updated, and a rollback after that.
    create_before_destroy = true
  }
}

resource "aws_cloudformation_stack" "guard" {
  name          = var.name
  template_body = file("${local.templates}/guard.yaml")
  parameters    = merge(var.guard_parameters, local.code["guard"], { Mode = var.mode })
  capabilities  = local.capabilities
  policy_body   = local.stack_policies["guard"]
  tags          = var.tags
}

resource "aws_cloudformation_stack" "monitoring" {
  count = var.monitoring ? 1 : 0

  name          = "${var.name}-monitoring"
  template_body = file("${local.templates}/monitoring.yaml")
  capabilities  = local.capabilities
  policy_body   = local.stack_policies["monitoring"]
  tags          = var.tags

  parameters = merge(var.monitoring_parameters, local.code["monitoring"], {
    Mode                    = lookup(var.stage_modes, "monitoring", var.mode)
    AuditBucket             = local.guard["AuditBucketName"]
    AuditRetentionDays      = local.guard["AuditRetentionDays"]
    NoticeTopicArn          = local.guard["NoticeTopicArn"]
    QueueArn                = local.guard["QueueArn"]
    DeadLetterQueueArn      = local.guard["DeadLetterQueueArn"]
    MetricsNamespace        = local.guard["MetricsNamespace"]
    KeyApiCallRuleName      = local.guard["KeyApiCallRuleName"]
    KeyServiceEventRuleName = local.guard["KeyServiceEventRuleName"]
    KeyNativeEventRuleName  = local.guard["KeyNativeEventRuleName"]
    RegionOptOutRuleName    = local.guard["RegionOptOutRuleName"]
    EventFunctionName       = local.guard["EventFunctionName"]
    SweepFunctionName       = local.guard["SweepFunctionName"]
  })
}

resource "aws_cloudformation_stack" "evidence" {
  count = var.evidence ? 1 : 0

  name          = "${var.name}-evidence"
  template_body = file("${local.templates}/evidence.yaml")
  capabilities  = local.capabilities
  policy_body   = local.stack_policies["evidence"]
  tags          = var.tags

  parameters = merge(
    { for bucket in aws_cloudformation_stack.monitoring[*].outputs : "TrailBucket" => bucket["TrailBucketName"] if can(bucket["TrailBucketName"]) },
    var.evidence_parameters,
    local.code["evidence"],
    {
      AuditBucket        = local.guard["AuditBucketName"]
      AuditRetentionDays = local.guard["AuditRetentionDays"]
      NoticeTopicArn     = local.guard["NoticeTopicArn"]
      MetricsNamespace   = local.guard["MetricsNamespace"]
    },
  )

  lifecycle {
    precondition {
      condition     = var.monitoring || contains(keys(var.evidence_parameters), "TrailBucket")
      error_message = "Without the monitoring, evidence_parameters has to name a TrailBucket."
    }
  }
}

resource "aws_cloudformation_stack" "drill" {
  count = var.drill ? 1 : 0

  name          = "${var.name}-drill"
  template_body = file("${local.templates}/drill.yaml")
  capabilities  = local.capabilities
  tags          = var.tags

  parameters = merge(var.drill_parameters, local.code["drill"], {
    Mode               = lookup(var.stage_modes, "drill", var.mode)
    AuditBucket        = local.guard["AuditBucketName"]
    AuditRetentionDays = local.guard["AuditRetentionDays"]
    LedgerTable        = local.guard["LedgerTableName"]
    NoticeTopicArn     = local.guard["NoticeTopicArn"]
    MetricsNamespace   = local.guard["MetricsNamespace"]
  })

  # It must not rehearse before there is an alarm to go off.
  depends_on = [aws_cloudformation_stack.monitoring]
}
