//! Faults at the place of a copy, and what is reported of them.

use std::fs::{self, FileTimes, OpenOptions};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::site::Site;
use crate::command::run;

/// From the start of a server to its first answer.
const READY_WITHIN: Duration = Duration::from_secs(30);
const TABLE: &str = "kind = \"sync\"\nremote = \"dav:restic\"\nconfig-file = \"/etc/rclone.conf\"\n\
                     delete = \"at-once\"\nmax-loss = \"100%\"\n";

/// A server of rclone, of `WebDAV` by default, which has its files in a directory. It ends with this value.
pub(super) struct Server {
    process: Child,
    pub(super) port: u16,
}

impl Server {
    fn start(directory: &Path, port: u16, more: &[&str]) -> Result<Self> {
        let words = ["serve", "webdav", "--user", "backup", "--pass", "right"];
        let words = [&words, more].concat();
        Self::start_on(Path::new("rclone"), port, &words, directory)
    }

    /// A server of another kind, by this rclone.
    pub(super) fn start_program(program: &Path, words: &[&str], directory: &Path) -> Result<Self> {
        Self::start_on(program, free_port()?, words, directory)
    }

    fn start_on(program: &Path, port: u16, words: &[&str], directory: &Path) -> Result<Self> {
        let process = Command::new(program)
            .args(words)
            .args(["--addr", &format!("127.0.0.1:{port}")])
            .arg(directory)
            .env_remove("AWS_CA_BUNDLE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start rclone")?;
        let mut server = Self { process, port };
        let deadline = Instant::now() + READY_WITHIN;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = server.process.try_wait()?;
            ensure!(ended.is_none() && Instant::now() < deadline, "rclone: {ended:?}");
            thread::park_timeout(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// The configuration of rclone for this server.
    fn config(&self, scheme: &str, password: &str) -> Result<String> {
        let obscured = run(Command::new("rclone").args(["obscure", password]))?.stdout;
        Ok(format!(
            "[dav]\ntype = webdav\nvendor = other\nurl = {scheme}://localhost:{}\nuser = backup\npass = {obscured}\n",
            self.port
        ))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A site whose copy is on a server that has the directory `copy`.
fn served(more: &[&str]) -> Result<(Site, Server)> {
    let mut site = Site::with(|_| TABLE.to_owned())?;
    site.back_up(200_000)?;
    // The copy itself is in `restic` there.
    fs::create_dir_all(site.at("served"))?;
    std::os::unix::fs::symlink(site.at("served/restic"), site.at("copy"))?;
    let server = Server::start(&site.at("served"), free_port()?, more)?;
    Ok((site, server))
}

/// Checks that a copy fails, and what it then prints.
fn fails(site: &Site, why: &str, hint: &str) -> Result<()> {
    let failed = site.copy(&[])?;
    ensure!(!failed.status.success(), "it succeeded");
    ensure!(failed.stderr.contains(why), "{why}: {}", failed.stderr);
    ensure!(
        failed.stderr.contains(&format!("hint: {hint}")),
        "{hint}: {}",
        failed.stderr
    );
    let record = site.record()?;
    ensure!(record.contains("\"status\":\"failed\""), "{record}");
    Ok(())
}

#[test]
fn a_server_that_goes_away_leaves_a_valid_copy_and_the_next_copy_completes_it() -> Result<()> {
    let (mut site, server) = served(&[])?;
    let port = server.port;
    site.configure(&server.config("http", "right")?)?;
    site.copied(&[])?;
    site.copy_is_valid()?;
    let mut server = Some(server);
    for number in 0..2_u64 {
        site.back_up(1_000_000)?;
        let mut copying = site.begin()?;
        thread::park_timeout(Duration::from_millis(200 + number * 300));
        drop(server.take());
        let ended = copying.wait()?;
        ensure!(!ended.success() || number > 0, "nothing was cut off");
        site.copy_is_valid()?;
        server = Some(Server::start(&site.at("served"), port, &[])?);
    }
    drop(server.take());
    fails(
        &site,
        "connection refused",
        "check the network of this host, and the address of the remote",
    )?;
    let _server = Server::start(&site.at("served"), port, &[])?;
    site.copied(&[])?;
    site.copy_is_valid()?;
    assert_eq!(site.files("copy")?, site.files("repository")?);
    Ok(())
}

#[test]
fn a_wrong_credential_is_reported() -> Result<()> {
    let (site, server) = served(&[])?;
    site.configure(&server.config("http", "wrong")?)?;
    fails(
        &site,
        "the remote refuses the credential",
        "check the key in the config-file of the copy",
    )
}

#[test]
fn an_expired_certificate_is_reported() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::new(vec!["localhost".to_owned()])?;
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2021, 1, 1);
    let certificate = parameters.self_signed(&key)?;
    let at = |name: &str| directory.path().join(name).display().to_string();
    let (file, key_file) = (at("certificate"), at("key"));
    fs::write(&file, certificate.pem())?;
    fs::write(&key_file, key.serialize_pem())?;
    let (site, server) = served(&["--cert", &file, "--key", &key_file])?;
    site.configure(&server.config("https", "right")?)?;
    fails(
        &site,
        "the certificate of the remote is not valid",
        "look at the certificate with `openssl s_client`",
    )
}

#[test]
fn a_full_remote_is_reported_and_the_copy_stays_valid() -> Result<()> {
    let mut site = Site::new("")?;
    site.back_up(50_000)?;
    let copy = site.at("copy");
    fs::create_dir(&copy)?;
    let place = copy.display().to_string();
    let mounted = run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=700k", "tmpfs", &place]))?;
    ensure!(mounted.status.success(), "{}", mounted.stderr);
    let filled = (|| {
        site.copied(&[])?;
        site.copy_is_valid()?;
        for _ in 0..3 {
            site.back_up(300_000)?;
        }
        fails(
            &site,
            "the remote is full",
            "make room there, or shorten `delete`",
        )?;
        site.copy_is_valid()
    })();
    run(Command::new("umount").args(["--lazy", &place]))?;
    filled
}

#[test]
fn times_at_the_remote_do_not_matter() -> Result<()> {
    let mut site = Site::new("")?;
    site.back_up(10_000)?;
    site.copied(&[])?;
    for (number, file) in site.files("copy")?.into_iter().enumerate() {
        let year = Duration::from_secs(365 * 86_400);
        let time = SystemTime::now();
        let time = if number % 2 == 0 { time + year } else { time - year };
        let file = OpenOptions::new().write(true).open(site.at("copy").join(file))?;
        file.set_times(FileTimes::new().set_modified(time))?;
    }
    let printed = site.copied(&[])?;
    ensure!(printed.contains("0 files copied (0 B), 0 deleted"), "{printed}");
    Ok(())
}
