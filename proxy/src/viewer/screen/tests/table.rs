//! One case a line: what a viewer sends, and what the screen says.

use tideover_rules::admit::Malformed::{
    self, ContentLength, Fragment, InvalidTarget, LengthAndTransferEncoding, LineEnding,
    TransferEncoding,
};

use crate::viewer::screen::Fault;

/// What came of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// So many whole requests and no fault.
    Fine(u64),
    /// The request with this ordinal is at fault.
    Fault(u64, Fault),
}

impl Verdict {
    /// The same with one good request before.
    pub(super) fn behind_one(self) -> Self {
        match self {
            Self::Fine(requests) => Self::Fine(requests + 1),
            Self::Fault(request, fault) => Self::Fault(request + 1, fault),
        }
    }
}

const fn fine(requests: u64) -> Verdict {
    Verdict::Fine(requests)
}

const fn head(malformed: Malformed) -> Verdict {
    Verdict::Fault(1, Fault::Head(malformed))
}

const BODY: Verdict = Verdict::Fault(1, Fault::Body);

/// A POST with one framing line, and what follows the head.
macro_rules! post {
    ($framing:literal) => {
        post!($framing, "")
    };
    ($framing:literal, $body:literal) => {
        concat!(
            "POST / HTTP/1.1\r\nHost: a\r\n",
            $framing,
            "\r\n\r\n",
            $body
        )
        .as_bytes()
    };
}

/// A POST with these chunks.
macro_rules! chunked {
    ($body:literal) => {
        post!("Transfer-Encoding: chunked", $body)
    };
}

#[rustfmt::skip]
pub(super) const CASES: &[(&[u8], Verdict)] = &[
    // Good ones.
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", fine(1)),
    (b"GET / HTTP/1.0\r\n\r\n", fine(1)),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /b HTTP/1.1\r\nHost: a\r\n\r\n", fine(2)),
    (b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", fine(1)),
    (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", fine(1)),
    (b"GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", fine(1)),
    (b"GET http://a/b@c HTTP/1.1\r\nHost: a\r\n\r\n", fine(1)),
    (b"GET http://a?b@c HTTP/1.1\r\nHost: a\r\n\r\n", fine(1)),
    (b"GET /a@b HTTP/1.1\r\nHost: a\r\n\r\n", fine(1)),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX:\ta\tb\t\r\nY:\r\n\r\n", fine(1)),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: \xe4\xff#@\r\n\r\n", fine(1)),
    (b"GET / HTTP/1.1\r\nHost: a\r\nC: a\r\nT: b\r\nContent-Type: c\r\nTE: d\r\nContent-Length-X: 1\r\n\r\n", fine(1)),
    (post!("Content-Length: 0"), fine(1)),
    (post!("Content_Type: x\r\nContent-Length: 0"), fine(1)),
    (post!("Transfer_X: x\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), fine(1)),
    (post!("Content_Length-X: 1\r\nContent_Length_X: 1\r\nContent_: 2"), fine(1)),
    (post!("Content-Length: 5", "\n\n\0\r "), fine(1)),
    (post!("content-LENGTH:\t5 \t", "hello"), fine(1)),
    (post!("Content-Length: 18446744073709551000", "hello"), fine(0)),
    (post!("TRANSFER-encoding:CHUNKED\t", "0\r\n\r\n"), fine(1)),
    (chunked!("5\r\n\n\n\0\r \r\n0\r\n\r\n"), fine(1)),
    (chunked!("005;a=\"b\";c\r\nhello\r\n00 \t;d\r\n\r\n"), fine(1)),
    (chunked!("5 ; a = b\t;c=\"\\\"\\\\;\" ;d\r\nhello\r\n0\r\n\r\n"), fine(1)),
    (chunked!("Aa\r\n"), fine(0)),
    (chunked!("ffffffffffffffff\r\n"), fine(0)),
    (chunked!("1\r\na\r\n0\r\nX: y\r\nC: t\r\nT: c\r\n\r\n"), fine(1)),

    // Line ends.
    (b"GET / HTTP/1.1\nHost: a\r\n\r\n", head(LineEnding)),
    (b"GET / HTTP/1.1\r\nHost: a\n\r\n", head(LineEnding)),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\n", head(LineEnding)),
    (b"GET / HTTP/1.1\nHost: a\n\n", head(LineEnding)),
    (b"GET / HTTP/1.1\n\n", head(LineEnding)),
    (b"GET / HTTP/1.0\r\n\n", head(LineEnding)),
    (b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", head(LineEnding)),
    (b"\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", head(LineEnding)),
    (b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", head(LineEnding)),
    (b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", head(LineEnding)),
    (b"\r\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", head(LineEnding)),
    (b"GET / HTTP/1.1\rHost: a\r\n\r\n", head(LineEnding)),
    (b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", head(LineEnding)),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n", head(LineEnding)),
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\r\n", head(LineEnding)),
    (b"GET / HTTP/1.1\r\n\0: a\r\n\r\n", head(LineEnding)),
    (b"GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n", head(LineEnding)),
    (b"GET / HTTP/1.1\r\nX: a\r\n\tb\r\n\r\n", head(LineEnding)),
    (b"GET / HTTP/1.1\r\n X: a\r\n\r\n", head(LineEnding)),
    (b"GET / HTTP/1.1\r\nContent-Length:\r\n 5\r\n\r\n", head(ContentLength)),
    (b"GET / HTTP/1.1\r\nX: a\r\nContent-Length: 0\n\r\n", head(ContentLength)),
    (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\n\r\n", head(TransferEncoding)),

    // The request line.
    (b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", head(Fragment)),
    (b"GET /# HTTP/1.1\r\nHost: a\r\n\r\n", head(Fragment)),
    (b"GET # HTTP/1.1\r\nHost: a\r\n\r\n", head(Fragment)),
    (b"GET http://a/b#c HTTP/1.1\r\nHost: a\r\n\r\n", head(Fragment)),
    (b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", head(InvalidTarget)),
    (b"GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n", head(InvalidTarget)),
    (b"CONNECT u@a:80 HTTP/1.1\r\nHost: a\r\n\r\n", head(InvalidTarget)),
    (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", head(InvalidTarget)),
    (b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", head(InvalidTarget)),
    (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", head(LineEnding)),
    (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", head(InvalidTarget)),
    (b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", head(LineEnding)),
    (b"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", head(LineEnding)),
    (b"GET /\x0b HTTP/1.1\r\nHost: a\r\n\r\n", head(LineEnding)),
    (b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", head(InvalidTarget)),
    (b"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", head(InvalidTarget)),
    (b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", head(LineEnding)),
    (b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", head(InvalidTarget)),
    (b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", head(InvalidTarget)),
    (b"G\xc4T / HTTP/1.1\r\nHost: a\r\n\r\n", head(InvalidTarget)),
    (b"{} / HTTP/1.1\r\nHost: a\r\n\r\n", head(InvalidTarget)),
    (b"GET / http/1.1\r\nHost: a\r\n\r\n", head(InvalidTarget)),
    (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", head(InvalidTarget)),
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", head(InvalidTarget)),
    (b"GET / HTTP/01.1\r\nHost: a\r\n\r\n", head(InvalidTarget)),
    (b"GET / HTTP/1.01\r\nHost: a\r\n\r\n", head(LineEnding)),
    (b"GET / HTTP/1.\r\nHost: a\r\n\r\n", head(LineEnding)),
    (b"GET / HTTPS/1.1\r\nHost: a\r\n\r\n", head(InvalidTarget)),
    (b"GET /\r\n\r\n", head(LineEnding)),
    (b"GET / \r\n\r\n", head(LineEnding)),
    (b"GET\r\n\r\n", head(LineEnding)),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", head(InvalidTarget)),

    // Content-Length.
    (post!("Content-Length: +5", "hello"), head(ContentLength)),
    (post!("Content-Length: 05", "hello"), head(ContentLength)),
    (post!("Content-Length: 00"), head(ContentLength)),
    (post!("Content-Length: -5", "hello"), head(ContentLength)),
    (post!("Content-Length: 5,5", "hello"), head(ContentLength)),
    (post!("Content-Length: 5, 5", "hello"), head(ContentLength)),
    (post!("Content-Length: 5 5", "hello"), head(ContentLength)),
    (post!("Content-Length: 0x5", "hello"), head(ContentLength)),
    (post!("Content-Length: 5.0", "hello"), head(ContentLength)),
    (post!("Content-Length: \"5\"", "hello"), head(ContentLength)),
    (post!("Content-Length:", "hello"), head(ContentLength)),
    (post!("Content-Length: \t", "hello"), head(ContentLength)),
    (post!("Content-Length: \x0b5", "hello"), head(ContentLength)),
    (post!("Content-Length : 5", "hello"), head(ContentLength)),
    (post!("Content_Length: 5", "hello"), head(ContentLength)),
    (post!("Content-Length: 5\r\nCONTENT_LENGTH: 9", "hello"), head(ContentLength)),
    (post!("Content-Length\t: 5", "hello"), head(ContentLength)),
    (post!("Content-Length", "hello"), head(ContentLength)),
    (post!("Content-Length: 18446744073709551616", "hello"), head(ContentLength)),
    (post!("Content-Length: 99999999999999999999999", "hello"), head(ContentLength)),
    (post!("Content-Length: 5\r\nContent-Length: 5", "hello"), head(ContentLength)),
    (post!("Content-Length: 5\r\ncontent-length: 6", "hello"), head(ContentLength)),
    (post!("Content-Length: 0\r\nX: y\r\nContent-Length: 0"), head(ContentLength)),

    // Transfer-Encoding.
    (post!("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), head(LengthAndTransferEncoding)),
    (post!("Transfer-Encoding: chunked\r\nX: y\r\nContent-Length: 5", "0\r\n\r\n"), head(LengthAndTransferEncoding)),
    (post!("Transfer-Encoding: chunked\r\nContent-Length: nonsense", "0\r\n\r\n"), head(LengthAndTransferEncoding)),
    (post!("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding: chunked, chunked", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding: chunked, identity", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding: identity", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding: xchunked", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding: chunkedx", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding: chunk", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding: ,chunked", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding: chunked,", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding: chunked;q=1", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding: \"chunked\"", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding: \x0bchunked", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding: chunked\x0c", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding:", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding : chunked", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer_Encoding: chunked", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding\0: chunked", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding:\r\n chunked", "0\r\n\r\n"), head(TransferEncoding)),
    (post!("Transfer-Encoding: chun\r\n ked", "0\r\n\r\n"), head(TransferEncoding)),
    (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", head(TransferEncoding)),

    // Chunks.
    (chunked!("0x5\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("+5\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("-5\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!(" 5\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5 \r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5\t\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5 5\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5_5\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5g\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!(";a\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("10000000000000000\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("10000000000000005\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5;\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5;a;\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5;a[=x\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5;a=\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5;a \r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5;a=b \r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5;a b\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5;a=\"b\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5;a=\"b\"c\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5\rhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5;a\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5;a\rb\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5;a\0\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5;a=\x0b\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5;a\x7f\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("5\r\nhello\n0\r\n\r\n"), BODY),
    (chunked!("5\r\nhello\r0\r\n\r\n"), BODY),
    (chunked!("5\r\nhello0\r\n\r\n"), BODY),
    (chunked!("5\r\nhelloXX\r\n0\r\n\r\n"), BODY),
    (chunked!("4\r\nhello\r\n0\r\n\r\n"), BODY),
    (chunked!("0\n\r\n"), BODY),
    (chunked!("0\r\n\n"), BODY),
    (chunked!("0\r\n\r\r\n"), BODY),
    (chunked!("0\r\nX: y\n\r\n"), BODY),
    (chunked!("0\r\nX: y\r\n\n"), BODY),
    (chunked!("0\r\nX: y\0\r\n\r\n"), BODY),
    (chunked!("0\r\nX: y\r\n z\r\n\r\n"), BODY),
    (chunked!("0\r\nContent-Length: 5\r\n\r\n"), BODY),
    (chunked!("0\r\nTransfer-Encoding: chunked\r\n\r\n"), BODY),
];

/// What is in a field line besides its end is hyper's to judge, and it refuses these.
#[rustfmt::skip]
pub(super) const LEFT_TO_HYPER: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n",
    b"GET / HTTP/1.1\r\nX\0: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: a\x0bb\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: a\x1b\r\n\r\n",
    b"GET / HTTP/1.1\r\nX: a\x7f\r\n\r\n",
    b"GET / HTTP/1.1\r\nX : a\r\n\r\n",
    b"GET / HTTP/1.1\r\n: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nX\r\n\r\n",
    b"GET / HTTP/1.1\r\nX[: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nX\rTransfer-Encoding: chunked\r\n\r\n",
    b"POST / HTTP/1.1\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
];
