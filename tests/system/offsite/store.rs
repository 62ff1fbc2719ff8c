//! A store of objects, moto, whose buckets keep versions and lock objects as those of S3 do.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::command::run;
use crate::tools::tool;

/// From its start to its first answer.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// What boto3 is asked to do, with the address of the store in `url` and the client in `s3`.
const CLIENT: &str = "import boto3, sys
url = sys.argv[1]
s3 = boto3.client('s3', endpoint_url=url, aws_access_key_id='key', aws_secret_access_key='secret',
                  region_name='us-east-1')
";
/// The buckets: one that keeps nothing, one with versions, one that also locks each object for 30 days.
const BUCKETS: &str = "
s3.create_bucket(Bucket='plain')
s3.create_bucket(Bucket='versions')
s3.put_bucket_versioning(Bucket='versions', VersioningConfiguration={'Status': 'Enabled'})
s3.create_bucket(Bucket='locked', ObjectLockEnabledForBucket=True)
s3.put_object_lock_configuration(Bucket='locked', ObjectLockConfiguration={
    'ObjectLockEnabled': 'Enabled', 'Rule': {'DefaultRetention': {'Mode': 'COMPLIANCE', 'Days': 30}}})
";

/// A running store. It ends with this value.
pub(super) struct Store {
    server: Child,
    url: String,
}

impl Store {
    /// With its buckets.
    pub(super) fn start() -> Result<Self> {
        // No other process gets this port at once.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let server = Command::new(python()?.with_file_name("moto_server"))
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start moto")?;
        let mut store = Self {
            server,
            url: format!("http://127.0.0.1:{port}"),
        };
        let deadline = Instant::now() + READY_WITHIN;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = store.server.try_wait()?;
            ensure!(ended.is_none() && Instant::now() < deadline, "moto: {ended:?}");
            thread::park_timeout(Duration::from_millis(50));
        }
        store.ask(BUCKETS)?;
        Ok(store)
    }

    /// The configuration of rclone for its remote `cloud`.
    pub(super) fn config(&self) -> String {
        format!(
            "[cloud]\ntype = s3\nprovider = Other\naccess_key_id = key\nsecret_access_key = secret\n\
             region = us-east-1\nendpoint = {}\nforce_path_style = true\n",
            self.url
        )
    }

    /// What boto3 prints.
    pub(super) fn ask(&self, script: &str) -> Result<String> {
        let asked = run(Command::new(python()?)
            .args(["-c", &format!("{CLIENT}{script}"), &self.url])
            .env_remove("AWS_CA_BUNDLE"))?;
        ensure!(asked.status.success(), "{}", asked.stderr);
        Ok(asked.stdout.trim().to_owned())
    }

    /// The name of an object of this part of a copy.
    pub(super) fn object(&self, bucket: &str, part: &str) -> Result<String> {
        self.ask(&format!(
            "print(s3.list_objects_v2(Bucket='{bucket}', Prefix='restic/{part}/')['Contents'][0]['Key'])"
        ))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

/// The Python that has moto and boto3.
pub(super) fn python() -> Result<PathBuf> {
    let ruff = tool("ruff")?;
    let tools = ruff.parent().and_then(std::path::Path::parent);
    Ok(tools
        .context("the tools have a directory")?
        .join("python/bin/python"))
}
