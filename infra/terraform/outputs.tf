output "audit_bucket" {
  description = "Audit records under Object Lock. It stays when everything else is destroyed."
  value       = local.guard["AuditBucketName"]
}

output "ledger_table" {
  description = "Ledger: inventory, approvals, open cases. It stays when everything else is destroyed."
  value       = local.guard["LedgerTableName"]
}

output "notice_topic_arn" {
  description = "Notices and alarms."
  value       = local.guard["NoticeTopicArn"]
}

output "remediator_role_arn" {
  description = "Role of the guard's functions; key policies that leave IAM out must name it."
  value       = local.guard["RemediatorRoleArn"]
}

output "code_keys" {
  description = "Object keys of the zips, each with its SHA-256."
  value       = { for stage, object in aws_s3_object.zip : stage => object.key }
}

output "outputs" {
  description = "All outputs of the stacks, by stage."
  value = {
    guard      = local.guard
    monitoring = one(aws_cloudformation_stack.monitoring[*].outputs)
    evidence   = one(aws_cloudformation_stack.evidence[*].outputs)
    drill      = one(aws_cloudformation_stack.drill[*].outputs)
  }
}
