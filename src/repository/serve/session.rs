//! One connection: accepts requests, runs each as a task, and pings the client, until one side ends.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Ping, PingPong, Reason, RecvStream};
use http::Request;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, Sleep, interval, sleep, sleep_until};

use super::limits::{CHUNK, ERRORS, FRAME, HEADERS, REQUESTS, RESETS, STREAM_WINDOW, STREAMS, WINDOW};
use super::refusal::Refusal;
use super::request::{Action, read};
use super::socket::{Heard, Socket};
use super::transfer::{answer, measure, send_file, send_list};
use super::upload::receive;
use super::{End, Served, transfer};

/// What happens next on a connection.
enum Event {
    Request(Box<(Request<RecvStream>, SendResponse<Bytes>)>),
    End(End),
}

/// An open connection.
struct Session {
    connection: Connection<Socket, Bytes>,
    pings: Option<PingPong>,
    ticks: Interval,
    heard: Heard,
    deadline: Pin<Box<Sleep>>,
    requests: JoinSet<()>,
    served: Arc<Served>,
}

/// Serves a client until it ends, falls silent or breaks the protocol, or until `stop` can be read.
///
/// # Errors
/// When the connection cannot be used at all.
pub(super) async fn run(
    connection: std::os::unix::net::UnixStream,
    stop: Option<std::os::unix::net::UnixStream>,
    served: Arc<Served>,
) -> io::Result<End> {
    connection.set_nonblocking(true)?;
    let connection = UnixStream::from_std(connection)?;
    let stop = match stop {
        Some(stop) => {
            stop.set_nonblocking(true)?;
            Some(UnixStream::from_std(stop)?)
        }
        None => None,
    };
    let stopped = async {
        match &stop {
            // An error is a stop too: without the signal the locks would stay.
            Some(stop) => drop(stop.readable().await),
            None => std::future::pending().await,
        }
        End::Stopped
    };
    Ok(futures_lite::future::or(stopped, talk(connection, served)).await)
}

async fn talk(connection: UnixStream, served: Arc<Served>) -> End {
    // restic may start much later, such as after the hooks of a client. The unit limits the whole time.
    if let Err(error) = connection.readable().await {
        return End::broken(&error);
    }
    let limits = &served.limits;
    let silence = limits.silence;
    let socket = Socket::new(connection);
    let heard = socket.heard();
    let shaking = Builder::new()
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS)
        .max_frame_size(FRAME)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_send_buffer_size(CHUNK)
        .max_concurrent_reset_streams(RESETS)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(Some(ERRORS))
        .handshake(socket);
    let mut connection = match tokio::time::timeout(silence, shaking).await {
        Err(_) => return End::Silent,
        Ok(Err(error)) => return End::of(&error),
        Ok(Ok(connection)) => connection,
    };
    let mut session = Session {
        pings: connection.ping_pong(),
        connection,
        ticks: interval(limits.ping),
        deadline: Box::pin(sleep(silence)),
        heard,
        requests: JoinSet::new(),
        served: Arc::clone(&served),
    };
    loop {
        match poll_fn(|context| session.poll(context)).await {
            Event::Request(request) => session.accept(*request),
            Event::End(end) => return end,
        }
    }
}

impl Session {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        while let Poll::Ready(Some(_)) = self.requests.poll_join_next(context) {}
        while self.ticks.poll_tick(context).is_ready() {
            if let Some(pings) = &mut self.pings {
                // An error means that the last one is not answered yet.
                drop(pings.send_ping(Ping::opaque()));
            }
        }
        if let Some(pings) = &mut self.pings {
            while let Poll::Ready(Ok(_)) = pings.poll_pong(context) {}
        }
        while self.deadline.as_mut().poll(context).is_ready() {
            // Anything that arrives is a sign of life: on a slow line the answer to a ping waits behind data.
            let deadline = self.heard.last() + self.served.limits.silence;
            if deadline <= Instant::now() {
                return Poll::Ready(Event::End(End::Silent));
            }
            self.deadline.set(sleep_until(deadline));
        }
        self.connection
            .poll_accept(context)
            .map(|accepted| match accepted {
                Some(Ok(request)) => Event::Request(Box::new(request)),
                Some(Err(error)) => Event::End(End::of(&error)),
                None => Event::End(End::Client),
            })
    }

    fn accept(&mut self, (request, mut respond): (Request<RecvStream>, SendResponse<Bytes>)) {
        if self.requests.len() >= REQUESTS {
            // restic's HTTP library tries again by itself.
            respond.send_reset(Reason::REFUSED_STREAM);
            return;
        }
        let served = Arc::clone(&self.served);
        let _handle = self.requests.spawn(async move {
            let (head, body) = request.into_parts();
            let action = read(&Request::from_parts(head.clone(), ()));
            let done = match action {
                Ok(action) => act(&served, action, &head.headers, body, &mut respond).await,
                Err(refusal) => Err(refusal),
            };
            if let Err(refusal) = done {
                served.log.refused(&head.method, &head.uri, &refusal);
                answer(&mut respond, refusal.status());
            }
        });
    }
}

/// Does what a request asks for, and answers if all went well.
async fn act(
    served: &Arc<Served>,
    action: Action,
    headers: &http::HeaderMap,
    body: RecvStream,
    respond: &mut SendResponse<Bytes>,
) -> Result<(), Refusal> {
    if let Action::Add(kind, name) = action {
        receive(served, kind, name, headers, body).await?;
        answer(respond, http::StatusCode::OK);
        return Ok(());
    }
    // Nobody reads the body of any other request, so its window stays closed.
    drop(body);
    match action {
        Action::Read(file, part) => send_file(served, file, part, respond).await,
        Action::Measure(file) => measure(served, file, respond).await,
        Action::List { kind, sizes } => send_list(served, kind, sizes, respond).await,
        Action::Add(..) => Ok(()),
        Action::Unlock(name) => {
            let served = Arc::clone(served);
            transfer::blocking(move || served.ledger.remove_lock(&served.repository, &name)).await?;
            answer(respond, http::StatusCode::OK);
            Ok(())
        }
    }
}
