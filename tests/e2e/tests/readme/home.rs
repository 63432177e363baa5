//! A checkout as a reader has it after the demo has run: scripts, templates, fixtures, programs, a quarter of logs; and stand-ins for
//! what would compile for minutes or reach a cloud. All that a command writes stays within.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use reprieve_e2e::by_hand::Handout;
use reprieve_e2e::history;
use reprieve_e2e::stage::{Stage, package};
use reprieve_localcloud::VENV_VARIABLE;

/// Stands in for `cargo` and `rustc`.
const CARGO: &str = include_str!("cargo");
/// Stands in for `aws`.
const AWS: &str = include_str!("aws");

/// Returns the folder of this checkout.
pub(crate) fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The reader's folder; it goes with the test.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    programs: PathBuf,
}

impl Home {
    /// Makes the folder. `name` tells it from those of the other tests.
    pub(crate) fn make(name: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix(&format!("reprieve-readme-{name}-")).tempdir()?;
        let programs = package::find_command()?.parent().context("a program without a folder")?.to_owned();
        let home = Self { folder, programs };
        let (path, checkout) = (home.path(), checkout().canonicalize()?);
        for room in ["shared", "tests"] {
            symlink(checkout.join(room), path.join(room))?;
        }
        // Scripts look for what they work on beside themselves.
        for room in ["scripts", "infra"] {
            copied(&checkout.join(room), &path.join(room))?;
        }
        for function in std::fs::read_dir(checkout.join("functions"))? {
            let function = function?;
            let manifest = Path::new("functions").join(function.file_name()).join("Cargo.toml");
            if checkout.join(&manifest).is_file() {
                std::fs::create_dir_all(path.join("functions").join(function.file_name()))?;
                std::fs::copy(checkout.join(&manifest), path.join(&manifest))?;
            }
        }
        std::fs::create_dir(path.join("target"))?;
        symlink(&home.programs, path.join("target/debug"))?;
        history::write(&path.join("target/history/logs"))?;
        home.stand_ins()?;
        Ok(home)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts the stand-ins where they are found first, and what `scripts/package` would install where it looks for it.
    fn stand_ins(&self) -> Result<()> {
        let bin = self.path().join("bin");
        for (name, text) in [("cargo", CARGO), ("rustc", CARGO), ("aws", AWS)] {
            program(&bin.join(name), text)?;
        }
        // A `python3` that only finds the right one would find the real `aws` beside it, too.
        let found = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().context("there is no `python3`")?;
        let python = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        ensure!(Path::new(&python).is_file(), "`python3` does not say where it is: `{python}`");
        program(&bin.join("python3"), &format!("#!/bin/sh\nexec '{python}' \"$@\"\n"))?;
        for triple in ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"] {
            std::fs::create_dir_all(self.path().join("sysroot/lib/rustlib").join(triple).join("lib"))?;
        }
        let venv = self.path().join(".cache/reprieve/package-venv");
        program(&venv.join("bin/cargo-lambda"), "#!/bin/sh\nexit 1\n")?;
        std::fs::write(venv.join("pins"), format!("{}\n", self.pins_of_the_build()?))?;
        Ok(())
    }

    /// Returns the versions that `scripts/package` builds with.
    fn pins_of_the_build(&self) -> Result<String> {
        let script = std::fs::read_to_string(self.path().join("scripts/package"))?;
        let line = script.lines().find_map(|line| line.trim().strip_prefix("pins=(")?.split_once(')'));
        let pins = line.map(|(pins, _)| pins.to_owned()).filter(|pins| pins.starts_with("cargo-lambda=="));
        pins.context("scripts/package does not begin with `pins=(cargo-lambda==...)` any more")
    }

    /// Writes what people need to act on a stage.
    pub(crate) async fn hand_out(&self, stage: &Stage) -> Result<()> {
        Handout::write(stage, &self.path().join("target/demo"), &self.programs).await?;
        Ok(())
    }

    /// Returns a shell in the folder, of somebody who never used a cloud.
    pub(crate) fn shell(&self) -> Result<Command> {
        let mut shell = Command::new("bash");
        let path = std::env::var("PATH").unwrap_or_default();
        // The programs are on the path already, so that a section can be run without the one before it.
        let path = format!("{}:{}:{path}", self.path().join("bin").display(), self.programs.display());
        shell.current_dir(self.path()).env_clear().env("PATH", path).env("HOME", self.path()).env("LANG", "C.UTF-8");
        if let Some(venv) = std::env::var_os(VENV_VARIABLE) {
            shell.env(VENV_VARIABLE, venv);
        }
        shell.env("README_CYCLONEDX", self.pin_of_bills()?);
        Ok(shell)
    }

    fn pin_of_bills(&self) -> Result<String> {
        let script = std::fs::read_to_string(self.path().join("scripts/package"))?;
        let line = script.lines().find(|line| line.contains("pin=") && !line.contains("pins="));
        let pin = line.and_then(|line| line.split_once("pin=")).map(|(_, pin)| pin.trim().to_owned());
        pin.context("scripts/package has no `pin=` of cargo-cyclonedx")
    }

    /// Fails where nothing was planned, or a plan was carried out.
    pub(crate) fn planned_and_changed_nothing(&self) -> Result<()> {
        let calls = std::fs::read_to_string(self.path().join("calls.log")).context("no stand-in was called")?;
        ensure!(calls.contains("aws cloudformation create-change-set"), "nothing was planned:\n{calls}");
        for change in ["execute-change-set", "create-stack ", "update-stack", "put-", "lambda invoke"] {
            let carried_out: Vec<&str> = calls.lines().filter(|call| call.starts_with("aws ") && call.contains(change)).collect();
            ensure!(carried_out.is_empty(), "a plan changes something: {carried_out:#?}");
        }
        Ok(())
    }
}

/// Copies a folder of small files.
fn copied(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copied(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target).with_context(|| format!("`{}` cannot be copied", entry.path().display()))?;
        }
    }
    Ok(())
}

fn program(path: &Path, text: &str) -> Result<()> {
    std::fs::create_dir_all(path.parent().context("a program without a folder")?)?;
    std::fs::write(path, text)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}
