//! A client that speaks HTTP/2 by itself, so that it can do what restic never does.

#![expect(clippy::disallowed_methods, reason = "a repository is files")]

mod attacks;
mod frames;
mod limits;
mod locks;
mod reading;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::{HeaderMap, Request, StatusCode};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::name::Name;
use super::{Kind, Limits, Summary, serve};

/// How long any test waits for the other side.
const SOON: Duration = Duration::from_secs(60);

/// The name of a content.
fn name_of(content: &[u8]) -> String {
    Name::of_hash(Sha256::new_with_prefix(content))
        .as_str()
        .to_owned()
}

/// A repository with one file of each kind.
struct Repository {
    directory: TempDir,
    names: BTreeMap<&'static str, String>,
}

impl Repository {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut repository = Self {
            directory,
            names: BTreeMap::new(),
        };
        for kind in Kind::ALL {
            fs::create_dir_all(repository.path().join(kind.directory())).unwrap();
            let content = format!("a file in {}", kind.directory());
            let name = name_of(content.as_bytes());
            repository.put(kind, &name, content.as_bytes());
            repository.names.insert(kind.directory(), name);
        }
        fs::write(repository.path().join("config"), "the configuration").unwrap();
        repository
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where a file is.
    fn place(&self, kind: Kind, name: &str) -> PathBuf {
        let mut directory = self.path().join(kind.directory());
        if kind == Kind::Data {
            directory.push(&name[..2]);
        }
        directory.join(name)
    }

    fn put(&self, kind: Kind, name: &str, content: &[u8]) {
        let place = self.place(kind, name);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, content).unwrap();
    }

    /// The path of the file of a kind that exists from the beginning.
    fn existing(&self, kind: Kind) -> String {
        format!("/{}/{}", kind.directory(), self.names[kind.directory()])
    }

    /// All files with their content; a link has its target.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut directories = vec![self.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_symlink() {
                    let target = fs::read_link(&path).unwrap();
                    found.insert(path, target.into_os_string().into_encoded_bytes());
                } else if path.is_dir() {
                    directories.push(path);
                } else if path.is_file() {
                    found.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        found
    }

    /// Serves it, with these limits, to a client that does this. Returns what the server reports.
    fn serve(&self, limits: &Limits, talk: impl AsyncFnOnce(&Client)) -> Summary {
        self.serve_bytes(limits, |connection| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                connection.set_nonblocking(true).unwrap();
                let connection = tokio::net::UnixStream::from_std(connection).unwrap();
                let (requests, connection) = h2::client::Builder::new()
                    .initial_window_size(1 << 20)
                    .initial_connection_window_size(1 << 20)
                    .handshake(connection)
                    .await
                    .unwrap();
                let connection = tokio::spawn(async {
                    // The server may end the connection: the test sees that at its end.
                    drop(connection.await);
                });
                let client = Client { requests };
                tokio::time::timeout(SOON, talk(&client))
                    .await
                    .expect("the server answers");
                connection.abort();
            });
        })
    }

    /// Serves it to a client that has the bare connection.
    fn serve_bytes(&self, limits: &Limits, talk: impl FnOnce(UnixStream)) -> Summary {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (path, limits) = (self.path().to_owned(), limits.clone());
        let server = thread::spawn(move || serve(theirs, None, &path, &limits, |_| {}));
        talk(ours);
        server.join().unwrap().unwrap()
    }
}

/// Limits that no test reaches by accident.
fn plenty() -> Limits {
    Limits::new(None, 0, 100)
}

/// An answer with its body.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// An open connection to the server.
struct Client {
    requests: SendRequest<Bytes>,
}

impl Client {
    /// A request with a body that is sent in the parts that the server takes. `Err` if the stream is reset.
    async fn try_send(&self, request: Request<()>, body: &[u8]) -> Result<Answer, h2::Error> {
        let mut requests = self.requests.clone().ready().await?;
        let (response, mut stream) = requests.send_request(request, body.is_empty())?;
        let mut rest = Bytes::copy_from_slice(body);
        while !rest.is_empty() {
            stream.reserve_capacity(rest.len());
            let granted = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
            // The server may answer before it has read everything.
            let Some(Ok(length)) = granted else { break };
            let part = rest.split_to(length.min(rest.len()));
            if stream.send_data(part, rest.is_empty()).is_err() {
                break;
            }
        }
        let (head, body) = response.await?.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: collect(body).await?,
        })
    }

    async fn send(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://localhost{path}"))
            .body(())
            .unwrap();
        self.try_send(request, body).await.unwrap()
    }

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, b"").await
    }

    /// Adds a content under its name.
    async fn add(&self, kind: Kind, content: &[u8]) -> StatusCode {
        let path = format!("/{}/{}", kind.directory(), name_of(content));
        self.send("POST", &path, content).await.status
    }

    async fn status(&self, method: &str, path: &str) -> StatusCode {
        self.send(method, path, b"x").await.status
    }
}

async fn collect(mut body: RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut collected = Vec::new();
    while let Some(part) = body.data().await {
        let part = part?;
        body.flow_control().release_capacity(part.len())?;
        collected.extend_from_slice(&part);
    }
    Ok(collected)
}
