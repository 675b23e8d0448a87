//! What an origin does once it has read the head of a request.

use std::time::Duration;

use super::object::Object;
use crate::gate::Gate;

/// One thing that an origin does.
#[derive(Clone, Debug)]
pub enum Step {
    /// Reads the request body to its end.
    ReadBody,
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes unless the request was a HEAD.
    Body(Vec<u8>),
    /// Sends this many bytes of body, as fast as they are taken.
    Stream(u64),
    /// Answers as this object does.
    Object(Object),
    /// Sends these bytes again and again until the peer hangs up.
    SendForever(Vec<u8>),
    /// Does nothing for a while.
    Pause(Duration),
    /// Waits at a gate.
    Wait(Gate),
    /// Does nothing any more until the peer hangs up.
    Silence,
    /// Hangs up in order.
    Close,
    /// Hangs up with a reset.
    Reset,
}

/// The steps of one answer; then the connection is ready for the next request, unless a step has ended it.
#[derive(Clone, Debug, Default)]
pub struct Script(pub Vec<Step>);

impl<const N: usize> From<[Step; N]> for Script {
    fn from(steps: [Step; N]) -> Self {
        Self(steps.into())
    }
}

impl From<&Object> for Script {
    fn from(object: &Object) -> Self {
        Self(vec![Step::ReadBody, Step::Object(object.clone())])
    }
}

/// A well-formed answer.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    pieces: Option<Vec<Vec<u8>>>,
    trailers: Vec<(String, String)>,
    gap: Option<Duration>,
    waits: Option<Gate>,
    waits_before_body: Option<Gate>,
}

/// An answer with this status and no body.
pub fn answer(status: u16) -> Answer {
    Answer {
        status,
        headers: Vec::new(),
        body: Vec::new(),
        pieces: None,
        trailers: Vec::new(),
        gap: None,
        waits: None,
        waits_before_body: None,
    }
}

impl Answer {
    /// With a body of known length.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// With a chunked body.
    #[must_use]
    pub fn chunks<const N: usize>(mut self, pieces: [&str; N]) -> Self {
        self.pieces = Some(
            pieces
                .iter()
                .map(|piece| piece.as_bytes().to_vec())
                .collect(),
        );
        self
    }

    /// With a trailer after the chunks.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this header too.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this long a gap before each piece of the body.
    #[must_use]
    pub fn in_gaps_of(mut self, gap: Duration) -> Self {
        self.gap = Some(gap);
        self
    }

    /// Not before this gate is open.
    #[must_use]
    pub fn after(mut self, gate: &Gate) -> Self {
        self.waits = Some(gate.clone());
        self
    }

    /// The head at once, the body when this gate is open.
    #[must_use]
    pub fn body_after(mut self, gate: &Gate) -> Self {
        self.waits_before_body = Some(gate.clone());
        self
    }

    fn head(&self) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        let has_no_body = self.status < 200 || self.status == 204 || self.status == 304;
        if self.pieces.is_some() {
            text += "Transfer-Encoding: chunked\r\n";
        } else if !has_no_body {
            text += &format!("Content-Length: {}\r\n", self.body.len());
        }
        text += "\r\n";
        text.into_bytes()
    }
}

impl From<Answer> for Script {
    fn from(answer: Answer) -> Self {
        let mut steps = vec![Step::ReadBody];
        steps.extend(answer.waits.clone().map(Step::Wait));
        let head = answer.head();
        let gap = answer.gap.map(Step::Pause);
        let bodies: Vec<Vec<u8>> = match answer.pieces {
            Some(pieces) => {
                let mut chunks: Vec<Vec<u8>> = pieces
                    .iter()
                    .map(|piece| {
                        [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
                    })
                    .collect();
                let trailers: String = answer
                    .trailers
                    .iter()
                    .map(|(name, value)| format!("{name}: {value}\r\n"))
                    .collect();
                chunks.push(format!("0\r\n{trailers}\r\n").into_bytes());
                chunks
            }
            None => vec![answer.body],
        };
        steps.push(Step::Send(head));
        steps.extend(answer.waits_before_body.map(Step::Wait));
        for body in bodies {
            steps.extend(gap.clone());
            steps.push(Step::Body(body));
        }
        Self(steps)
    }
}
