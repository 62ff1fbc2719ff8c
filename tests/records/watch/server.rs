//! A web server on the loopback, for one test. It gives the answers of the test, and keeps the requests.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::{Context, Result};
use serde_json::Value;

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Such as `POST /x HTTP/1.1`.
    pub(crate) line: String,
    /// In lower case.
    pub(crate) headers: String,
    pub(crate) body: String,
}

/// How the server answers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// With a status, and headers that end in a line each.
    Status(u16, String),
    /// With a status, headers and a body.
    Body(u16, String, String),
    /// Not at all, until the client has gone.
    Hang,
    /// Byte by byte, and never to an end.
    Drip,
    /// With more than anybody wants to read.
    Huge,
    /// By closing the connection.
    Close,
}

pub(crate) struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers one request after the other; the last answer goes for all that follow.
    pub(crate) fn start(answers: &[Answer]) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, answers) = (Arc::clone(&requests), answers.to_vec());
        thread::spawn(move || {
            for (number, connection) in listener.incoming().enumerate() {
                let answer = answers.get(number).or(answers.last()).cloned();
                let kept = Arc::clone(&kept);
                thread::spawn(move || {
                    if let (Ok(connection), Some(answer)) = (connection, answer) {
                        // A client that has gone is no failure of the server's.
                        drop(converse(connection, &answer, &kept));
                    }
                });
            }
        });
        Ok(Self { address, requests })
    }

    /// One that answers as a good one does.
    pub(crate) fn good() -> Result<Self> {
        Self::start(&[status(204)])
    }

    /// An address.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// An address with a secret in it.
    pub(crate) fn secret_address(&self) -> String {
        self.address(SECRET)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests
            .lock()
            .map(|requests| requests.clone())
            .unwrap_or_default()
    }
}

/// A server of `https`, whose certificate nobody signed but itself.
pub(crate) mod tls {
    use std::io::Write;
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::thread;

    use anyhow::Result;
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    /// Its address, and its certificate.
    pub(crate) fn start() -> Result<(String, String)> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()])?;
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key.into())?;
        let config = Arc::new(config);
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = format!("https://{}/x", listener.local_addr()?);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let Ok(session) = ServerConnection::new(Arc::clone(&config)) else {
                    continue;
                };
                let mut stream = StreamOwned::new(session, connection);
                // A client that does not trust it disconnects before there is a request.
                let mut start = [0; 4];
                if std::io::Read::read_exact(&mut stream, &mut start).is_ok() && start == *b"POST" {
                    drop(stream.write_all(b"HTTP/1.1 204 X\r\nConnection: close\r\n\r\n"));
                    drop(stream.flush());
                }
            }
        });
        Ok((address, cert.pem()))
    }
}

/// What must be seen nowhere but on the wire.
pub(crate) const SECRET: &str = "api/correct-horse-battery-staple";

pub(crate) fn status(status: u16) -> Answer {
    Answer::Status(status, String::new())
}

/// An answer in JSON.
pub(crate) fn json(status: u16, body: &Value) -> Answer {
    Answer::Body(status, String::new(), body.to_string())
}

fn converse(mut connection: TcpStream, answer: &Answer, kept: &Mutex<Vec<Request>>) -> Result<()> {
    // A client that has no time left may connect and go without a word.
    let Some(request) = read(&connection)? else {
        return Ok(());
    };
    if let Ok(mut kept) = kept.lock() {
        kept.push(request);
    }
    match answer {
        Answer::Status(status, headers) => {
            write!(
                connection,
                "HTTP/1.1 {status} X\r\n{headers}Content-Length: 0\r\n\r\n"
            )?;
        }
        Answer::Body(status, headers, body) => {
            write!(
                connection,
                "HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{body}",
                body.len()
            )?;
        }
        Answer::Hang => {
            connection.read_to_end(&mut Vec::new())?;
        }
        Answer::Drip => {
            write!(connection, "HTTP/1.1 200 OK\r\nX-Drip: ")?;
            let pause = std::time::Duration::from_millis(20);
            connection.set_read_timeout(Some(pause))?;
            // Nothing comes, so each look is a pause.
            while !matches!(connection.read(&mut [0]), Ok(0)) {
                connection.write_all(b".")?;
            }
        }
        Answer::Huge => {
            write!(
                connection,
                "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
            )?;
            while connection.write_all(&[b'x'; 4096]).is_ok() {}
        }
        Answer::Close => connection.shutdown(Shutdown::Both)?,
    }
    Ok(())
}

fn read(connection: &TcpStream) -> Result<Option<Request>> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut headers = String::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        if header.trim_end().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').context("no header")?;
        writeln!(headers, "{}: {}", name.to_lowercase(), value.trim())?;
    }
    let length = headers
        .lines()
        .find_map(|header| header.strip_prefix("content-length: "))
        .map_or(Ok(0), str::parse)?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Request {
        line: line.trim_end().to_owned(),
        headers,
        body: String::from_utf8(body)?,
    }))
}
