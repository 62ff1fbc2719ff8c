//! The hook that saves a `SQLite` database.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::block;
use crate::command::{Outcome, run};

/// The user of the application and the hook.
const USER: u32 = 65_534;
const DATABASE: &str = "/var/lib/vaultwarden";
const DUMPS: &str = "/var/backups/vaultwarden";

/// The directories of the application and of its dumps; both belong to its user.
struct Application {
    directory: TempDir,
}

impl Application {
    fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755))?;
        for name in ["database", "dumps"] {
            fs::create_dir(directory.path().join(name))?;
            chown(directory.path().join(name), Some(USER), Some(USER))?;
        }
        let application = Self { directory };
        application.sqlite("pragma journal_mode=wal; create table t (a); insert into t values (1);")?;
        Ok(application)
    }

    fn database(&self) -> String {
        self.directory
            .path()
            .join("database/db.sqlite3")
            .display()
            .to_string()
    }

    fn command(program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command
            .arg(format!("--reuid={USER}"))
            .arg(format!("--regid={USER}"))
            .args(["--clear-groups", program]);
        command
    }

    fn sqlite(&self, words: &str) -> Result<String> {
        let done = run(Self::command("sqlite3").arg(self.database()).arg(words))?;
        ensure!(done.status.success(), "{}", done.stderr);
        Ok(done.stdout)
    }

    /// Runs the hook of the chapter.
    fn dump(&self) -> Result<Outcome> {
        let hook: toml::Table = toml::from_str(&block("hooks.md", "[hosts.ziz.before.vaultwarden]")?)?;
        let hook = &hook["hosts"]["ziz"]["before"]["vaultwarden"];
        let writes: Vec<_> = hook["writes"].as_array().into_iter().flatten().collect();
        ensure!(writes.len() == 2 && writes.iter().any(|path| path.as_str() == Some(DATABASE)));
        let words = hook["command"].as_array().context("a command is a list")?;
        let words = words.iter().filter_map(toml::Value::as_str);
        let place = |name: &str| self.directory.path().join(name).display().to_string();
        let moved = words.map(|word| {
            word.replace(DATABASE, &place("database"))
                .replace(DUMPS, &place("dumps"))
        });
        let words: Vec<String> = moved.collect();
        let (program, arguments) = words.split_first().context("a command has a program")?;
        run(Self::command(program).args(arguments))
    }

    fn rows_of_the_dump(&self) -> Result<String> {
        let dump = self.directory.path().join("dumps/db.sqlite3");
        let done = run(Command::new("sqlite3").arg(dump).arg("select count(*) from t"))?;
        ensure!(done.status.success(), "{}", done.stderr);
        Ok(done.stdout.trim().to_owned())
    }
}

fn wait_for(file: &Path) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(20);
    while !file.exists() {
        ensure!(Instant::now() < end, "no {} in time", file.display());
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[test]
fn a_stopped_application_s_database_is_dumped() -> Result<()> {
    let application = Application::new()?;
    assert!(!Path::new(&format!("{}-wal", application.database())).exists());
    let dumped = application.dump()?;
    assert!(dumped.status.success(), "{}", dumped.stderr);
    assert_eq!(application.rows_of_the_dump()?, "1");
    Ok(())
}

#[test]
fn a_running_application_s_database_is_dumped_whole() -> Result<()> {
    let application = Application::new()?;
    let mut running = Application::command("sqlite3")
        .arg(application.database())
        .stdin(Stdio::piped())
        .spawn()?;
    let mut words = running.stdin.take().context("it has a standard input")?;
    let done = application.directory.path().join("dumps/done");
    writeln!(
        words,
        "pragma wal_autocheckpoint=0;\ninsert into t values (2);\n.system touch {}",
        done.display()
    )?;
    words.flush()?;
    wait_for(&done)?;
    let dumped = application.dump()?;
    drop(words);
    running.wait()?;
    assert!(dumped.status.success(), "{}", dumped.stderr);
    assert_eq!(application.rows_of_the_dump()?, "2");
    Ok(())
}

/// What `writes` without the database's directory comes to.
#[test]
fn a_stopped_application_s_database_that_cannot_be_written_is_an_error() -> Result<()> {
    let application = Application::new()?;
    chown(application.directory.path().join("database"), Some(0), Some(0))?;
    let dumped = application.dump()?;
    assert!(!dumped.status.success());
    assert!(dumped.stderr.contains("readonly database"), "{}", dumped.stderr);
    Ok(())
}
