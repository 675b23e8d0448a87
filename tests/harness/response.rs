//! What a viewer got, and the expectations that a scenario has of it.

use std::time::Duration;

use crate::viewer::Line;
use crate::wire::{Body, Head};

/// One final answer with everything before it.
#[derive(Debug)]
pub struct Response {
    /// The three digits.
    pub status: u16,
    /// Status line and headers.
    pub head: Head,
    /// Statuses of the interim answers before it, 101 excepted.
    pub interim: Vec<u16>,
    /// As far as it came.
    pub body: Vec<u8>,
    /// After a chunked body.
    pub trailers: Vec<(String, String)>,
    /// The body came to its proper end.
    pub whole: bool,
    /// From the first byte of the request (connecting included) to the end of the head.
    pub head_took: Duration,
    /// The same to the end of the body.
    pub took: Duration,
    pub(crate) closed: Option<Line>,
}

impl Response {
    pub(crate) fn new(head: Head) -> Self {
        let status = head.first_line.split(' ').nth(1);
        Self {
            status: status.and_then(|text| text.parse().ok()).unwrap_or(0),
            head,
            interim: Vec::new(),
            body: Vec::new(),
            trailers: Vec::new(),
            whole: false,
            head_took: Duration::ZERO,
            took: Duration::ZERO,
            closed: None,
        }
    }

    pub(crate) fn set_body(&mut self, body: Body) {
        self.body = body.bytes;
        self.trailers = body.trailers;
        self.whole = body.whole;
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first value of this header, or an empty text.
    pub fn value(&self, name: &str) -> &str {
        self.head.header(name).unwrap_or_default()
    }

    /// All values of this header, in order.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let headers = self.head.headers.iter();
        headers
            .filter(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// What `Tideover-Attempts` tells, without the times.
    pub fn attempts(&self) -> String {
        let items = self.value("tideover-attempts").split(", ");
        let without_times = items.map(|item| item.split(";ms=").next().unwrap_or_default());
        without_times.collect::<Vec<_>>().join(", ")
    }

    fn story(&self) -> String {
        let body: String = self.text().chars().take(600).collect();
        let headers: Vec<String> = self
            .head
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        format!(
            "\n{}\n{}\n\n{body}\n",
            self.head.first_line,
            headers.join("\n")
        )
    }

    /// The status is `status`.
    ///
    /// # Panics
    /// When it is not, like every expectation below.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "the status of {}", self.story());
        self
    }

    /// The body is this, and whole.
    #[track_caller]
    pub fn body(&self, expected: &str) -> &Self {
        assert_eq!(self.text(), expected, "the body of {}", self.story());
        self.whole()
    }

    /// The body holds this.
    #[track_caller]
    pub fn body_has(&self, part: &str) -> &Self {
        assert!(
            self.text().contains(part),
            "no {part:?} in the body of {}",
            self.story()
        );
        self
    }

    /// The body does not hold this.
    #[track_caller]
    pub fn body_lacks(&self, part: &str) -> &Self {
        assert!(
            !self.text().contains(part),
            "{part:?} in the body of {}",
            self.story()
        );
        self
    }

    /// There is exactly one header of this name, and this is its value.
    #[track_caller]
    pub fn header(&self, name: &str, value: &str) -> &Self {
        let values: Vec<&str> = self.head.all(name).collect();
        assert_eq!(values, [value], "{name} of {}", self.story());
        self
    }

    /// A header of this name holds this.
    #[track_caller]
    pub fn header_has(&self, name: &str, part: &str) -> &Self {
        let held = self.head.all(name).any(|value| value.contains(part));
        assert!(held, "no {part:?} in {name} of {}", self.story());
        self
    }

    /// There is no header of this name.
    #[track_caller]
    pub fn no_header(&self, name: &str) -> &Self {
        assert_eq!(self.head.header(name), None, "{name} of {}", self.story());
        self
    }

    /// The body came to its proper end.
    #[track_caller]
    pub fn whole(&self) -> &Self {
        assert!(self.whole, "the body was cut: {}", self.story());
        self
    }

    /// The body did not come to its proper end.
    #[track_caller]
    pub fn cut(&self) -> &Self {
        assert!(!self.whole, "the body looks complete: {}", self.story());
        self
    }

    /// Head and body took less than this.
    #[track_caller]
    pub fn took_less_than(&self, limit: Duration) -> &Self {
        assert!(
            self.took < limit,
            "took {:?}, not less than {limit:?}: {}",
            self.took,
            self.story()
        );
        self
    }

    /// Head and body took at least this.
    #[track_caller]
    pub fn took_at_least(&self, limit: Duration) -> &Self {
        assert!(
            self.took >= limit,
            "took only {:?}, not {limit:?}: {}",
            self.took,
            self.story()
        );
        self
    }

    /// The server hangs up after this answer; only for answers to [`Viewer::sends`](crate::Viewer::sends).
    pub async fn closes(&mut self) -> &Self {
        let line = self.closed.as_mut().expect("asked by `sends`");
        line.until_closed().await;
        self
    }
}
