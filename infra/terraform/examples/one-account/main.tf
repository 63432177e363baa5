# One account: the guard in two Regions, monitoring and drill once, in the home Region of the trail. Begins with observing.

terraform {
  required_version = ">= 1.9.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40.0, < 7.0.0"
    }
  }
}

variable "code_buckets" {
  description = "Existing buckets for the zips, by Region."
  type        = map(string)
  default     = { "eu-central-1" = "example-code-eu-central-1", "us-east-1" = "example-code-us-east-1" }
}

variable "mode" {
  description = "observe, then enforce."
  type        = string
  default     = "observe"
}

provider "aws" {
  region = "eu-central-1"
}

# DisableRegion and other global calls are heard in us-east-1 alone.
provider "aws" {
  alias  = "us_east_1"
  region = "us-east-1"
}

module "home" {
  source = "../.."

  code_bucket           = var.code_buckets["eu-central-1"]
  release_folder        = "${path.module}/../../../../target/package"
  mode                  = var.mode
  monitoring            = true
  evidence              = true
  drill                 = true
  guard_parameters      = { NoticeEmail = "security@example.com" }
  monitoring_parameters = { Subscribers = "email=security@example.com" }
}

module "us_east_1" {
  source    = "../.."
  providers = { aws = aws.us_east_1 }

  code_bucket      = var.code_buckets["us-east-1"]
  release_folder   = "${path.module}/../../../../target/package"
  mode             = var.mode
  guard_parameters = { NoticeEmail = "security@example.com" }
}

output "audit_buckets" {
  description = "Where the records are, by Region."
  value       = { "eu-central-1" = module.home.audit_bucket, "us-east-1" = module.us_east_1.audit_bucket }
}
