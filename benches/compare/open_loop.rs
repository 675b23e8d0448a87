//! A load generator that asks at a fixed rate, whether or not the answers come: for latencies that mean something.
//!
//! `open-loop --port 8000 --path /1k --rate 4000 --connections 64 --seconds 5`, and if wanted `--warm-up SECONDS`,
//! `--method POST`, `--body-bytes N`, `--header 'Name: value'` (repeatable). It asks 127.0.0.1 over HTTP/1.1 and prints one
//! line of JSON, times in microseconds.
//!
//! Each connection has a thread that sleeps until its request is due, sends it and waits for the answer: with a few thousand
//! requests a second that costs less than it disturbs, and the thread wakes within some 50 µs. A request that is due while
//! its connection still waits for the answer before is sent as soon as that is there, and its latency counts from when it was
//! due, so that one slow answer is not one sample but as many as it held up (coordinated omission). A thread that merely woke
//! late counts from when it sent: that is the generator's own lateness, and it is reported as `late_p99_us`.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::ExitCode;
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

/// An answer that takes longer is a failed request.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    match Plan::from_arguments(std::env::args().skip(1)) {
        Ok(plan) => {
            println!("{}", run(&plan).json());
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("open-loop: {problem}");
            ExitCode::from(2)
        }
    }
}

/// What to ask, how often, for how long.
#[derive(Debug, PartialEq)]
struct Plan {
    port: u16,
    path: String,
    method: String,
    headers: Vec<String>,
    body_bytes: usize,
    /// Requests per second, all connections together.
    rate: f64,
    connections: u32,
    /// What counts; the warm-up before it does not.
    measured: Duration,
    warm_up: Duration,
}

impl Plan {
    fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut plan = Self {
            port: 0,
            path: "/".to_owned(),
            method: "GET".to_owned(),
            headers: Vec::new(),
            body_bytes: 0,
            rate: 4000.0,
            connections: 64,
            measured: Duration::from_secs(5),
            warm_up: Duration::ZERO,
        };
        while let Some(name) = arguments.next() {
            let value = arguments
                .next()
                .ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--port" => plan.port = parsed(&name, &value)?,
                "--path" => plan.path = value,
                "--method" => plan.method = value,
                "--header" => plan.headers.push(value),
                "--body-bytes" => plan.body_bytes = parsed(&name, &value)?,
                "--rate" => plan.rate = parsed(&name, &value)?,
                "--connections" => plan.connections = parsed(&name, &value)?,
                "--seconds" => plan.measured = seconds(&name, &value)?,
                "--warm-up" => plan.warm_up = seconds(&name, &value)?,
                _ => return Err(format!("{name} is not known")),
            }
        }
        if plan.port == 0 || plan.connections == 0 || !plan.rate.is_normal() || plan.rate < 0.0 {
            return Err("--port, --rate and --connections have to be above 0".to_owned());
        }
        Ok(plan)
    }

    fn request(&self) -> Vec<u8> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n",
            self.method, self.path, self.port
        );
        for header in &self.headers {
            head += &format!("{header}\r\n");
        }
        if self.body_bytes > 0 {
            head += &format!("Content-Length: {}\r\n", self.body_bytes);
        }
        let mut request = format!("{head}\r\n").into_bytes();
        request.resize(request.len() + self.body_bytes, b'x');
        request
    }

    /// When request `number` of connection `connection` is due, counted from the start. The connections take turns.
    fn due(&self, connection: u32, number: u32) -> Duration {
        let place = f64::from(connection) + f64::from(number) * f64::from(self.connections);
        Duration::from_secs_f64(place / self.rate)
    }
}

fn parsed<T: FromStr>(name: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{name} takes a number, not {value:?}"))
}

fn seconds(name: &str, value: &str) -> Result<Duration, String> {
    Duration::try_from_secs_f64(parsed(name, value)?)
        .map_err(|_| format!("{name} takes seconds, not {value:?}"))
}

/// What the connections saw, the warm-up left out.
#[derive(Debug, Default)]
struct Seen {
    latencies: Vec<Duration>,
    /// How late a request was sent although its connection was free.
    late: Vec<Duration>,
    /// Requests that were due while their connection still waited.
    held_up: u64,
    failed: u64,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.late.extend(other.late);
        self.held_up += other.held_up;
        self.failed += other.failed;
    }

    fn json(mut self) -> String {
        self.latencies.sort_unstable();
        self.late.sort_unstable();
        let latency = |share| micros(percentile(&self.latencies, share));
        format!(
            r#"{{"requests":{},"failed":{},"held_up":{},"p50_us":{:.1},"p99_us":{:.1},"p999_us":{:.1},"max_us":{:.1},"late_p99_us":{:.1}}}"#,
            self.latencies.len(),
            self.failed,
            self.held_up,
            latency(0.5),
            latency(0.99),
            latency(0.999),
            latency(1.0),
            micros(percentile(&self.late, 0.99)),
        )
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// The smallest value that is not exceeded by this share of all, nearest rank; zero of none. `sorted` ascends.
fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let reached = |at: &usize| {
        let rank = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let count = u32::try_from(sorted.len()).unwrap_or(u32::MAX);
        f64::from(rank) >= share * f64::from(count)
    };
    let at = (0..sorted.len()).find(reached);
    at.and_then(|at| sorted.get(at))
        .copied()
        .unwrap_or_default()
}

fn run(plan: &Plan) -> Seen {
    let request = &plan.request();
    // Every connection is open before the first request is due.
    let start = Instant::now() + Duration::from_millis(200);
    let mut seen = Seen::default();
    thread::scope(|scope| {
        let connections: Vec<_> = (0..plan.connections)
            .map(|number| scope.spawn(move || Connection::open(plan, request, number).play(start)))
            .collect();
        for connection in connections {
            match connection.join() {
                Ok(theirs) => seen.add(theirs),
                Err(_) => seen.failed += 1,
            }
        }
    });
    seen
}

/// One connection and its share of the requests.
struct Connection<'p> {
    plan: &'p Plan,
    request: &'p [u8],
    number: u32,
    /// None where the last answer closed it, or it failed: the next request opens another, in its own time.
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl<'p> Connection<'p> {
    fn open(plan: &'p Plan, request: &'p [u8], number: u32) -> Self {
        Self {
            plan,
            request,
            number,
            stream: connect(plan.port).ok(),
            buffer: vec![0; 64 * 1024],
        }
    }

    fn play(mut self, start: Instant) -> Seen {
        let mut seen = Seen::default();
        let measured_from = start + self.plan.warm_up;
        let end = measured_from + self.plan.measured;
        for number in 0.. {
            let due = start + self.plan.due(self.number, number);
            if due >= end {
                break;
            }
            let held_up = Instant::now() > due;
            if !held_up {
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            let sent = Instant::now();
            let answered = self.ask();
            if due < measured_from {
                continue;
            }
            match answered {
                Ok(()) if held_up => {
                    seen.held_up += 1;
                    seen.latencies.push(due.elapsed());
                }
                Ok(()) => {
                    seen.late.push(sent.duration_since(due));
                    seen.latencies.push(sent.elapsed());
                }
                Err(_) => seen.failed += 1,
            }
        }
        seen
    }

    /// Sends the request and reads the whole answer. Anything but 200 is an error, and the connection is given up.
    fn ask(&mut self) -> io::Result<()> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.plan.port)?,
        };
        stream.write_all(self.request)?;
        if read_answer(&mut stream, &mut self.buffer)? {
            self.stream = Some(stream);
        }
        Ok(())
    }
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    Ok(stream)
}

/// Reads one answer; whether the connection can take another request. `buffer` has to hold the head.
fn read_answer(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    let mut filled = 0;
    let head = loop {
        let room = buffer.get_mut(filled..).unwrap_or_default();
        let read = stream.read(room)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
        let text = buffer.get(..filled).unwrap_or_default();
        if let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") {
            break Head::of(text.get(..end).unwrap_or_default(), filled - end - 4)?;
        }
    };
    let mut left = head.body_left;
    while left > 0 {
        let read = stream.read(buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left = left.saturating_sub(read);
    }
    Ok(!head.closes)
}

/// What matters of an answer's head.
#[derive(Debug, PartialEq)]
struct Head {
    body_left: usize,
    closes: bool,
}

impl Head {
    /// `already` bytes of the body came with the head. An answer without Content-Length is not understood: all that are
    /// asked for here have one.
    fn of(head: &[u8], already: usize) -> io::Result<Self> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let head = str::from_utf8(head).map_err(|_| wrong("the head is no text"))?;
        let mut lines = head.split("\r\n");
        if lines.next().and_then(|line| line.split(' ').nth(1)) != Some("200") {
            return Err(wrong("not a 200"));
        }
        let (mut length, mut closes) = (None, false);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse::<usize>().ok();
            } else if name.eq_ignore_ascii_case("connection") {
                closes = value.trim().eq_ignore_ascii_case("close");
            }
        }
        let length = length.ok_or_else(|| wrong("no Content-Length"))?;
        Ok(Self {
            body_left: length.saturating_sub(already),
            closes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &str) -> Result<Plan, String> {
        Plan::from_arguments(arguments.split(' ').map(str::to_owned))
    }

    #[test]
    fn connections_take_turns_at_the_rate_of_all() {
        let plan = plan("--port 80 --rate 1000 --connections 4").expect("a plan");
        let due: Vec<_> = [(0, 0), (1, 0), (3, 0), (0, 1), (1, 1)]
            .map(|(connection, number)| plan.due(connection, number).as_millis())
            .into();
        assert_eq!(due, [0, 1, 3, 4, 5]);
    }

    #[test]
    fn arguments_that_make_no_plan_are_refused() {
        for arguments in [
            "--port",
            "--port 80 --rate 0",
            "--port x",
            "--rate 10",
            "--port 80 --seconds -1",
            "--port 80 --pace 3",
        ] {
            assert!(plan(arguments).is_err(), "{arguments}");
        }
    }

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        let times: Vec<_> = (1..=1000).map(Duration::from_micros).collect();
        for (share, expected) in [(0.5, 500), (0.99, 990), (0.999, 999), (1.0, 1000)] {
            assert_eq!(
                percentile(&times, share),
                Duration::from_micros(expected),
                "{share}"
            );
        }
        assert_eq!(percentile(&[], 0.5), Duration::ZERO);
    }

    #[test]
    fn an_answer_is_read_to_its_end() {
        let mut buffer = vec![0; 64];
        let answer = |text: &'static str| text.as_bytes();
        let kept = read_answer(
            &mut answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"),
            &mut buffer,
        );
        assert!(kept.expect("a whole answer"));
        let closed = read_answer(
            &mut answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
            &mut buffer,
        );
        assert!(!closed.expect("a whole answer"));
        for broken in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
        ] {
            assert!(
                read_answer(&mut answer(broken), &mut buffer).is_err(),
                "{broken:?}"
            );
        }
    }
}
