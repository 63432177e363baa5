//! Documentation that is generated from code is what the code says. `UPDATE_DOCS=1` writes it anew.

use reprieve_semantics::repository_path;

const PATH: &str = "shared/docs/configuration.md";

fn generated() -> String {
    format!(
        "# Configuration and metrics\n\n\
         The functions are configured by environment variables, which the stack sets. A wrong value stops a function at start, and every\n\
         wrong variable is named at once. The last column says which functions read a variable. This page is generated from the tables in\n\
         `shared/runtime/src`; `UPDATE_DOCS=1 cargo test -p reprieve-semantics --test documentation` writes it anew.\n\n\
         ## Environment variables\n\n{}\n\
         ## Metrics\n\n\
         Metrics are written to standard output in CloudWatch's Embedded Metric Format, without dimensions.\n\n{}",
        reprieve_runtime::environment::markdown(),
        reprieve_runtime::metrics::markdown()
    )
}

#[test]
fn configuration_and_metrics_are_documented_as_they_are() {
    let path = repository_path(PATH);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, generated()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, generated(), "`{PATH}` is out of date: run this test with UPDATE_DOCS=1");
}
