//! The rooms, and the one-way rule: which crate may know which. Functions know the runtime and the adapters of their own cloud; those know
//! wire and engine; those know the core; the core knows nobody. Read from `cargo metadata`, so that it is enforced and not trusted.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use reprieve_semantics::repository_path;

fn metadata() -> Metadata {
    // Without what dependencies depend on: a machine that only built for itself has not downloaded what other platforms need.
    MetadataCommand::new().manifest_path(repository_path("Cargo.toml")).no_deps().other_options(["--offline".to_owned()]).exec().unwrap()
}

/// Returns the names of the crates that a crate is built from, itself left out; tests may know more.
fn direct(package: &Package) -> BTreeSet<String> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development)
        .map(|dependency| dependency.name.clone())
        .collect()
}

fn ours(package: &Package) -> BTreeSet<String> {
    direct(package).into_iter().filter(|name| name.starts_with("reprieve-")).collect()
}

/// Returns every crate in the normal dependency tree of a package, with the features of that package alone.
fn tree(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--package", package])
        .current_dir(repository_path("."))
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(ToOwned::to_owned).collect()
}

/// Returns what lies at the top of the repository: what git keeps, or whatever is there where it was unpacked without git.
fn top() -> BTreeSet<String> {
    let root = repository_path(".");
    let kept = Command::new("git").arg("ls-files").current_dir(&root).output().ok().filter(|output| output.status.success());
    match kept {
        Some(output) => {
            let text = String::from_utf8(output.stdout).unwrap();
            text.lines().filter_map(|path| path.split('/').next()).map(ToOwned::to_owned).collect()
        }
        None => root.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect(),
    }
}

#[test]
fn the_top_holds_the_rooms_and_what_they_share_and_nothing_else() {
    let rooms = ["Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "functions", "infra", "scripts", "shared", "tests"];
    let top: BTreeSet<String> = top().into_iter().filter(|name| !name.starts_with('.') && name != "target").collect();
    assert_eq!(top.iter().map(String::as_str).collect::<Vec<_>>(), rooms);
}

#[test]
fn rooms_know_each_other_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("reprieve-core", &[] as &[&str]),
        ("reprieve-evidence", &["reprieve-core"]),
        ("reprieve-wire", &["reprieve-core"]),
        ("reprieve-engine", &["reprieve-core", "reprieve-evidence"]),
        ("reprieve-scan", &["reprieve-core", "reprieve-wire"]),
        ("reprieve-archive", &["reprieve-core", "reprieve-engine", "reprieve-evidence", "reprieve-wire"]),
        ("reprieve-replay", &["reprieve-core", "reprieve-evidence", "reprieve-scan", "reprieve-wire"]),
        ("reprieve-runtime", &["reprieve-core", "reprieve-engine"]),
        ("reprieve-aws", &["reprieve-core", "reprieve-engine", "reprieve-evidence", "reprieve-wire"]),
        ("reprieve-aws-desk", &["reprieve-aws", "reprieve-core", "reprieve-engine"]),
        ("reprieve-aws-drill", &["reprieve-aws", "reprieve-core", "reprieve-engine"]),
        ("reprieve-aws-monitoring", &["reprieve-aws", "reprieve-core", "reprieve-engine"]),
        ("reprieve-aws-evidence", &["reprieve-aws", "reprieve-core", "reprieve-engine", "reprieve-evidence"]),
        ("reprieve-gcp", &["reprieve-core", "reprieve-engine", "reprieve-evidence", "reprieve-wire"]),
        ("reprieve-google-sandbox", &[]),
        ("reprieve-azure", &["reprieve-core", "reprieve-engine", "reprieve-evidence", "reprieve-wire"]),
        ("reprieve-azure-desk", &["reprieve-azure", "reprieve-core", "reprieve-engine"]),
        ("reprieve-azure-sandbox", &[]),
    ]);
    let metadata = metadata();
    for (name, may_know) in &allowed {
        let package = metadata.workspace_packages().into_iter().find(|package| package.name.as_str() == *name).unwrap();
        let unexpected: Vec<String> = ours(package).into_iter().filter(|known| !may_know.contains(&known.as_str())).collect();
        assert!(unexpected.is_empty(), "`{name}` must not know {unexpected:?}");
    }
}

#[test]
fn functions_know_rooms_and_never_tests() {
    let rooms = [
        "reprieve-archive",
        "reprieve-aws",
        "reprieve-aws-desk",
        "reprieve-aws-drill",
        "reprieve-aws-evidence",
        "reprieve-aws-monitoring",
        "reprieve-azure",
        "reprieve-azure-desk",
        "reprieve-core",
        "reprieve-engine",
        "reprieve-evidence",
        "reprieve-gcp",
        "reprieve-replay",
        "reprieve-runtime",
        "reprieve-scan",
        "reprieve-wire",
    ];
    for package in metadata().workspace_packages() {
        if package.manifest_path.as_str().contains("/functions/") {
            let unexpected: Vec<String> = ours(package).into_iter().filter(|known| !rooms.contains(&known.as_str())).collect();
            assert!(unexpected.is_empty(), "`{}` must not know {unexpected:?}", package.name);
        }
    }
}

#[test]
fn only_the_aws_adapters_know_the_sdk() {
    let may_know =
        ["reprieve-aws", "reprieve-aws-desk", "reprieve-aws-drill", "reprieve-aws-evidence", "reprieve-aws-monitoring", "reprieve-e2e"];
    for package in metadata().workspace_packages() {
        let all = package.dependencies.iter().map(|dependency| dependency.name.as_str());
        let sdks: Vec<&str> = all.filter(|name| name.starts_with("aws-sdk-") || *name == "aws-config").collect();
        assert!(sdks.is_empty() || may_know.contains(&package.name.as_str()), "`{}` must not know {sdks:?}", package.name);
    }
}

#[test]
fn only_the_azure_adapters_know_the_azure_sdk() {
    let may_know = ["reprieve-azure", "reprieve-azure-desk"];
    for package in metadata().workspace_packages() {
        let all = package.dependencies.iter().map(|dependency| dependency.name.as_str());
        let sdks: Vec<&str> = all.filter(|name| name.starts_with("azure_")).collect();
        assert!(sdks.is_empty() || may_know.contains(&package.name.as_str()), "`{}` must not know {sdks:?}", package.name);
    }
}

#[test]
fn the_core_knows_no_runtime_and_no_cloud() {
    let metadata = metadata();
    let core = metadata.workspace_packages().into_iter().find(|package| package.name.as_str() == "reprieve-core").unwrap();
    let barred: Vec<String> = direct(core)
        .into_iter()
        .filter(|name| ["futures-util", "tracing"].contains(&name.as_str()) || name.starts_with("tokio") || name.starts_with("aws-"))
        .collect();
    assert!(barred.is_empty(), "reprieve-core must not know {barred:?}");
    let known = tree("reprieve-core");
    assert!(
        !known.iter().any(|name| name.starts_with("tokio") || name.starts_with("aws-") || name == "reqwest" || name == "hyper"),
        "{known:?}"
    );
}

/// The functions of Lambda, each by its crate.
const FUNCTIONS: [&str; 5] =
    ["aws-cancel-key-deletion", "aws-provision-monitoring", "aws-record-key-events", "aws-rehearse-incident", "aws-replay-archive"];

/// The function of Azure, by its crate.
const AZURE_GUARD: &str = "azure-guard";

/// The service of Google Cloud, by its crate.
const GOOGLE_GUARD: &str = "gcp-guard";

/// Signing and tagging are for people: a function that cannot seal cannot be made to.
#[test]
fn no_function_is_built_with_a_desk() {
    for function in FUNCTIONS {
        assert!(!tree(function).contains("reprieve-aws-desk"), "{function}");
    }
    let guard = tree(AZURE_GUARD);
    assert!(!guard.contains("reprieve-azure-desk") && !guard.contains("reprieve-aws-desk"), "{guard:?}");
    assert!(tree("reprieve-cli").contains("reprieve-aws-desk"), "the tree is that of the command");
}

/// P58. What schedules a deletion is in the drill's function and nowhere else.
#[test]
fn only_the_drill_is_built_with_what_schedules_a_deletion() {
    assert!(tree("aws-rehearse-incident").contains("reprieve-aws-drill"), "the tree is that of the drill");
    for other in ["aws-cancel-key-deletion", "aws-provision-monitoring", "aws-record-key-events", "aws-replay-archive", "reprieve-cli"] {
        assert!(!tree(other).contains("reprieve-aws-drill"), "{other}");
    }
}

/// What a cold start of the guard need not carry.
#[test]
fn the_guard_is_built_with_neither_the_monitoring_nor_the_recorder() {
    let known = tree("aws-cancel-key-deletion");
    for other in ["reprieve-aws-monitoring", "reprieve-aws-evidence", "reprieve-archive", "reprieve-scan", "parquet"] {
        assert!(!known.contains(other), "{other}");
    }
}

/// One TLS provider, no seeding of aws-lc at start, no native roots: what a cold start costs.
#[test]
fn the_functions_have_one_tls_provider_and_no_native_roots() {
    let trees: Vec<_> = FUNCTIONS.into_iter().chain([AZURE_GUARD, GOOGLE_GUARD]).map(|function| (function, tree(function))).collect();
    assert!(trees.iter().all(|(_, known)| known.contains("reprieve-engine")), "the trees are those of the functions");
    for barred in [
        "aws-lc-rs",
        "aws-lc-sys",
        "openssl",
        "openssl-sys",
        "native-tls",
        "rustls-native-certs",
        "reprieve-test-support",
        "reprieve-localcloud",
        "reprieve-azure-sandbox",
        "reprieve-google-sandbox",
        "reqwest",
    ] {
        for (function, known) in &trees {
            assert!(!known.contains(barred), "`{barred}` is in the function: see `cargo tree -p {function} -e normal -i {barred}`");
        }
    }
}

#[test]
fn no_aws_function_compiles_azure_code() {
    for function in FUNCTIONS {
        let known = tree(function);
        assert!(!known.iter().any(|name| name.starts_with("azure") || name.starts_with("reprieve-azure")), "{function}: {known:?}");
    }
}

#[test]
fn the_azure_function_compiles_no_aws_code() {
    let known = tree(AZURE_GUARD);
    assert!(known.contains("reprieve-azure"), "the tree is that of the guard");
    assert!(!known.iter().any(|name| name.starts_with("aws-") || name.starts_with("reprieve-aws")), "{known:?}");
    assert!(!known.contains("lambda_runtime"), "{known:?}");
}

#[test]
fn googles_service_compiles_no_code_of_another_cloud_and_nobody_else_compiles_its() {
    let known = tree(GOOGLE_GUARD);
    assert!(known.contains("reprieve-gcp"), "the tree is that of the service");
    let foreign = ["aws-", "reprieve-aws", "azure", "reprieve-azure", "lambda_runtime"];
    assert!(!known.iter().any(|name| foreign.iter().any(|prefix| name.starts_with(prefix))), "{known:?}");
    for other in FUNCTIONS.into_iter().chain([AZURE_GUARD]) {
        assert!(!tree(other).contains("reprieve-gcp"), "{other}");
    }
}
