variable "code_bucket" {
  description = "Existing bucket in this Region for the release zips."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.code_bucket))
    error_message = "code_bucket is not the name of a bucket."
  }
}

variable "release_folder" {
  description = "Folder with the zips of `scripts/package`, or of a release."
  type        = string
  default     = "target/package"
}

variable "architecture" {
  description = "Processor that the zips were built for: arm64 or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "name" {
  description = "Name of the guard's stack; the others are NAME-monitoring, NAME-evidence, NAME-drill. `scripts/scp --stack` takes the same."
  type        = string
  default     = "reprieve"

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,23}$", var.name))
    error_message = "name must begin with a letter, and hold at most 24 letters, digits and hyphens."
  }
}

variable "mode" {
  description = "observe decides and records only; enforce gives keys back. Begin with observe, and look at `scripts/deploy aws report` after a week or two."
  type        = string
  default     = "observe"

  validation {
    condition     = contains(["observe", "enforce"], var.mode)
    error_message = "mode must be observe or enforce."
  }
}

variable "stage_modes" {
  description = "Modes of the monitoring and the drill, where they differ from `mode`: {monitoring = \"observe\"}."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for stage, mode in var.stage_modes : contains(["monitoring", "drill"], stage) && contains(["observe", "enforce"], mode)])
    error_message = "stage_modes takes monitoring and drill, each observe or enforce."
  }
}

variable "monitoring" {
  description = "Deploys the monitoring: once in an account, in the home Region of its trail."
  type        = bool
  default     = false
}

variable "evidence" {
  description = "Deploys the evidence: where the bucket of a trail is. Its parameter TrailBucket is the bucket that the monitoring made, unless it is given."
  type        = bool
  default     = false
}

variable "drill" {
  description = "Deploys the drill: where guard and monitoring are."
  type        = bool
  default     = false

  validation {
    condition     = !var.drill || var.monitoring
    error_message = "The drill watches the alarm that the monitoring provisions: set monitoring as well."
  }
}

variable "guard_parameters" {
  description = "Parameters of infra/aws/guard.yaml: {NoticeEmail = \"you@example.com\"}. Unknown ones are refused by CloudFormation."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.guard_parameters), ["CodeBucket", "CodeKey", "Architecture", "Mode"])) == 0
    error_message = "CodeBucket, CodeKey, Architecture and Mode follow from other variables."
  }
}

variable "monitoring_parameters" {
  description = "Parameters of infra/aws/monitoring.yaml: {Subscribers = \"email=you@example.com\"}."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.monitoring_parameters), ["CodeBucket", "CodeKey", "Architecture", "Mode", "AuditBucket", "NoticeTopicArn", "QueueArn"])) == 0
    error_message = "What follows from other variables, or from the guard's outputs, is not to be set."
  }
}

variable "evidence_parameters" {
  description = "Parameters of infra/aws/evidence.yaml: {TrailBucket = \"my-trail\"}."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.evidence_parameters), ["CodeBucket", "CodeKey", "Architecture", "AuditBucket", "NoticeTopicArn"])) == 0
    error_message = "What follows from other variables, or from the guard's outputs, is not to be set."
  }
}

variable "drill_parameters" {
  description = "Parameters of infra/aws/drill.yaml: {GuardDeadlineSeconds = \"60\"}."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.drill_parameters), ["CodeBucket", "CodeKey", "Architecture", "Mode", "AuditBucket", "LedgerTable", "NoticeTopicArn"])) == 0
    error_message = "What follows from other variables, or from the guard's outputs, is not to be set."
  }
}

variable "tags" {
  description = "Tags of the stacks and what they hold."
  type        = map(string)
  default     = {}
}
