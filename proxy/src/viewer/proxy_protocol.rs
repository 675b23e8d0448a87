//! The PROXY protocol, versions 1 and 2: who the viewer is, said in front of everything else by what stands before the edge.
//! Source: HAProxy, "The PROXY protocol, versions 1 & 2".
//!
//! [`read`] is a pure function over the bytes so far; [`take`] consumes exactly the header from a socket. Extensions (TLVs)
//! are passed over, their checksum is not verified: whoever sends the header is trusted by its address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// A version 1 line, with its end.
const LONGEST_LINE: usize = 107;
/// A version 2 header with its extensions. The protocol allows 64 KiB; what is in use comes to a few hundred bytes.
const LONGEST_HEADER: usize = 4_096;

const LINE: &[u8] = b"PROXY ";
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// What the bytes so far come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// They may begin a header, and all of them belong to it: there is more to come.
    Unfinished,
    /// A header is complete.
    Whole {
        length: usize,
        /// `None`: a connection of the sender's own, or not over TCP; the socket's address stands.
        viewer: Option<SocketAddr>,
    },
    /// No header begins like this.
    Malformed,
}

/// The viewer that the header on `stream` names, or `peer`, whose connection it is, where it names none. Nothing beyond the
/// header is consumed. Fails if something else comes, or nothing more.
pub(super) async fn take(stream: &mut TcpStream, peer: SocketAddr) -> io::Result<SocketAddr> {
    let mut bytes = vec![0; LONGEST_HEADER];
    let mut taken = 0;
    loop {
        let fresh = bytes.get_mut(taken..).unwrap_or_default();
        let seen = stream.peek(fresh).await?;
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let reading = read(bytes.get(..taken + seen).unwrap_or_default());
        let belongs = match reading {
            // Taken at once: as long as it lies in the socket, that is ready, and waiting for more would be a loop.
            Reading::Unfinished => seen,
            Reading::Whole { length, .. } => length.saturating_sub(taken),
            Reading::Malformed => return Err(io::ErrorKind::InvalidData.into()),
        };
        let header = bytes.get_mut(taken..taken + belongs).unwrap_or_default();
        stream.read_exact(header).await?;
        taken += belongs;
        if let Reading::Whole { viewer, .. } = reading {
            return Ok(viewer.unwrap_or(peer));
        }
    }
}

fn read(bytes: &[u8]) -> Reading {
    if begins_like(bytes, LINE) {
        read_line(bytes)
    } else if begins_like(bytes, SIGNATURE) {
        read_binary(bytes)
    } else {
        Reading::Malformed
    }
}

/// Whether `bytes` and `what` are the same as far as both go.
fn begins_like(bytes: &[u8], what: &[u8]) -> bool {
    bytes.iter().zip(what).all(|(one, other)| one == other)
}

/// Version 1: `PROXY TCP4 192.0.2.1 198.51.100.2 56324 443` and CR LF.
fn read_line(bytes: &[u8]) -> Reading {
    let line = bytes.get(..LONGEST_LINE).unwrap_or(bytes);
    let Some(end) = line.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() >= LONGEST_LINE {
            Reading::Malformed
        } else {
            Reading::Unfinished
        };
    };
    let said = line
        .get(..end)
        .and_then(|line| line.strip_suffix(b"\r"))
        .and_then(|line| std::str::from_utf8(line).ok())
        .and_then(|line| line.strip_prefix("PROXY "));
    let Some(said) = said else {
        return Reading::Malformed;
    };
    // Whatever follows that word is to be passed over.
    let names_nobody = said == "UNKNOWN" || said.starts_with("UNKNOWN ");
    let viewer = viewer_of_line(said);
    if viewer.is_none() && !names_nobody {
        return Reading::Malformed;
    }
    Reading::Whole {
        length: end + 1,
        viewer,
    }
}

/// Who a line names, `PROXY` left out.
fn viewer_of_line(said: &str) -> Option<SocketAddr> {
    let mut words = said.split(' ');
    let family = words.next()?;
    let [source, destination, source_port, destination_port] =
        [words.next()?, words.next()?, words.next()?, words.next()?];
    if words.next().is_some() {
        return None;
    }
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => text.parse().ok().map(IpAddr::V4),
            "TCP6" => text.parse().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let viewer = SocketAddr::new(address(source)?, port(source_port)?);
    address(destination)?;
    port(destination_port)?;
    Some(viewer)
}

/// Decimal, without a sign or a zero in front.
fn port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_short = text == "0" || !text.starts_with('0');
    text.parse().ok().filter(|_| is_plain && is_short)
}

/// Version 2: signature, version and command, family and protocol, length; then addresses and extensions.
fn read_binary(bytes: &[u8]) -> Reading {
    const LOCAL: u8 = 0x20;
    const PROXY: u8 = 0x21;
    let rest = bytes.get(SIGNATURE.len()..).unwrap_or_default();
    // What is wrong with a field is said as soon as it is there.
    if rest
        .first()
        .is_some_and(|command| !matches!(*command, LOCAL | PROXY))
    {
        return Reading::Malformed;
    }
    // The family is in the higher half: none, IPv4, IPv6, Unix; the protocol in the lower: none, stream, datagram.
    if rest
        .get(1)
        .is_some_and(|kind| kind >> 4 > 3 || kind & 0xf > 2)
    {
        return Reading::Malformed;
    }
    let [command, kind, high, low, after @ ..] = rest else {
        return Reading::Unfinished;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let whole = SIGNATURE.len() + 4 + length;
    if whole > LONGEST_HEADER {
        return Reading::Malformed;
    }
    let Some(block) = after.get(..length) else {
        return Reading::Unfinished;
    };
    let viewer = match (*command, *kind) {
        // TCP over IPv4: source, destination, their ports.
        (PROXY, 0x11) => match block {
            [a, b, c, d, _, _, _, _, high, low, _, _, ..] => Some(SocketAddr::new(
                Ipv4Addr::new(*a, *b, *c, *d).into(),
                u16::from_be_bytes([*high, *low]),
            )),
            _ => return Reading::Malformed,
        },
        (PROXY, 0x21) => match (block.first_chunk::<16>(), block.get(32..36)) {
            (Some(source), Some([high, low, _, _])) => Some(SocketAddr::new(
                Ipv6Addr::from(*source).into(),
                u16::from_be_bytes([*high, *low]),
            )),
            _ => return Reading::Malformed,
        },
        _ => None,
    };
    Reading::Whole {
        length: whole,
        viewer,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A version 2 header.
    fn binary(command: u8, kind: u8, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len()).expect("short").to_be_bytes();
        [SIGNATURE.as_slice(), &[command, kind], &length, block].concat()
    }

    const FOUR: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 0x01, 0xbb];

    fn six() -> Vec<u8> {
        let source: Ipv6Addr = "2001:db8::7".parse().expect("an address");
        [&source.octets()[..], &[0; 16], &[0xdc, 0x04, 0x01, 0xbb]].concat()
    }

    /// Headers and what they come to: `Some("")` keeps the socket's address, `None` is malformed.
    fn cases() -> Vec<(Vec<u8>, Option<&'static str>)> {
        let long = format!("PROXY UNKNOWN {}\r\n", "f".repeat(107 - 16));
        let too_long = format!("PROXY UNKNOWN {}\r\n", "f".repeat(107 - 15));
        let with_extensions = [FOUR, &[0x03, 0, 4, 1, 2, 3, 4]].concat();
        let unix = vec![b'/'; 216];
        vec![
            (
                b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n".into(),
                Some("192.0.2.1:56324"),
            ),
            (
                b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n".into(),
                Some("255.255.255.255:65535"),
            ),
            (
                b"PROXY TCP6 2001:db8::7 2001:db8::8 56324 443\r\n".into(),
                Some("[2001:db8::7]:56324"),
            ),
            (
                b"PROXY TCP4 192.0.2.1 198.51.100.2 0 0\r\n".into(),
                Some("192.0.2.1:0"),
            ),
            (b"PROXY UNKNOWN\r\n".into(), Some("")),
            (b"PROXY UNKNOWN ff:f::1 whatever 1\r\n".into(), Some("")),
            (long.into_bytes(), Some("")),
            (too_long.into_bytes(), None),
            (vec![b'x'; 200], None),
            ([b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat(), None),
            (
                b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n".into(),
                None,
            ),
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n".into(), None),
            (
                b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 \r\n".into(),
                None,
            ),
            (
                b"PROXY  TCP4 192.0.2.1 198.51.100.2 56324 443\r\n".into(),
                None,
            ),
            (
                b"PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n".into(),
                None,
            ),
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 +1 443\r\n".into(), None),
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 01 443\r\n".into(), None),
            (b"PROXY TCP4 192.0.2.01 198.51.100.2 1 443\r\n".into(), None),
            (b"PROXY TCP4 2001:db8::7 2001:db8::8 1 443\r\n".into(), None),
            (b"PROXY TCP6 192.0.2.1 198.51.100.2 1 443\r\n".into(), None),
            (b"PROXY UDP4 192.0.2.1 198.51.100.2 1 443\r\n".into(), None),
            (b"PROXY \xff\r\n".into(), None),
            (
                b"proxy TCP4 192.0.2.1 198.51.100.2 56324 443\r\n".into(),
                None,
            ),
            (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".into(), None),
            (b"\x16\x03\x01".into(), None),
            (binary(0x21, 0x11, FOUR), Some("192.0.2.1:56324")),
            (
                binary(0x21, 0x11, &with_extensions),
                Some("192.0.2.1:56324"),
            ),
            (binary(0x21, 0x21, &six()), Some("[2001:db8::7]:56324")),
            // Of its own accord: a health check.
            (binary(0x20, 0x11, FOUR), Some("")),
            (binary(0x20, 0x00, &[]), Some("")),
            (binary(0x21, 0x00, &[]), Some("")),
            // Not over TCP.
            (binary(0x21, 0x12, FOUR), Some("")),
            (binary(0x21, 0x31, &unix), Some("")),
            (binary(0x21, 0x11, &FOUR[..11]), None),
            (binary(0x21, 0x21, &six()[..35]), None),
            (binary(0x22, 0x11, FOUR), None),
            (binary(0x11, 0x11, FOUR), None),
            (binary(0x21, 0x41, FOUR), None),
            (binary(0x21, 0x13, FOUR), None),
            (binary(0x21, 0x11, &[0; LONGEST_HEADER]), None),
        ]
    }

    #[test]
    fn a_header_names_the_viewer() {
        for (bytes, expected) in cases() {
            let text = String::from_utf8_lossy(&bytes);
            let expected = match expected {
                None => Reading::Malformed,
                Some(viewer) => Reading::Whole {
                    length: bytes.len(),
                    viewer: viewer.parse().ok(),
                },
            };
            assert_eq!(read(&bytes), expected, "{text:?}");
        }
    }

    /// A good header, then anything.
    fn header_and_more() -> impl Strategy<Value = (Vec<u8>, usize)> {
        let good: Vec<Vec<u8>> = cases()
            .into_iter()
            .filter_map(|(bytes, viewer)| viewer.map(|_| bytes))
            .collect();
        (
            prop::sample::select(good),
            prop::collection::vec(any::<u8>(), 0..64),
        )
            .prop_map(|(header, more)| {
                let length = header.len();
                ([header, more].concat(), length)
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Wherever the bytes are split: before its end a header is unfinished, from there on whole, and what follows is
        /// nothing to it.
        #[test]
        fn a_header_ends_where_it_ends((bytes, length) in header_and_more(), at in any::<prop::sample::Index>()) {
            let split = at.index(bytes.len()) + 1;
            match read(&bytes[..split]) {
                Reading::Unfinished => prop_assert!(split < length),
                Reading::Whole { length: seen, .. } => {
                    prop_assert_eq!(seen, length);
                    prop_assert!(split >= length);
                }
                Reading::Malformed => prop_assert!(false, "malformed after {} bytes", split),
            }
        }

        /// Garbage comes to something, and to nothing beyond its end; what was malformed stays so.
        #[test]
        fn garbage_is_read_without_harm(
            start in prop::sample::select(vec![&b""[..], LINE, SIGNATURE, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0"]),
            rest in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let bytes = [start, &rest].concat();
            let mut was_malformed = false;
            for end in 0..=bytes.len() {
                let reading = read(&bytes[..end]);
                prop_assert!(!was_malformed || reading == Reading::Malformed);
                was_malformed = reading == Reading::Malformed;
                if let Reading::Whole { length, .. } = reading {
                    prop_assert!(length <= end);
                }
            }
        }
    }

    /// What follows the header is still in the socket, however the bytes come.
    #[tokio::test]
    async fn exactly_the_header_is_consumed() {
        use tokio::io::AsyncWriteExt;

        for (header, viewer) in cases() {
            let Some(viewer) = viewer else { continue };
            for size in [1, 7, 10_000] {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
                    .await
                    .expect("a port");
                let address = listener.local_addr().expect("an address");
                let mut sender = TcpStream::connect(address).await.expect("it listens");
                sender.set_nodelay(true).expect("an option");
                let (mut stream, peer) = listener.accept().await.expect("it came");
                let bytes = [header.as_slice(), b"GET"].concat();
                let sends = async {
                    for piece in bytes.chunks(size) {
                        sender.write_all(piece).await.expect("it is taken");
                        tokio::task::yield_now().await;
                    }
                };
                let takes = harness::patiently("a header", take(&mut stream, peer));
                let (taken, ()) = tokio::join!(takes, sends);
                assert_eq!(taken.expect("a header"), viewer.parse().unwrap_or(peer));
                let mut rest = [0; 3];
                let read = harness::patiently("the rest", stream.read_exact(&mut rest)).await;
                read.expect("the rest is there");
                assert_eq!(&rest, b"GET");
            }
        }
    }
}
