//! The Azure guard as a custom handler of Azure Functions: one route for each function, over one guard.
//!
//! The host's protocol is kept to the letter: `GET /` tells that the handler is up, `POST /FUNCTION` is an invocation, and its answer is
//! always a JSON object, since the host waits for ever for one that is not. A status other than 200 says that something must be
//! delivered again; the host then delivers all of it again, and what was answered before is found as it must be.
//! Source: <https://learn.microsoft.com/azure/azure-functions/functions-custom-handlers>.

mod answer;
mod app;
mod keep;
mod record;

pub use app::{App, BODY_LIMIT_BYTES, Guard, router};
pub use keep::{Keeper, Seals};
pub use record::{Evidence, RECORDING_TAKES};
