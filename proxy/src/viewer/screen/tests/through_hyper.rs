//! The screen and hyper together, on a connection: both see the same requests, and what the screen refuses is never taken for
//! a good one.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::table::{CASES, LEFT_TO_HYPER, Verdict};
use super::{a_good_request, cut, feed, shown};
use crate::viewer::screen::{Fault, Screened};

/// A request as the service got it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Call {
    /// With this body.
    Good(Bytes),
    /// Its body broke off.
    BadBody,
    /// The verdict was against its head.
    BadHead,
}

struct Served {
    calls: Vec<Call>,
    /// What the viewer got back.
    answers: Vec<u8>,
    ended: Result<(), hyper::Error>,
}

impl Served {
    fn good(&self) -> usize {
        self.calls
            .iter()
            .filter(|call| matches!(call, Call::Good(_)))
            .count()
    }
}

/// Serves what arrives in these pieces, behind the screen or without it, until hyper hangs up. A viewer that says nothing
/// more still gets its answers.
fn serve(pieces: &[&[u8]], is_screened: bool) -> Served {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let served = async {
            let (mut viewer, edge) = tokio::io::duplex(1 << 20);
            let screened = Screened::new(edge);
            let verdict = screened.verdict();
            let calls = Rc::new(RefCell::new(Vec::new()));
            let service = service_fn(|request: Request<Incoming>| {
                let (calls, verdict) = (Rc::clone(&calls), verdict.clone());
                async move {
                    let ordinal = calls.borrow().len() as u64 + 1;
                    calls.borrow_mut().push(Call::BadBody);
                    let call = match verdict.malformed(ordinal) {
                        Some(_) => Call::BadHead,
                        None => match request.into_body().collect().await {
                            Ok(body) => Call::Good(body.to_bytes()),
                            Err(_) => Call::BadBody,
                        },
                    };
                    let mut response = Response::new(Empty::<Bytes>::new());
                    if call == Call::BadHead {
                        *response.status_mut() = StatusCode::BAD_REQUEST;
                        response.headers_mut().insert(
                            header::CONNECTION,
                            header::HeaderValue::from_static("close"),
                        );
                    }
                    if let Some(last) = calls.borrow_mut().last_mut() {
                        *last = call;
                    }
                    Ok::<_, Infallible>(response)
                }
            });
            let mut answers = Vec::new();
            let sends = async {
                for piece in pieces {
                    if viewer.write_all(piece).await.is_err() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                let _ = viewer.shutdown().await;
                let _ = viewer.read_to_end(&mut answers).await;
            };
            let ended = if is_screened {
                let connection = http1::Builder::new()
                    .half_close(true)
                    .serve_connection(TokioIo::new(screened), service);
                tokio::join!(sends, connection).1
            } else {
                let connection = http1::Builder::new()
                    .half_close(true)
                    .serve_connection(TokioIo::new(screened.io), service);
                tokio::join!(sends, connection).1
            };
            let calls = calls.borrow().clone();
            Served {
                calls,
                answers,
                ended,
            }
        };
        tokio::time::timeout(Duration::from_secs(10), served)
            .await
            .expect("the connection ends")
    })
}

#[test]
fn a_refused_head_is_never_a_good_request() {
    for (bytes, expected) in CASES {
        let served = serve(&[bytes], true);
        let statuses = String::from_utf8_lossy(&served.answers)
            .matches(" 400 Bad Request\r\n")
            .count();
        match expected {
            Verdict::Fine(_) => assert!(!served.calls.contains(&Call::BadHead), "{}", shown(bytes)),
            Verdict::Fault(1, Fault::Head(_)) => {
                assert_eq!(served.good(), 0, "{}", shown(bytes));
                assert_eq!(statuses, 1, "{}", shown(bytes));
            }
            Verdict::Fault(_, Fault::Head(_)) => {
                panic!("the table has faults in first requests only")
            }
            Verdict::Fault(_, Fault::Body) => {
                assert_eq!(served.calls, [Call::BadBody], "{}", shown(bytes));
            }
        }
    }
}

#[test]
fn what_is_left_to_hyper_is_refused_by_it() {
    for bytes in LEFT_TO_HYPER {
        let served = serve(&[bytes], true);
        assert_eq!(served.calls, [], "{}", shown(bytes));
        assert!(
            served.answers.starts_with(b"HTTP/1.1 400 "),
            "{}",
            shown(bytes)
        );
    }
}

#[test]
fn a_broken_body_ends_in_an_error_that_says_so() {
    let mut screened =
        Screened::new(&b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello"[..]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let mut passed = Vec::new();
    let ended = runtime.block_on(screened.read_to_end(&mut passed));
    assert_eq!(
        ended.map_err(|error| error.kind()),
        Err(io::ErrorKind::InvalidData)
    );
    assert!(passed.ends_with(b"\r\n\r\n5"));
}

proptest! {
    /// Hyper alone counts the same requests as the screen, and with the screen before it reads the same bodies.
    #[test]
    fn good_requests_are_the_same_for_both(
        requests in prop::collection::vec(a_good_request(), 1..6),
        at in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let bytes = requests.concat();
        let pieces = cut(&bytes, &at);
        let (alone, screened) = (serve(&pieces, false), serve(&pieces, true));
        prop_assert_eq!(&alone.calls, &screened.calls, "{}", shown(&bytes));
        prop_assert_eq!(screened.good(), requests.len(), "{}", shown(&bytes));
        prop_assert!(screened.ended.is_ok());
    }

    /// Whatever is sent: as long as the screen finds no fault, it counts the requests that hyper counts.
    #[test]
    fn requests_without_a_fault_are_counted_alike(
        which in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        noise in prop::collection::vec((any::<usize>(), prop::sample::select(b"\r\n\0\t :;#@,chunked0aF1x/?\x7f\x80".to_vec())), 0..4),
        at in prop::collection::vec(any::<usize>(), 0..4),
    ) {
        let mut bytes: Vec<u8> = which.iter().flat_map(|which| which.get(CASES).0).copied().collect();
        for (place, byte) in noise {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        let pieces = cut(&bytes, &at);
        let outcome = feed(pieces.iter().copied());
        let (alone, screened) = (serve(&pieces, false), serve(&pieces, true));
        match outcome.verdict {
            Verdict::Fine(requests) => {
                prop_assert_eq!(&alone.calls, &screened.calls, "{}", shown(&bytes));
                // What hyper refuses by itself, a head or a body, ends the connection, and so do HTTP/1.0 and a good answer
                // to CONNECT.
                let went_on = screened.ended.is_ok()
                    && !screened.calls.contains(&Call::BadBody)
                    && !bytes.windows(8).any(|part| part == b"HTTP/1.0" || part == b"CONNECT ");
                if went_on {
                    prop_assert_eq!(screened.good() as u64, requests, "{}", shown(&bytes));
                } else {
                    prop_assert!(screened.good() as u64 <= requests, "{}", shown(&bytes));
                }
            }
            Verdict::Fault(request, _) => {
                prop_assert!((screened.good() as u64) < request, "{}", shown(&bytes));
                prop_assert!(screened.calls.len() as u64 <= request, "{}", shown(&bytes));
            }
        }
    }
}
