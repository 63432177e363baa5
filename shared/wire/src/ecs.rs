//! Audit entries for Elasticsearch, after the Elastic Common Schema.
