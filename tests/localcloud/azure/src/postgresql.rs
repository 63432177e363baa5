//! Microsoft.DBforPostgreSQL in ARM: flexible servers, and the parameters by which pgaudit is switched on.
//!
//! Must not write an audit record.

use crate::flexible_server::{self, Engine, Parameter, Values};
use crate::request::{Answer, ArmRequest};
use crate::tenant::Tenant;

const ON_OFF: Values = Values::OneOf(&["on", "off"]);

const LIBRARIES: Values =
    Values::SomeOf(&["auto_explain", "azure_storage", "pg_cron", "pg_stat_statements", "pgaudit", "pglogical", "timescaledb", "wal2json"]);

static POSTGRESQL: Engine = Engine {
    namespace: "Microsoft.DBforPostgreSQL",
    domain: "postgres.database.azure.com",
    says_current_value: false,
    parameters: &[
        Parameter {
            name: "azure.extensions",
            default: "",
            values: Values::SomeOf(&["pgaudit", "pg_cron", "pg_stat_statements", "uuid-ossp", "postgis"]),
            is_dynamic: true,
        },
        Parameter { name: "log_checkpoints", default: "on", values: ON_OFF, is_dynamic: true },
        Parameter { name: "log_connections", default: "on", values: ON_OFF, is_dynamic: true },
        Parameter { name: "log_disconnections", default: "off", values: ON_OFF, is_dynamic: true },
        Parameter { name: "logfiles.download_enable", default: "off", values: ON_OFF, is_dynamic: true },
        Parameter { name: "logfiles.retention_days", default: "3", values: Values::Between(1, 7), is_dynamic: true },
        Parameter {
            name: "pgaudit.log",
            default: "none",
            values: Values::SomeOf(&["none", "read", "write", "function", "role", "ddl", "misc", "misc_set", "all"]),
            is_dynamic: true,
        },
        Parameter { name: "pgaudit.log_catalog", default: "on", values: ON_OFF, is_dynamic: true },
        Parameter { name: "pgaudit.log_parameter", default: "off", values: ON_OFF, is_dynamic: true },
        Parameter { name: "require_secure_transport", default: "on", values: ON_OFF, is_dynamic: true },
        Parameter { name: "shared_preload_libraries", default: "pg_cron,pg_stat_statements", values: LIBRARIES, is_dynamic: false },
    ],
};

/// Answers a request to the provider. `None`: not its path.
pub(crate) fn handle(tenant: &mut Tenant, request: &ArmRequest) -> Option<Answer> {
    flexible_server::answer(tenant, request, &POSTGRESQL)
}
