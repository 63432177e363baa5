//! What is measured: the function, its floors, and what others deploy.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::authority::Authority;
use crate::event::{ACCOUNT, REGION};
use crate::package;

/// What is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The key serves again, people were told, and so many records were kept.
    Restored {
        /// The records.
        records: usize,
    },
    /// The key has a tag.
    Tagged,
}

/// A function.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// What it is, with versions.
    pub(crate) what: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(String, OsString)>,
    pub(crate) folder: PathBuf,
    pub(crate) expected: Expected,
    pub(crate) zip_bytes: u64,
}

pub(crate) const OURS: &str = "Reprieve";
pub(crate) const FLOOR: &str = "floor";
pub(crate) const RECIPE_FLOOR: &str = "floor of the recipe";
pub(crate) const BOTO3: &str = "boto3";
pub(crate) const NODE: &str = "Node.js";
pub(crate) const CUSTODIAN: &str = "Cloud Custodian";

const HANDLERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/handlers");

/// What runs Python functions in Lambda, and what installs packages: part of no package.
const NOT_PACKAGED: [&str; 12] = [
    "awslambdaric",
    "pip",
    "setuptools",
    "_distutils_hack",
    "pkg_resources",
    "simplejson",
    "snapshot_restore_py",
    "runtime_client",
    "runtime_client.cpython",
    "distutils-precedence.pth",
    "wheel",
    "_yaml",
];

fn topic() -> String {
    format!("arn:aws:sns:{REGION}:{ACCOUNT}:notices")
}

/// Prepares everything that can be had, ours first. What is missing is named.
pub(crate) fn prepare(folder: &Path, authority: &Authority, binaries: &Binaries) -> Vec<Function> {
    let certificate = folder.join("authority.pem");
    std::fs::write(&certificate, &authority.pem).expect("room for a certificate");
    std::fs::write(folder.join("authority.der"), &authority.der).expect("room for a certificate");
    let mut functions = vec![ours(folder, authority, &binaries.guard)];
    functions.extend([FLOOR, RECIPE_FLOOR].map(|name| floor(name, folder, &binaries.floor)));
    for (name, variable, make) in [
        (BOTO3, "REPRIEVE_BENCH_BOTO3", boto3 as fn(&Path, &Path, &Path) -> Function),
        (NODE, "REPRIEVE_BENCH_NODE", node),
        (CUSTODIAN, "REPRIEVE_BENCH_CUSTODIAN", custodian),
    ] {
        match std::env::var_os(variable).map(PathBuf::from) {
            Some(path) => functions.push(make(&path, folder, &certificate)),
            None => println!("{name} is left out: {variable} is not set, as scripts/bench does where it can be had"),
        }
    }
    functions
}

/// What cargo built.
pub(crate) struct Binaries {
    pub(crate) guard: PathBuf,
    pub(crate) floor: PathBuf,
}

fn ours(folder: &Path, authority: &Authority, binary: &Path) -> Function {
    let adopted = folder.join("bootstrap");
    authority.adopt(binary, &adopted);
    let environment = [
        ("REPRIEVE_MODE", "enforce".to_owned()),
        ("REPRIEVE_LEDGER_TABLE", "reprieve-ledger".to_owned()),
        ("REPRIEVE_AUDIT_BUCKET", "reprieve-audit".to_owned()),
        ("REPRIEVE_NOTICE_TOPIC_ARN", topic()),
        ("REPRIEVE_REMEDIATOR_ROLE_ARN", format!("arn:aws:iam::{ACCOUNT}:role/reprieve")),
        // As many as it takes: the others keep no pace at all, and meet the quota of KMS instead.
        ("REPRIEVE_KMS_CALLS_PER_SECOND", "5".to_owned()),
    ];
    Function {
        name: OURS,
        what: "`aws-cancel-key-deletion`, the released binary".to_owned(),
        program: adopted,
        arguments: Vec::new(),
        environment: environment.map(|(name, value)| (name.to_owned(), value.into())).into(),
        folder: folder.to_owned(),
        expected: Expected::Restored { records: 2 },
        zip_bytes: package::zip_bytes(binary, &[]),
    }
}

fn floor(name: &'static str, folder: &Path, binary: &Path) -> Function {
    let is_recipe = name == RECIPE_FLOOR;
    let certificate = folder.join("authority.der").into_os_string();
    Function {
        name,
        what: if is_recipe {
            "Rust without an SDK, the five calls of the recipe one after another"
        } else {
            "Rust without an SDK, the calls of ours, as much at once"
        }
        .to_owned(),
        program: binary.to_owned(),
        arguments: vec![if is_recipe { "recipe" } else { "guard" }.into()],
        environment: vec![("FLOOR_CERTIFICATE".to_owned(), certificate), ("TOPIC_ARN".to_owned(), topic().into())],
        folder: folder.to_owned(),
        expected: Expected::Restored { records: if is_recipe { 0 } else { 2 } },
        zip_bytes: package::zip_bytes(binary, &[]),
    }
}

fn boto3(python: &Path, folder: &Path, certificate: &Path) -> Function {
    let here = folder.join("boto3");
    copy("boto3_handler.py", &here);
    let package = packages_of(python);
    Function {
        name: BOTO3,
        what: format!("the recipe, {}", python_versions(python, &["boto3"])),
        expected: Expected::Restored { records: 0 },
        zip_bytes: package::zip_bytes(&package, &NOT_PACKAGED) + package::zip_bytes(&here, &[]),
        ..python_function(python, here, certificate, "boto3_handler.lambda_handler")
    }
}

fn custodian(python: &Path, folder: &Path, certificate: &Path) -> Function {
    let here = folder.join("custodian");
    copy("custodian_policy.py", &here);
    let policy = json!({
        "execution-options": { "account_id": ACCOUNT, "output_dir": here.join("output") },
        "policies": [{
            "name": "key-deletion-scheduled",
            "resource": "aws.kms-key",
            "mode": {
                "type": "cloudtrail",
                "execution-options": { "output_dir": here.join("output") },
                "events": [{ "source": "kms.amazonaws.com", "event": "ScheduleKeyDeletion", "ids": "requestParameters.keyId" }],
            },
            "filters": [{ "tag:deletion-approved": "absent" }],
            "actions": [{ "type": "tag", "key": "deletion-unapproved", "value": "true" }],
        }],
    });
    std::fs::write(here.join("config.json"), policy.to_string()).expect("room for a policy");
    let package = packages_of(python);
    Function {
        name: CUSTODIAN,
        what: format!("`tag`, since it has no action that cancels, {}", python_versions(python, &["c7n"])),
        expected: Expected::Tagged,
        zip_bytes: package::zip_bytes(&package, &NOT_PACKAGED) + package::zip_bytes(&here, &[]),
        ..python_function(python, here, certificate, "custodian_policy.run")
    }
}

fn python_function(python: &Path, folder: PathBuf, certificate: &Path, handler: &str) -> Function {
    let environment = [
        ("AWS_CA_BUNDLE", certificate.as_os_str().to_owned()),
        ("TOPIC_ARN", topic().into()),
        ("LAMBDA_TASK_ROOT", folder.clone().into_os_string()),
        ("PYTHONPATH", folder.clone().into_os_string()),
    ];
    Function {
        name: "",
        what: String::new(),
        program: python.to_owned(),
        arguments: ["-m", "awslambdaric", handler].map(OsString::from).into(),
        environment: environment.map(|(name, value)| (name.to_owned(), value)).into(),
        folder,
        expected: Expected::Tagged,
        zip_bytes: 0,
    }
}

fn node(bundle: &Path, folder: &Path, certificate: &Path) -> Function {
    let here = folder.join("node");
    copy("node_runtime.cjs", &here);
    let handler = here.join("node_handler.cjs");
    std::fs::copy(bundle, &handler).expect("scripts/bench has bundled the handler");
    let sdk = bundle.parent().map(|folder| folder.join("node_modules/@aws-sdk/client-kms/package.json"));
    let sdk = sdk.and_then(|path| std::fs::read(path).ok()).and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    let sdk = sdk.and_then(|package| package["version"].as_str().map(ToOwned::to_owned)).unwrap_or_default();
    let node = program_of("node");
    Function {
        name: NODE,
        what: format!("the same in JavaScript, bundled by esbuild, Node.js {}, AWS SDK {sdk}", said_by(&node, &["--version"])),
        program: node,
        arguments: ["node_runtime.cjs", "./node_handler.cjs"].map(OsString::from).into(),
        environment: vec![("NODE_EXTRA_CA_CERTS".to_owned(), certificate.as_os_str().to_owned()), ("TOPIC_ARN".to_owned(), topic().into())],
        folder: here,
        expected: Expected::Restored { records: 0 },
        zip_bytes: package::zip_bytes(&handler, &[]),
    }
}

/// Copies a handler into a folder of its own, so that what Python compiles beside it is kept there.
fn copy(handler: &str, folder: &Path) {
    std::fs::create_dir_all(folder).expect("room for a folder");
    std::fs::copy(Path::new(HANDLERS).join(handler), folder.join(handler)).expect("the handlers stand beside this bench");
}

fn packages_of(python: &Path) -> PathBuf {
    said_by(python, &["-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"]).into()
}

fn python_versions(python: &Path, packages: &[&str]) -> String {
    let versions = packages.iter().map(|package| {
        let version = said_by(python, &["-c", &format!("import importlib.metadata; print(importlib.metadata.version('{package}'))")]);
        format!("{package} {version}")
    });
    let versions: Vec<String> = versions.collect();
    format!("{} on {}", versions.join(", "), said_by(python, &["--version"]))
}

/// Finds a program, since functions are started without a `PATH`.
fn program_of(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("`{name}` is not on the PATH"))
}

pub(crate) fn said_by(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
    String::from_utf8_lossy(&output.stdout).trim().trim_start_matches('v').to_owned()
}
