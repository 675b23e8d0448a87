//! The least that a forwarding edge on these crates can do: the yardstick for what Tideover's own work costs.
//!
//! `bare LISTEN ORIGIN`: one worker, HTTP/1.1 both ways, a pool of connections to the origin, the viewer's header timer, a
//! timer around each answer, `Via` and `X-Forwarded-For`. No config, no rules, no failover, no log, no numbers. Port 0 picks
//! a free one; like the edge it says where it listens, then `ready`, and ends on SIGINT.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, Response, Uri, header};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Pool = Rc<RefCell<Vec<SendRequest<Incoming>>>>;

fn main() {
    let mut addresses = std::env::args().skip(1).map(|address| {
        address
            .parse::<SocketAddr>()
            .expect("bare LISTEN ORIGIN, both as ADDRESS:PORT")
    });
    let (Some(listen), Some(origin)) = (addresses.next(), addresses.next()) else {
        panic!("bare LISTEN ORIGIN, both as ADDRESS:PORT");
    };
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .expect("a runtime");
    runtime.block_on(async {
        tokio::select! {
            () = serve(listen, origin) => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    });
}

async fn serve(listen: SocketAddr, origin: SocketAddr) {
    let listener = TcpListener::bind(listen).await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    println!("listening http {address}\nready");
    let pool = Pool::default();
    loop {
        let (stream, peer) = listener.accept().await.expect("a viewer");
        let _ = stream.set_nodelay(true);
        let viewer = HeaderValue::try_from(peer.ip().to_string()).expect("an address is a value");
        let pool = Rc::clone(&pool);
        let story = service_fn(move |request| {
            let (pool, viewer) = (Rc::clone(&pool), viewer.clone());
            Box::pin(
                async move { Ok::<_, Infallible>(forward(origin, &pool, viewer, request).await) },
            )
        });
        tokio::task::spawn_local(async move {
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(30))
                .serve_connection(TokioIo::new(stream), story)
                .await;
        });
    }
}

async fn forward(
    origin: SocketAddr,
    pool: &Pool,
    viewer: HeaderValue,
    request: Request<Incoming>,
) -> Response<Carried> {
    let idle = pool.borrow_mut().pop();
    let mut sender = match idle {
        Some(sender) => sender,
        None => Box::pin(connect(origin)).await,
    };
    sender.ready().await.expect("an origin that stays");
    let (mut head, body) = request.into_parts();
    let via = HeaderValue::from_static("1.1 bare");
    head.headers.append(header::VIA, via.clone());
    head.headers
        .append(HeaderName::from_static("x-forwarded-for"), viewer);
    let target = head.uri.path_and_query().cloned();
    let mut asked = Request::new(body);
    *asked.method_mut() = head.method;
    *asked.uri_mut() = target.map_or_else(|| Uri::from_static("/"), Uri::from);
    *asked.headers_mut() = head.headers;
    let answer = tokio::time::timeout(Duration::from_secs(30), sender.send_request(asked)).await;
    let mut answer = answer.expect("in time").expect("an answer");
    answer.headers_mut().remove(header::CONNECTION);
    answer.headers_mut().append(header::VIA, via);
    answer.map(|incoming| Carried {
        incoming,
        home: Some((Rc::clone(pool), sender)),
    })
}

async fn connect(origin: SocketAddr) -> SendRequest<Incoming> {
    let stream = TcpStream::connect(origin).await.expect("an origin");
    let _ = stream.set_nodelay(true);
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .expect("a connection");
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    sender
}

/// An answer's body that takes its connection home at its end.
struct Carried {
    incoming: Incoming,
    home: Option<(Pool, SendRequest<Incoming>)>,
}

impl http_body::Body for Carried {
    type Data = bytes::Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, hyper::Error>>> {
        std::pin::Pin::new(&mut self.incoming).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        if http_body::Body::is_end_stream(&self.incoming)
            && let Some((pool, sender)) = self.home.take()
        {
            pool.borrow_mut().push(sender);
        }
    }
}
