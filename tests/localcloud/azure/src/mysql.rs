//! Microsoft.DBforMySQL in ARM: flexible servers, and the parameters of the audit log.
//!
//! Must not write an audit record.

use crate::flexible_server::{self, Engine, Parameter, Values};
use crate::request::{Answer, ArmRequest};
use crate::tenant::Tenant;

const ON_OFF: Values = Values::OneOf(&["ON", "OFF"]);

static MYSQL: Engine = Engine {
    namespace: "Microsoft.DBforMySQL",
    domain: "mysql.database.azure.com",
    says_current_value: true,
    parameters: &[
        Parameter { name: "audit_log_enabled", default: "OFF", values: ON_OFF, is_dynamic: true },
        Parameter {
            name: "audit_log_events",
            default: "CONNECTION",
            values: Values::SomeOf(&[
                "ADMIN",
                "CONNECTION",
                "CONNECTION_V2",
                "DCL",
                "DDL",
                "DML",
                "DML_NONSELECT",
                "DML_SELECT",
                "GENERAL",
                "TABLE_ACCESS",
            ]),
            is_dynamic: true,
        },
        Parameter { name: "error_server_log_file", default: "OFF", values: ON_OFF, is_dynamic: true },
        Parameter { name: "require_secure_transport", default: "ON", values: ON_OFF, is_dynamic: true },
        Parameter { name: "slow_query_log", default: "OFF", values: ON_OFF, is_dynamic: true },
    ],
};

/// Answers a request to the provider. `None`: not its path.
pub(crate) fn handle(tenant: &mut Tenant, request: &ArmRequest) -> Option<Answer> {
    flexible_server::answer(tenant, request, &MYSQL)
}
