//! An email, to the unit that hands it to sendmail(8).
//!
//! sendmail of Postfix and of Exim becomes another user when it starts, which no unit of ours may. So it has
//! a separate unit behind a socket, which has no secret.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use jiff::tz::TimeZone;
use mail_builder::MessageBuilder;

use crate::model::EmailAddress;
use crate::notify::Message;

/// Where genbackup-mail.socket listens.
pub(crate) const SOCKET: &str = "/run/genbackup-mail.sock";
/// The bytes of the answer, a line.
const LONGEST_ANSWER: u64 = 1024;

/// Hands a message over to sendmail(8), with times as in a zone.
///
/// # Errors
/// When it does not take it, or not in time.
pub(crate) fn send_email(
    socket: &Path,
    to: &[EmailAddress],
    message: &Message,
    zone: &TimeZone,
    deadline: Instant,
) -> Result<()> {
    let left = deadline.saturating_duration_since(Instant::now());
    let left = left.max(Duration::from_millis(1));
    let unreachable = || {
        format!(
            "cannot connect to {}: check that genbackup-mail.socket is active",
            socket.display()
        )
    };
    let mut connection = UnixStream::connect(socket).with_context(unreachable)?;
    connection.set_read_timeout(Some(left))?;
    connection.set_write_timeout(Some(left))?;
    let mut answer = String::new();
    connection
        .write_all(&text(to, message, zone)?)
        .and_then(|()| connection.shutdown(Shutdown::Write))
        .and_then(|()| connection.take(LONGEST_ANSWER).read_to_string(&mut answer))
        .context("genbackup-mail@.service does not answer")?;
    match answer
        .trim_end()
        .rsplit('\n')
        .next()
        .and_then(|line| line.strip_prefix("exit "))
    {
        Some("0") => Ok(()),
        Some(code) if code.parse::<u8>().is_ok() => {
            bail!("sendmail failed with exit status {code}; see the journal of genbackup-mail@.service")
        }
        _ => bail!("sendmail did not finish; see the journal of genbackup-mail@.service"),
    }
}

/// The email with its headers (RFC 5322). sendmail sets the sender.
fn text(to: &[EmailAddress], message: &Message, zone: &TimeZone) -> Result<Vec<u8>> {
    let to: Vec<&str> = to.iter().map(EmailAddress::as_str).collect();
    let second = message.time.as_second();
    let email = MessageBuilder::new()
        .to(to)
        .subject(message.headline())
        .date(second)
        .message_id(format!("genbackup.{second}@{}", message.from))
        .header(
            "Auto-Submitted",
            mail_builder::headers::raw::Raw::new("auto-generated"),
        )
        .text_body(message.email(zone) + "\n");
    Ok(email.write_to_vec()?)
}
