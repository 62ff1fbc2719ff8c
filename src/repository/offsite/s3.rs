//! Asks an S3 store what rclone cannot: how long its objects are locked, and to lock them for longer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::{SignedDuration, Timestamp};
use rusty_s3::actions::{GetObject, PutObject};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use ureq::http::Response;
use ureq::{Agent, Body};

use super::name::Name;
use super::process::{Stop, Stopped};
use crate::model::Remote;
use crate::notify::deliver;

/// How long a signed request is valid, and may take.
const VALID: Duration = Duration::from_secs(60);
/// How many requests are made at once.
const AT_ONCE: usize = 8;
/// The bytes of an answer that are read.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// A bucket, and the directory of the copy in it.
#[derive(Debug)]
pub(crate) struct S3 {
    agent: Agent,
    bucket: Bucket,
    credentials: Credentials,
    /// The directory with a `/` at its end, or empty.
    directory: String,
}

/// How a bucket locks each new object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lock {
    /// `COMPLIANCE`, in which no user can remove it, or `GOVERNANCE`, in which some users can.
    pub mode: String,
    /// For how many days.
    pub days: u32,
}

/// What a bucket reports about locks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Locks {
    /// It locks each new object.
    Default(Lock),
    /// It locks no object by itself.
    None,
    /// The credential may not ask, or the store does not know the question.
    Unknown,
}

/// What rclone's configuration has about a remote.
#[derive(Deserialize)]
pub(super) struct Configured {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    access_key_id: String,
    #[serde(default)]
    secret_access_key: String,
    #[serde(default)]
    session_token: Option<String>,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    endpoint: Option<String>,
    #[serde(default)]
    force_path_style: Option<String>,
}

impl S3 {
    /// The bucket of a remote with this configuration; `None` for another kind of remote, or without a key in the
    /// configuration.
    pub(super) fn of(remote: &Remote, configured: &Configured) -> Result<Option<Self>> {
        let Configured {
            kind,
            access_key_id,
            secret_access_key,
            session_token,
            region,
            endpoint,
            force_path_style,
        } = configured;
        if kind != "s3" || access_key_id.is_empty() || secret_access_key.is_empty() {
            return Ok(None);
        }
        let region = region.as_deref().filter(|region| !region.is_empty());
        let region = region.unwrap_or("us-east-1").to_owned();
        let endpoint = match endpoint.as_deref() {
            None | Some("") => format!("https://s3.{region}.amazonaws.com"),
            Some(endpoint) if endpoint.contains("://") => endpoint.to_owned(),
            Some(endpoint) => format!("https://{endpoint}"),
        };
        let endpoint = endpoint
            .parse()
            .with_context(|| format!("the endpoint `{endpoint}` of rclone's configuration is no URL"))?;
        // As rclone does it.
        let style = match force_path_style.as_deref() {
            Some("false") => UrlStyle::VirtualHost,
            _ => UrlStyle::Path,
        };
        let path = remote.path().trim_matches('/');
        let (name, directory) = path.split_once('/').unwrap_or((path, ""));
        let bucket = Bucket::new(endpoint, style, name.to_owned(), region)
            .map_err(|error| anyhow!("the endpoint of rclone's configuration cannot be used: {error}"))?;
        let credentials = match session_token.as_deref() {
            None | Some("") => Credentials::new(access_key_id, secret_access_key),
            Some(token) => Credentials::new_with_token(access_key_id, secret_access_key, token),
        };
        Ok(Some(Self {
            agent: deliver::agent(),
            bucket,
            credentials,
            directory: match directory {
                "" => String::new(),
                directory => format!("{directory}/"),
            },
        }))
    }

    /// How the bucket locks each new object.
    ///
    /// # Errors
    /// When it does not answer, or answers something else.
    pub(crate) fn locks(&self) -> Result<Locks> {
        let mut action = GetObject::new(&self.bucket, Some(&self.credentials), "");
        action.query_mut().insert("object-lock", "");
        let request = self.agent.get(action.sign(VALID).as_str()).config();
        let mut answer = request
            .timeout_global(Some(VALID))
            .build()
            .call()
            .map_err(|error| anyhow!("cannot ask for the lock of the bucket: {}", harmless(&error)))?;
        let status = answer.status().as_u16();
        let text = read(&mut answer);
        match status {
            200 => Ok(lock(&text).map_or(Locks::None, Locks::Default)),
            404 if text.contains("ObjectLockConfigurationNotFoundError") => Ok(Locks::None),
            // The credential may not ask, or the store does not know the question.
            401 | 403 | 400 | 405 | 501 => Ok(Locks::Unknown),
            status => bail!("cannot ask for the lock of the bucket: HTTP status {status}"),
        }
    }

    /// Locks files of the copy until a time, in the mode of the bucket. Returns the number of files.
    ///
    /// # Errors
    /// The first refusal; or [`Stopped`]. Some may be locked for longer then.
    pub(crate) fn extend(
        &self,
        names: &[Name],
        mode: &str,
        until: Timestamp,
        stop: Stop<'_>,
    ) -> Result<usize> {
        let next = AtomicUsize::new(0);
        let work = || -> Result<()> {
            while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Some(why) = stop() {
                    return Err(Stopped { why }.into());
                }
                self.extend_one(*name, mode, until)?;
            }
            Ok(())
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
            let mut done = Ok(());
            for worker in workers {
                let ended = worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                done = done.and(ended);
            }
            done
        })?;
        Ok(names.len())
    }

    fn extend_one(&self, name: Name, mode: &str, until: Timestamp) -> Result<()> {
        // As AWS writes a time.
        let until = until.strftime("%FT%T.000Z");
        let body = format!(
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{mode}</Mode>\
             <RetainUntilDate>{until}</RetainUntilDate></Retention>"
        );
        // AWS wants a checksum of what locks an object.
        let hash = BASE64_STANDARD.encode(Sha256::digest(&body));
        let headers = [
            ("x-amz-checksum-sha256", hash.as_str()),
            ("x-amz-sdk-checksum-algorithm", "SHA256"),
        ];
        let object = format!("{}{name}", self.directory);
        let mut action = PutObject::new(&self.bucket, Some(&self.credentials), &object);
        action.query_mut().insert("retention", "");
        for (header, value) in headers {
            action.headers_mut().insert(header, value);
        }
        let mut request = self.agent.put(action.sign(VALID).as_str());
        for (header, value) in headers {
            request = request.header(header, value);
        }
        let mut answer = request
            .config()
            .timeout_global(Some(VALID))
            .build()
            .send(&body)
            .map_err(|error| anyhow!("cannot extend the lock of `{name}`: {}", harmless(&error)))?;
        let status = answer.status().as_u16();
        let text = read(&mut answer);
        ensure!(
            status == 200,
            "cannot extend the lock of `{name}`: {}",
            element(&text, "Code").map_or_else(|| format!("HTTP status {status}"), str::to_owned)
        );
        Ok(())
    }
}

impl Lock {
    /// The part of the lock time that may pass before the lock is extended.
    #[must_use]
    pub(crate) fn patience(&self) -> SignedDuration {
        SignedDuration::from_hours(24) * i32::try_from(self.days / 4).unwrap_or(i32::MAX)
    }
}

/// What a store answers; nothing if it cannot be read.
fn read(answer: &mut Response<Body>) -> String {
    let body = answer.body_mut().with_config().limit(LONGEST_ANSWER);
    body.read_to_string().unwrap_or_default()
}

/// What `GetObjectLockConfiguration` answers.
fn lock(xml: &str) -> Option<Lock> {
    let mode = element(xml, "Mode")?.to_owned();
    let days = element(xml, "Days").and_then(|days| days.parse().ok());
    let years = element(xml, "Years").and_then(|years| years.parse::<u32>().ok());
    let days = days.or(years.map(|years| years.saturating_mul(365)))?;
    Some(Lock { mode, days })
}

/// The text of the only element of this name; none of these elements has an attribute.
fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim())
}

/// A signed address is a credential, and an error may show it.
fn harmless(error: &ureq::Error) -> String {
    let text = error.to_string();
    text.split("X-Amz-").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_of_a_bucket_is_read() {
        let of = |rule: &str| {
            lock(&format!(
                "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule}</ObjectLockConfiguration>"
            ))
        };
        let rule = |of: &str| {
            format!("<Rule><DefaultRetention><Mode>COMPLIANCE</Mode>{of}</DefaultRetention></Rule>")
        };
        let locked = |days| {
            Some(Lock {
                mode: "COMPLIANCE".to_owned(),
                days,
            })
        };
        assert_eq!(of(&rule("<Days>30</Days>")), locked(30));
        assert_eq!(of(&rule("<Years>2</Years>")), locked(730));
        assert_eq!(of(""), None);
        assert_eq!(locked(30).unwrap().patience(), SignedDuration::from_hours(7 * 24));
    }

    #[test]
    fn a_bucket_is_found_by_the_configuration_of_rclone() {
        let configured = |text: &str| serde_json::from_str::<Configured>(text).unwrap();
        let remote = |text: &str| Remote::try_from(text.to_owned()).unwrap();
        let key = r#""access_key_id":"a","secret_access_key":"b""#;
        let of = |remote: Remote, more: &str| {
            let text = format!(r#"{{"type":"s3",{key}{more}}}"#);
            let s3 = S3::of(&remote, &configured(&text)).unwrap().unwrap();
            (s3.bucket.base_url().to_string(), s3.directory)
        };
        assert_eq!(
            of(remote("cloud:backups/a/restic/"), r#","region":"eu-central-1""#),
            (
                "https://s3.eu-central-1.amazonaws.com/backups/".to_owned(),
                "a/restic/".to_owned()
            )
        );
        assert_eq!(
            of(
                remote("cloud:backups"),
                r#","endpoint":"s3.example.net","force_path_style":"false""#
            ),
            ("https://backups.s3.example.net/".to_owned(), String::new())
        );
        for other in [r#"{"type":"s3","env_auth":"true"}"#, r#"{"type":"sftp"}"#] {
            assert!(
                S3::of(&remote("cloud:x"), &configured(other)).unwrap().is_none(),
                "{other}"
            );
        }
    }
}
