//! The program from outside: exit codes, what goes to which stream, signals.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

#[path = "program/alarms.rs"]
mod alarms;
#[path = "program/before_nginx.rs"]
mod before_nginx;
#[path = "program/cache_bound.rs"]
mod cache_bound;
#[path = "program/change.rs"]
mod change;
#[path = "program/config_files.rs"]
mod config_files;
#[path = "program/drill.rs"]
mod drill;
#[path = "program/environment.rs"]
mod environment;
#[path = "program/invalidate.rs"]
mod invalidate;
#[path = "program/journal.rs"]
mod journal;
#[path = "program/lifecycle.rs"]
mod lifecycle;
#[path = "program/log_on_stdout.rs"]
mod log_on_stdout;
#[path = "program/open_files.rs"]
mod open_files;
#[path = "program/stalled.rs"]
mod stalled;
#[path = "program/switch.rs"]
mod switch;

fn tideover() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tideover"));
    // Whoever runs the tests may have settings of their own.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TIDEOVER_") {
            command.env_remove(name);
        }
    }
    command
}

fn output(arguments: &[&str]) -> Output {
    tideover()
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

/// Exit code, standard output, standard error.
fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// A config file in the folder that Cargo gives to tests.
fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    // What a run that broke off has left may be no file.
    let _ = std::fs::remove_file(&path);
    std::fs::write(&path, text).expect("a file can be written");
    path
}

const PAGE_ONLY: &str = r#"
[listen]
http = "127.0.0.1:0"

[origin.page]
page = true

[distribution.one.default_behavior]
target = "page"
"#;

/// A program that serves; killed when dropped.
struct Serving {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
    address: String,
    /// All that it said on standard output before `ready`.
    said: Vec<String>,
}

/// What the program says that is run beside an edge whose admin listener is there.
fn operates(admin: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = tideover();
    let output = command.args(arguments).args(["--admin", admin]).output();
    said(&output.expect("the program starts"))
}

impl Serving {
    /// Returns when it says `ready`.
    fn start(command: &mut Command) -> Self {
        Self::of(Self::child(command.stdin(Stdio::null())))
    }

    /// With this config and an admin listener, and where that is.
    fn with_admin(config: &Path) -> (Self, String) {
        let mut command = tideover();
        let command = command.args(["run", "--admin", "127.0.0.1:0", "--config"]);
        let serving = Self::start(command.arg(config));
        let mut said = serving.said.iter();
        let admin = said.find_map(|line| line.strip_prefix("listening admin "));
        let admin = admin.expect("it says where it is").trim().to_owned();
        (serving, admin)
    }

    /// Started, and perhaps not ready yet.
    fn child(command: &mut Command) -> Child {
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts")
    }

    /// Returns when it says `ready`.
    fn of(mut child: Child) -> Self {
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let err = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut serving = Self {
            child,
            out,
            err,
            address: String::new(),
            said: Vec::new(),
        };
        loop {
            let mut line = String::new();
            let read = serving.out.read_line(&mut line).expect("a line");
            assert!(read > 0, "it ended before it was ready: {:?}", serving.said);
            if let Some(http) = line.strip_prefix("listening http ") {
                http.trim().clone_into(&mut serving.address);
            }
            if line == "ready\n" {
                return serving;
            }
            assert!(line.starts_with("listening "), "{line:?} before ready");
            serving.said.push(line);
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Reads what it says on standard error until a line has these words.
    fn says(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.err.read_line(&mut line).expect("a line");
            assert!(read > 0, "it ended without saying {words:?}");
            if line.contains(words) {
                return line;
            }
        }
    }

    fn get(&self) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// The exit code, and what was still to be said on both streams.
    fn ends(mut self) -> (Option<i32>, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.err.read_to_string(&mut err).expect("text");
        self.out.read_to_string(&mut out).expect("text");
        let status = self.child.wait().expect("it ends");
        (status.code(), out, err)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Ended already, mostly.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn wrong_usage_is_2_and_a_config_that_does_not_load_is_1() {
    let broken = file("broken.toml", "[origin.a]\nurll = \"http://127.0.0.1:1\"\n");
    let broken = broken.to_str().expect("a path");
    for (arguments, code, words) in [
        (&["run"][..], 2, "--config FILE or --origin URL"),
        (&["walk"], 2, "unrecognized subcommand"),
        (
            &["run", "--origin", "http://127.0.0.1:1", "--workers", "0"],
            2,
            "1..=1024",
        ),
        (
            &["run", "--origin", "http://127.0.0.1:1", "--map", "a"],
            2,
            "ORIGIN=URL",
        ),
        (&["run", "--config", broken], 1, "urll"),
        (
            &["run", "--config", "/nowhere/at/all.toml"],
            1,
            "/nowhere/at/all.toml",
        ),
        (&["check", broken], 1, "url"),
        (&["explain", "--config", broken, "GET", "/"], 1, "urll"),
        (&["healthcheck", "127.0.0.1"], 2, "IP:PORT"),
        (&["healthcheck", "127.0.0.1:1"], 1, "not healthy"),
    ] {
        let (seen, out, err) = said(&output(arguments));
        assert_eq!(seen, Some(code), "{arguments:?}: {err}");
        assert_eq!(out, "", "{arguments:?}");
        assert!(err.contains(words), "{arguments:?}: {err}");
    }
}

#[test]
fn check_counts_warnings_only_when_it_is_told_to() {
    let config = file(
        "warned.toml",
        r#"
[origin.app]
url = "http://127.0.0.1:1"

[[distribution.one.behavior]]
path = "/*"
target = "app"

[[distribution.one.behavior]]
path = "/images/*"
target = "app"

[distribution.one.default_behavior]
target = "app"
"#,
    );
    let config = config.to_str().expect("a path");
    for (arguments, code) in [
        (&["check", config][..], 0),
        (&["check", config, "--strict"], 1),
    ] {
        let (seen, out, err) = said(&output(arguments));
        assert_eq!(seen, Some(code), "{err}");
        assert_eq!(out, "");
        assert!(err.contains("/images/*"), "{err}");
    }
    let (_, out, _) = said(&output(&["check", config, "--json"]));
    let list: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let severities: Vec<_> = list
        .as_array()
        .expect("a list")
        .iter()
        .map(|problem| problem["severity"].as_str())
        .collect();
    assert!(severities.contains(&Some("warning")), "{out}");

    let (_, printed, _) = said(&output(&["check", config, "--print"]));
    let again = file("printed.toml", &printed);
    let (code, _, err) = said(&output(&["check", again.to_str().expect("a path")]));
    assert_eq!(code, Some(0), "{err}\n{printed}");
}

#[test]
fn the_environment_sets_flags_and_unknown_names_only_warn() {
    let config = file("from-environment.toml", PAGE_ONLY);
    let serving = Serving::start(
        tideover()
            .arg("run")
            .env("TIDEOVER_CONFIG", &config)
            .env("TIDEOVER_LISTEN", "127.0.0.1:0 [::1]:0")
            .env("TIDEOVER_WORKRES", "2"),
    );
    serving.signal(Signal::TERM);
    let (code, out, err) = serving.ends();
    assert_eq!((code, out.as_str()), (Some(0), ""));
    assert!(err.contains("TIDEOVER_WORKRES"), "{err}");
}

#[test]
fn a_served_request_is_in_the_summary_of_a_drained_edge() {
    let config = file("drained.toml", PAGE_ONLY);
    let mut serving = Serving::start(tideover().args(["run", "--config"]).arg(&config));
    let mode = serving.says("mode ");
    assert!(
        mode.contains("resilient") && mode.contains("default"),
        "{mode}"
    );
    serving.says("files may be open");
    let answer = serving.get();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    serving.signal(Signal::INT);
    let (code, _, err) = serving.ends();
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("\n1 request, "), "{err}");
}

#[test]
fn a_second_signal_ends_at_once() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let origin = format!("http://{}", silent.local_addr().expect("an address"));
    let mut serving =
        Serving::start(tideover().args(["run", "--listen", "127.0.0.1:0", "--origin", &origin]));
    let mut waiting = TcpStream::connect(&serving.address).expect("it listens");
    waiting
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .expect("it reads");
    let (_held, _) = silent.accept().expect("the origin is asked");

    // This request would keep the drain for the origin's response timeout.
    serving.signal(Signal::TERM);
    serving.says("draining");
    serving.signal(Signal::TERM);
    let (code, _, err) = serving.ends();
    assert_eq!(code, Some(1), "{err}");
}

#[test]
fn a_reload_that_does_not_load_leaves_the_old_config_serving() {
    let config = file("reloaded.toml", PAGE_ONLY);
    let mut serving = Serving::start(tideover().args(["run", "--config"]).arg(&config));

    std::fs::write(&config, "[origin.page]\npaage = true\n").expect("written");
    serving.signal(Signal::HUP);
    serving.says("the old config keeps serving");
    assert!(serving.says("paage").contains("reloaded.toml:2"));
    assert!(serving.get().starts_with("HTTP/1.1 503"));

    let changed = PAGE_ONLY.replace("page = true", "page = true\nstatus = 418");
    std::fs::write(&config, changed).expect("written");
    serving.signal(Signal::HUP);
    serving.says("reloaded (");
    assert!(serving.get().starts_with("HTTP/1.1 418"));
}

#[test]
fn a_config_from_standard_input_is_served() {
    let mut child = tideover()
        .args(["check", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(PAGE_ONLY.as_bytes()).expect("it reads");
    drop(stdin);
    let (code, _, err) = said(&child.wait_with_output().expect("it ends"));
    assert_eq!(code, Some(0), "{err}");
}

#[test]
fn what_is_not_enforced_is_served_on_loopback_only() {
    let config = file(
        "signed.json",
        r#"{
  "CallerReference": "1", "Comment": "", "Enabled": true,
  "Origins": {"Quantity": 1, "Items": [{"Id": "app", "DomainName": "app.example.com",
    "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "http-only"}}]},
  "DefaultCacheBehavior": {"TargetOriginId": "app", "ViewerProtocolPolicy": "allow-all",
    "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
    "TrustedKeyGroups": {"Enabled": true, "Quantity": 1, "Items": ["k"]}}
}"#,
    );
    let run = |listen: &'static str| {
        let mut command = tideover();
        command
            .args(["run", "--listen", listen, "--config"])
            .arg(&config);
        command
    };
    let (code, out, err) = said(&run("0.0.0.0:0").output().expect("it starts"));
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(
        err.contains("NOT ENFORCED") && err.contains("--allow-unenforced"),
        "{err}"
    );
    for mut allowed in [run("127.0.0.1:0"), {
        let mut command = run("0.0.0.0:0");
        command.arg("--allow-unenforced");
        command
    }] {
        let serving = Serving::start(&mut allowed);
        serving.signal(Signal::TERM);
        assert_eq!(serving.ends().0, Some(0));
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let config = file("twice.toml", PAGE_ONLY);
    let serving = Serving::start(tideover().args(["run", "--config"]).arg(&config));
    let second = tideover()
        .args(["run", "--listen", &serving.address, "--config"])
        .arg(&config)
        .output()
        .expect("it starts");
    let (code, _, err) = said(&second);
    assert_eq!(code, Some(1));
    assert!(
        err.contains(&serving.address) && err.contains("taken"),
        "{err}"
    );
}

#[test]
fn explain_expects() {
    let config = file("explained.toml", PAGE_ONLY);
    let config = config.to_str().expect("a path");
    for (expected, code) in [("page", 0), ("other", 1)] {
        let arguments = [
            "explain", "--config", config, "GET", "/", "--expect", expected,
        ];
        assert_eq!(said(&output(&arguments)).0, Some(code), "{expected}");
    }
    let (_, out, _) = said(&output(&[
        "explain", "--config", config, "GET", "/", "--json",
    ]));
    let told: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(told["members"][0]["origin"], "page", "{out}");
    // In the words that the viewer would read.
    let (code, out, _) = said(&output(&["explain", "--config", config, "POST", "/"]));
    let reason = "the edge itself answers 403. This request method is not allowed for this path.";
    assert_eq!((code, out.contains(reason)), (Some(1), true), "{out}");
}

#[test]
fn a_reader_who_has_read_enough_is_no_error() {
    let mut child = tideover()
        .arg("fields")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let (code, _, err) = said(&child.wait_with_output().expect("it ends"));
    assert_eq!((code, err.as_str()), (Some(0), ""));
}

#[test]
fn the_drill_holds_and_a_planted_mistake_is_found() {
    for (arguments, code) in [(&["drill"][..], 0), (&["drill", "--plant-mistake"], 1)] {
        let (seen, out, err) = said(&output(arguments));
        assert_eq!(seen, Some(code), "{out}{err}");
        assert_eq!(out.contains("FAILED"), code == 1, "{out}");
    }
}

#[test]
fn the_demo_ends_when_it_is_interrupted() {
    let mut child = tideover()
        .args(["demo", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut lines = String::new();
    while !lines.contains("Ctrl-C") {
        assert!(out.read_line(&mut lines).expect("a line") > 0, "{lines}");
    }
    assert_eq!(lines.matches("  curl ").count(), 4, "{lines}");
    kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
    let (code, _, err) = said(&child.wait_with_output().expect("it ends"));
    assert_eq!(code, Some(0), "{err}");
}
