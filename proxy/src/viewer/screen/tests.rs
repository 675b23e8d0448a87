//! What is refused and what is not, one case a line; and that neither splits nor noise change it.

mod table;
mod through_hyper;

use proptest::prelude::*;
use tideover_rules::admit::Malformed;
use tokio::io::AsyncReadExt as _;

use super::reading::{Screen, Watching};
use super::{Fault, Screened};
use table::{CASES, Verdict};

/// What came of a stream, fed in these pieces.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    verdict: Verdict,
    /// How many bytes went through.
    passed: usize,
}

fn feed<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Outcome {
    let mut screen = Screen::new();
    let mut passed = 0;
    let mut whole = 0;
    for mut piece in pieces {
        while !piece.is_empty() {
            let seen = screen.see(piece);
            passed += seen;
            piece = &piece[seen..];
            whole += u64::from(screen.is_between() && seen > 0);
            if seen == 0 {
                assert!(matches!(
                    screen.watching(),
                    Watching::Shut | Watching::Broken
                ));
                break;
            }
        }
    }
    let verdict = screen.faulty().map_or(Verdict::Fine(whole), |faulty| {
        assert_eq!(faulty.request, whole + 1, "the fault is in the one at hand");
        Verdict::Fault(faulty.request, faulty.fault)
    });
    Outcome { verdict, passed }
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[test]
fn each_case_has_its_verdict() {
    for (bytes, expected) in CASES {
        assert_eq!(feed([*bytes]).verdict, *expected, "{}", shown(bytes));
    }
}

#[test]
fn each_case_has_its_verdict_byte_by_byte() {
    for (bytes, _) in CASES {
        assert_eq!(feed(bytes.chunks(1)), feed([*bytes]), "{}", shown(bytes));
    }
}

#[test]
fn each_case_has_its_verdict_as_a_second_request() {
    for before in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\0\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\n0\r\n\r\n",
    ] {
        for (bytes, expected) in CASES {
            let both = [before, *bytes].concat();
            assert_eq!(
                feed([&both[..]]).verdict,
                expected.behind_one(),
                "{}",
                shown(&both)
            );
        }
    }
}

/// A head at fault goes through to its own end and no further; a body to the byte before the fault.
#[test]
fn nothing_behind_a_fault_goes_through() {
    const NEXT: &[u8] = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for (bytes, expected) in CASES {
        let both = [bytes, NEXT].concat();
        match expected {
            Verdict::Fine(_) => {}
            Verdict::Fault(_, Fault::Head(_)) => {
                let end = feed([&both[..]]).passed;
                assert!(end <= bytes.len(), "{}", shown(&both));
                assert!(both[..end].ends_with(b"\n\r\n") || both[..end].ends_with(b"\n\n"));
            }
            Verdict::Fault(_, Fault::Body) => {
                assert!(feed([&both[..]]).passed < bytes.len(), "{}", shown(&both));
            }
        }
    }
}

/// Asking for another protocol is not enough to be let through unread.
#[test]
fn an_upgrade_that_was_not_granted_hides_nothing() {
    let asked =
        b"GET / HTTP/1.1\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nGET / HTTP/1.1\nHost: a\n\n";
    let fault = Fault::Head(Malformed::LineEnding);
    assert_eq!(feed([&asked[..]]).verdict, Verdict::Fault(2, fault));
}

const ASKED: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nuPGRADE: websocket\r\nConnection: upgrade\r\n\r\n";

/// Where a message ends that has an `Upgrade` field, however it is split; and nowhere else.
#[test]
fn a_message_that_asks_to_switch_is_known_at_its_end() {
    for (bytes, expected) in [
        (ASKED, true),
        (
            b"POST / HTTP/1.1\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\nab",
            true,
        ),
        (
            b"GET / HTTP/1.1\r\nUpgrade-Insecure-Requests: 1\r\nUser-Agent: u\r\n\r\n",
            false,
        ),
        (
            b"GET / HTTP/1.1\r\nUpgrade\r\nX-Upgrade: 1\r\nUpgrad: 1\r\n\r\n",
            false,
        ),
        (b"GET /upgrade:websocket HTTP/1.1\r\nX: a\r\n\r\n", false),
    ] {
        for step in [1, 2, 7, bytes.len()] {
            let mut screen = Screen::new();
            let mut seen = 0;
            for piece in bytes.chunks(step) {
                assert!(!screen.may_switch(), "{} at {seen}", shown(bytes));
                assert_eq!(screen.see(piece), piece.len(), "{}", shown(bytes));
                seen += piece.len();
            }
            assert_eq!(screen.may_switch(), expected, "{}", shown(bytes));
        }
    }
}

/// What follows such a message: kept as long as it is undecided, read on as HTTP if nothing is switched, and not looked at
/// if something is.
#[tokio::test]
async fn what_follows_a_request_to_switch_is_kept_until_it_is_decided() {
    const BEHIND: &[u8] =
        b"GET /next HTTP/1.1\r\nHost: a\r\n\r\nGET /bad HTTP/1.1\nHost: a\r\n\r\nGET";
    let both = [ASKED, BEHIND].concat();

    // Undecided from the moment on when the service has the request.
    let mut screened = Screened::new(&both[..]);
    let verdict = screened.verdict();
    let mut passed = [0; 1024];
    let read = screened.read(&mut passed).await.expect("no fault");
    assert_eq!(shown(&passed[..read]), shown(ASKED));
    verdict.is_asked_to_switch(true);
    let mut waits = Box::pin(screened.read(&mut passed));
    assert!(futures_are_pending(&mut waits));
    drop(waits);
    assert_eq!(verdict.faulty(), None);
    assert_eq!(shown(&screened.switched().read), shown(BEHIND));

    // Stays.
    let mut screened = Screened::new(&both[..]);
    let verdict = screened.verdict();
    let read = screened.read(&mut passed).await.expect("no fault");
    assert_eq!(read, ASKED.len());
    verdict.is_asked_to_switch(true);
    verdict.stays();
    let read = screened.read(&mut passed).await.expect("no fault yet");
    assert_eq!(
        shown(&passed[..read]),
        shown(BEHIND.strip_suffix(b"GET").expect("it ends so"))
    );
    let fault = Fault::Head(Malformed::LineEnding);
    let faulty = verdict.faulty().expect("it was seen");
    assert_eq!((faulty.request, faulty.fault), (3, fault));
}

fn futures_are_pending<F: Future + Unpin>(future: &mut F) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(future).poll(&mut context).is_pending()
}

#[test]
fn limits_of_a_body_are_kept() {
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let cases = [
        (
            format!("{head}1;{}\r\na\r\n0\r\n\r\n", "x".repeat(1000)),
            None,
        ),
        (
            format!("{head}1;{}\r\na\r\n0\r\n\r\n", "x".repeat(1100)),
            Some(Fault::Body),
        ),
        (
            format!("{head}{}1\r\na\r\n0\r\n\r\n", "0".repeat(1100)),
            Some(Fault::Body),
        ),
        (format!("{head}0\r\nA: {}\r\n\r\n", "x".repeat(8000)), None),
        (
            format!("{head}0\r\nA: {}\r\n\r\n", "x".repeat(9000)),
            Some(Fault::Body),
        ),
        (format!("{head}0\r\n{}\r\n", "A: b\r\n".repeat(32)), None),
        (
            format!("{head}0\r\n{}\r\n", "A: b\r\n".repeat(33)),
            Some(Fault::Body),
        ),
    ];
    for (bytes, fault) in cases {
        let expected = fault.map_or(Verdict::Fine(1), |fault| Verdict::Fault(1, fault));
        assert_eq!(feed([bytes.as_bytes()]).verdict, expected, "{bytes}");
        assert_eq!(
            feed(bytes.as_bytes().chunks(1)).verdict,
            expected,
            "{bytes}"
        );
    }
}

/// Cuts the bytes at these places (each modulo the length).
fn cut<'b>(bytes: &'b [u8], at: &[usize]) -> Vec<&'b [u8]> {
    let mut at: Vec<usize> = at.iter().map(|at| at % (bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

/// A request as a careful client would send it.
fn a_good_request() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![Just("GET"), Just("POST"), Just("DELETE"), Just("M-SEARCH")];
    let target = prop_oneof![
        "/[a-z0-9/._~%@:?=&-]{0,40}",
        Just("*".to_owned()),
        "http://[a-z]{1,9}(:[0-9]{2})?/[a-z@/]{0,9}",
    ];
    let name = "(X|C|T|c|t|Content-|Transfer-|Connection|Cookie|TE|Content-Length-|Trailer)[A-Za-z0-9_-]{1,12}";
    let name = name.prop_filter("has no framing of its own", |name| {
        !name.eq_ignore_ascii_case("content-length")
            && !name.eq_ignore_ascii_case("transfer-encoding")
    });
    let value = "[ \t]{0,2}[!-~\u{80}-\u{ff}]{0,30}(\t| )?";
    let field = (name, value).prop_map(|(name, value)| format!("{name}:{value}\r\n"));
    let fields = prop::collection::vec(field, 0..8);
    let body = prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(any::<u8>(), 0..60).prop_map(|body| {
            let mut bytes = format!("cOntent-Length: {} \r\n\r\n", body.len()).into_bytes();
            bytes.extend(body);
            bytes
        }),
        (
            prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..4),
            "( ?; ?[a-z]{1,3}( ?= ?([a-z0-9]{1,3}|\"[ !#-\\[\\]-~]{0,9}\"))?)?",
            "(A: b\r\n){0,3}"
        )
            .prop_map(|(chunks, extension, trailers)| {
                let mut bytes = b"Transfer-Encoding:Chunked\r\n\r\n".to_vec();
                for chunk in chunks {
                    bytes.extend(format!("{:x}{extension}\r\n", chunk.len()).bytes());
                    bytes.extend(chunk);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(format!("0{extension}\r\n{trailers}\r\n").bytes());
                bytes
            }),
    ];
    (0..2_usize, method, target, fields, body).prop_map(|(empty, method, target, fields, body)| {
        let mut bytes = "\r\n".repeat(empty).into_bytes();
        bytes.extend(format!("{method} {target} HTTP/1.1\r\n{}", fields.concat()).bytes());
        bytes.extend(if body.is_empty() {
            b"\r\n".to_vec()
        } else {
            body
        });
        bytes
    })
}

proptest! {
    #[test]
    fn good_requests_are_counted_and_go_through_whole(
        requests in prop::collection::vec(a_good_request(), 1..6),
        at in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let bytes = requests.concat();
        let outcome = feed(cut(&bytes, &at));
        prop_assert_eq!(outcome.verdict, Verdict::Fine(requests.len() as u64), "{}", shown(&bytes));
        prop_assert_eq!(outcome.passed, bytes.len());
    }

    #[test]
    fn splits_change_nothing(
        which in any::<prop::sample::Index>(),
        then in any::<prop::sample::Index>(),
        noise in prop::collection::vec((any::<usize>(), prop::sample::select(b"\r\n\0\t :;#@,chunked0aF1x/?\x7f\x80".to_vec())), 0..4),
        at in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let mut bytes = [which.get(CASES).0, then.get(CASES).0].concat();
        for (place, byte) in noise {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        prop_assert_eq!(feed(cut(&bytes, &at)), feed([&bytes[..]]), "{}", shown(&bytes));
    }

    #[test]
    fn noise_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..400), at in prop::collection::vec(any::<usize>(), 0..8)) {
        prop_assert_eq!(feed(cut(&bytes, &at)), feed([&bytes[..]]));
    }
}
