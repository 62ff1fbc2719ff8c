//! Commands in a container: what `image/agent` does in a virtual machine, from outside.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::cgroup::Cgroup;
use crate::agent::Output;
use crate::deadline::SOON;
use crate::process::{Ended, command, start};

/// Where requests and answers are in the machine: files, so that a process that is left behind keeps nobody waiting.
const BOX: &str = "run/genbackup-vmtests";
/// How much longer than a command's own deadline the machine may take to report its end.
const GRACE: Duration = SOON;

/// Goes into a machine by its first process, $2, from a separate group below the machine's, $1. The remaining
/// arguments run there.
const ENTER: &str = r#"
mkdir -p "$1" && echo 0 >"$1/cgroup.procs"
exec nsenter --target "$2" --mount --uts --ipc --net --pid --cgroup -- \
    /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    bash -c "$3" "$4" "$5"
"#;

/// Runs the request $0 for at most $1 seconds.
const RUN: &str = r#"
cd /root
status=0
timeout --kill-after=2 "$1" bash -o errexit -o nounset -o pipefail "$0.command" \
    <"$0.input" >"$0.output" 2>"$0.errors" &
wait "$!" || status=$?
case $status in
    # What ignored the first signal must not live on: `timeout` only looks after the command itself.
    124 | 137) kill -KILL -- "-$!" 2>/dev/null ;;
esac
exit "$status"
"#;

/// Runs a command in the machine whose first process is `leader`.
pub(super) fn run(
    cgroup: &Cgroup,
    leader: u32,
    token: u64,
    text: &str,
    input: &[u8],
    limit: Duration,
) -> anyhow::Result<Output> {
    let started = Instant::now();
    let directory = PathBuf::from(format!("/proc/{leader}/root/{BOX}"));
    fs::create_dir_all(&directory).context("it has no /run yet")?;
    let request = Request { directory, token };
    fs::write(request.file("command"), text)?;
    fs::write(request.file("input"), input)?;
    let mut enter = command("bash");
    enter
        .args(["-c", ENTER, "enter"])
        .arg(group_of(cgroup, leader)?.join("genbackup-vmtests"))
        .arg(leader.to_string())
        .args([RUN, &format!("/{BOX}/{token}"), &limit.as_secs_f64().to_string()]);
    let mut process = Ended(start(&mut enter)?);
    let status = process.wait_within(limit + GRACE)?;
    let status = status.with_context(|| format!("no answer after {} s", (limit + GRACE).as_secs()))?;
    let read = |kind: &str| fs::read(request.file(kind)).context("it has lost its power");
    let output = Output {
        status: status.code().context("it has lost its power")?,
        stdout: read("output")?,
        stderr: read("errors")?,
    };
    if [124, 137].contains(&output.status) && started.elapsed() >= limit {
        bail!(
            "it was not done after {} s and has been ended\n{}",
            limit.as_secs(),
            output.error_text()
        );
    }
    Ok(output)
}

/// The files of one command; gone with the value. What a process that was left behind has open stays open.
struct Request {
    directory: PathBuf,
    token: u64,
}

impl Request {
    fn file(&self, kind: &str) -> PathBuf {
        self.directory.join(format!("{}.{kind}", self.token))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        for kind in ["command", "input", "output", "errors"] {
            // A machine without power has none of them any more.
            drop(fs::remove_file(self.file(kind)));
        }
    }
}

/// The uppermost group that the machine sees: its first process is in `init.scope` below it.
fn group_of(cgroup: &Cgroup, leader: u32) -> anyhow::Result<PathBuf> {
    let text = fs::read_to_string(format!("/proc/{leader}/cgroup")).context("it has lost its power")?;
    let path = text
        .lines()
        .find_map(|line| line.strip_prefix("0::"))
        .unwrap_or_default();
    let machine = cgroup
        .path()
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let parts: Vec<&str> = path.trim_end_matches("/init.scope").split('/').collect();
    let below = parts
        .iter()
        .rposition(|part| *part == machine)
        .context("it has another cgroup")?;
    let inner = parts.get(below + 1..).unwrap_or_default();
    Ok(cgroup.path().join(inner.join("/")))
}
