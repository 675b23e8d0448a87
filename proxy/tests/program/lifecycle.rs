//! How the program changes and ends: files that are watched, a service manager, a successor.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use harness::{Folder, PATIENCE};
use rustix::process::Signal;

use super::{PAGE_ONLY, Serving, file, said, tideover};

fn with_status(status: u16) -> String {
    PAGE_ONLY.replace("page = true", &format!("page = true\nstatus = {status}"))
}

/// What a service manager hears.
struct Manager {
    _folder: Folder,
    path: PathBuf,
    socket: UnixDatagram,
}

impl Manager {
    fn listens() -> Self {
        let folder = Folder::new();
        let path = folder.path().join("notify.sock");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket takes options");
        Self {
            _folder: folder,
            path,
            socket,
        }
    }

    /// The next thing it hears that has a line which begins so; others are let pass.
    fn hears(&self, beginning: &str) -> String {
        let begun = Instant::now();
        let mut heard = Vec::new();
        loop {
            let mut bytes = [0; 4096];
            let received = self.socket.recv(&mut bytes);
            let in_time = begun.elapsed() < PATIENCE;
            let length = received.ok().filter(|_| in_time);
            let length = length.unwrap_or_else(|| panic!("no {beginning}; heard {heard:?}"));
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if text.lines().any(|line| line.starts_with(beginning)) {
                return text;
            }
            if !text.starts_with("WATCHDOG=1") {
                heard.push(text);
            }
        }
    }

    /// What it has heard by now has no line that begins so.
    fn hears_no(&self, beginning: &str) {
        self.socket
            .set_nonblocking(true)
            .expect("a socket takes options");
        let mut bytes = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..length]);
            let said = text.lines().any(|line| line.starts_with(beginning));
            assert!(!said, "{text}");
        }
        self.socket
            .set_nonblocking(false)
            .expect("a socket takes options");
    }
}

#[test]
fn a_service_manager_is_told_how_it_goes() {
    let manager = Manager::listens();
    let config = file("notified.toml", &with_status(500));
    let serving = Serving::start(
        tideover()
            .args(["run", "--no-watch", "--config"])
            .arg(&config)
            .env("NOTIFY_SOCKET", &manager.path),
    );
    let ready = manager.hears("READY=1");
    assert!(
        ready.contains(&format!("STATUS=serving http {}", serving.address)),
        "{ready}"
    );

    serving.signal(Signal::HUP);
    let reloading = manager.hears("RELOADING=1");
    let since = reloading
        .lines()
        .find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    assert!(
        since.is_some_and(|since| since.parse::<u64>().is_ok()),
        "{reloading}"
    );
    assert!(!manager.hears("READY=1").contains("refused"));

    std::fs::write(&config, "nonsense").expect("written");
    serving.signal(Signal::HUP);
    manager.hears("RELOADING=1");
    assert!(manager.hears("READY=1").contains("refused"));

    serving.signal(Signal::TERM);
    manager.hears("STOPPING=1");
    assert_eq!(serving.ends().0, Some(0));
}

#[test]
fn a_watchdog_is_fed_while_the_workers_answer() {
    let manager = Manager::listens();
    let config = file("watched-over.toml", PAGE_ONLY);
    let serving = Serving::start(
        tideover()
            .args(["run", "--config"])
            .arg(&config)
            .env("NOTIFY_SOCKET", &manager.path)
            .env("WATCHDOG_USEC", "600000"),
    );
    manager.hears("READY=1");
    for _ in 0..3 {
        manager.hears("WATCHDOG=1");
    }
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends().0, Some(0));
}

/// The program with this listening socket, as a service manager starts it: number 3, and the process' own number beside it.
fn activated(listener: &TcpListener) -> Command {
    let program = tideover();
    let mut shell = Command::new("sh");
    for (name, value) in program.get_envs() {
        if value.is_none() {
            shell.env_remove(name);
        }
    }
    let listener = listener.try_clone().expect("a socket can be shared");
    shell
        .args([
            "-c",
            "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"",
            "sh",
        ])
        .arg(program.get_program())
        .stdin(Stdio::from(OwnedFd::from(listener)));
    shell
}

#[test]
fn a_socket_of_the_service_manager_is_served_and_outlives_the_process() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let config = file("activated.toml", PAGE_ONLY);
    let start = || {
        let mut command = activated(&listener);
        command
            .args(["run", "--workers", "2", "--listen", &address, "--config"])
            .arg(&config);
        Serving::of(Serving::child(&mut command))
    };

    let first = start();
    assert_eq!(first.address, address);
    assert!(first.get().starts_with("HTTP/1.1 503"));
    first.signal(Signal::TERM);
    assert_eq!(first.ends().0, Some(0));

    // Nobody runs, and still nobody is refused.
    let mut waiting = TcpStream::connect(&address).expect("it listens");
    waiting
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("it is kept");
    let second = start();
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    second.signal(Signal::TERM);
    assert_eq!(second.ends().0, Some(0));
}

#[test]
fn a_socket_that_no_listener_wants_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let config = file("not-activated.toml", PAGE_ONLY);
    let mut command = activated(&listener);
    command.args(["run", "--config"]).arg(&config);
    let mut serving = Serving::of(Serving::child(&mut command));
    assert_ne!(serving.address, address);
    assert!(serving.says("no listener").contains(&address));
}

#[test]
fn a_config_that_changes_is_read_and_one_that_turned_bad_is_told_once() {
    let config = file("changing.toml", &with_status(500));
    // Looks are 50 ms apart.
    let mut serving = Serving::start(
        tideover()
            .args(["run", "--time-scale", "0.05", "--config"])
            .arg(&config),
    );
    serving.says("files may be open");
    assert!(serving.get().starts_with("HTTP/1.1 500"));

    replace(&config, &with_status(502));
    serving.says("reloaded (the same listeners)");
    assert!(serving.get().starts_with("HTTP/1.1 502"));

    replace(&config, "[origin.page]\npaage = true\n");
    serving.says("the old config keeps serving");
    assert!(serving.says("paage").contains("changing.toml:2"));
    assert!(serving.get().starts_with("HTTP/1.1 502"));

    replace(&config, &with_status(504));
    serving.says("reloaded (");
    assert!(serving.get().starts_with("HTTP/1.1 504"));

    serving.signal(Signal::TERM);
    let (code, _, rest) = serving.ends();
    assert_eq!(code, Some(0));
    assert!(!rest.contains("paage"), "{rest}");
}

/// As editors do it: a new file takes the place of the old one.
fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, text).expect("written");
    std::fs::rename(&new, file).expect("in place");
}

#[test]
fn a_config_that_a_link_leads_to_is_read_when_the_link_turns() {
    // As Kubernetes mounts it: config.toml -> ..data/config.toml, ..data -> a folder.
    let folder = Folder::new();
    let at = |name: &str| folder.path().join(name);
    for (version, status) in [("v1", 500), ("v2", 502)] {
        std::fs::create_dir(at(version)).expect("a folder");
        std::fs::write(at(version).join("config.toml"), with_status(status)).expect("written");
    }
    let turn = |version: &str| {
        let _ = std::fs::remove_file(at("new"));
        std::os::unix::fs::symlink(version, at("new")).expect("a link");
        std::fs::rename(at("new"), at("data")).expect("in place");
    };
    turn("v1");
    std::os::unix::fs::symlink("data/config.toml", at("config.toml")).expect("a link");
    let mut serving = Serving::start(
        tideover()
            .args(["run", "--time-scale", "0.05", "--config"])
            .arg(at("config.toml")),
    );
    assert!(serving.get().starts_with("HTTP/1.1 500"));

    turn("v2");

    serving.says("reloaded (");
    assert!(serving.get().starts_with("HTTP/1.1 502"));
}

#[test]
fn a_certificate_that_changes_is_read() {
    let folder = Folder::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/examples");
    for name in ["edge.pem", "edge.key"] {
        std::fs::copy(examples.join(name), folder.path().join(name)).expect("a copy");
    }
    let config = PAGE_ONLY.replace(
        "[listen]",
        "[tls]\ncertificates = [{ certificate = \"edge.pem\", key = \"edge.key\" }]\n[listen]\nhttps = \"127.0.0.1:0\"",
    );
    let config = folder.write("config.toml", config);
    let mut serving = Serving::start(
        tideover()
            .args(["run", "--time-scale", "0.05", "--config"])
            .arg(config),
    );

    let bad = folder.write("bad", "no certificate");
    std::fs::rename(bad, folder.path().join("edge.pem")).expect("in place");
    serving.says("the old config keeps serving");
    let good = folder.path().join("good");
    std::fs::copy(examples.join("edge.pem"), &good).expect("a copy");
    std::fs::rename(good, folder.path().join("edge.pem")).expect("in place");
    serving.says("reloaded (the same listeners)");
}

#[test]
fn listeners_that_a_reload_opens_and_closes_are_told() {
    let config = file("opening.toml", PAGE_ONLY);
    let mut serving = Serving::start(
        tideover()
            .args(["run", "--no-watch", "--config"])
            .arg(&config),
    );
    let more = PAGE_ONLY.replace("\"127.0.0.1:0\"", "[\"127.0.0.1:0\", \"127.0.0.2:0\"]");
    std::fs::write(&config, more).expect("written");
    serving.signal(Signal::HUP);
    let told = serving.says("reloaded (opened http 127.0.0.2:");
    let (_, new) = told.split_once("opened http ").expect("an address");
    let new = new.trim().trim_end_matches(')').to_owned();
    TcpStream::connect(&new).expect("it listens there too");

    let holds = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = holds.local_addr().expect("an address").to_string();
    std::fs::write(&config, PAGE_ONLY.replace("127.0.0.1:0", &taken)).expect("written");
    serving.signal(Signal::HUP);
    assert!(
        serving
            .says("the old config keeps serving")
            .contains(&taken)
    );

    std::fs::write(&config, PAGE_ONLY).expect("written");
    serving.signal(Signal::HUP);
    serving.says("closed http 127.0.0.2:");
    assert!(serving.get().starts_with("HTTP/1.1 503"));
}

#[test]
fn load_balancers_have_the_time_to_look_away() {
    let config = file(
        "delayed.toml",
        &PAGE_ONLY.replace(
            "[listen]",
            "[listen]\ndrain_delay = \"1s\"\ndrain_timeout = \"7s\"\nhealth_path = \"/edge-health\"",
        ),
    );
    let mut serving = Serving::start(tideover().args(["run", "--config"]).arg(&config));
    serving.signal(Signal::TERM);
    serving.says("serving on for 1s");
    assert!(serving.get().starts_with("HTTP/1.1 503"));
    serving.says("running ones have 7s");
    assert_eq!(serving.ends().0, Some(0));
}

#[test]
fn a_successor_takes_over_and_the_old_one_drains() {
    let folder = Folder::new();
    let socket = folder.path().join("edge.sock");
    let config = file("succeeded.toml", PAGE_ONLY);
    let start = || {
        Serving::start(
            tideover()
                .args(["run", "--config"])
                .arg(&config)
                .env("TIDEOVER_TAKEOVER", &socket),
        )
    };
    let mut old = start();
    old.says("nobody to take over from");
    let mut new = start();
    new.says("taking over at");
    assert_eq!(new.address, old.address);

    old.says("a successor accepts from the same sockets");
    old.signal(Signal::TERM);
    assert_eq!(old.ends().0, Some(0));
    new.says("the predecessor is gone");
    assert!(new.get().starts_with("HTTP/1.1 503"));
    new.signal(Signal::TERM);
    let (code, _, err) = new.ends();
    assert_eq!(code, Some(0));
    assert!(err.contains("\n1 request, "), "{err}");
    assert!(!socket.exists());
}

#[test]
fn a_service_manager_is_told_who_the_service_is() {
    let manager = Manager::listens();
    let folder = Folder::new();
    let config = file("announced.toml", PAGE_ONLY);
    let start = || {
        Serving::start(
            tideover()
                .args(["run", "--config"])
                .arg(&config)
                .env("TIDEOVER_TAKEOVER", folder.path().join("edge.sock"))
                .env("NOTIFY_SOCKET", &manager.path)
                .env("WATCHDOG_USEC", "100000"),
        )
    };
    let main_pid = |serving: &Serving| format!("MAINPID={}", serving.child.id());
    let mut old = start();
    let ready = manager.hears("READY=1");
    assert!(!ready.contains("MAINPID"), "{ready}");

    // By both: the manager may listen to the one only, or to the other, that it knows.
    let new = start();
    let said = [
        manager.hears(&main_pid(&new)),
        manager.hears(&main_pid(&new)),
    ];
    assert!(said.iter().any(|said| said.contains("READY=1")), "{said:?}");
    assert!(
        said.iter().any(|said| !said.contains("READY=1")),
        "{said:?}"
    );

    // The end of who is not the service any more is not the end of the service.
    old.says("a successor accepts from the same sockets");
    old.signal(Signal::TERM);
    assert_eq!(old.ends().0, Some(0));
    manager.hears_no("STOPPING=1");

    // A successor that ends leaves it to the one before.
    let mut old = new;
    let new = start();
    manager.hears(&main_pid(&new));
    manager.hears(&main_pid(&new));
    old.says("a successor accepts from the same sockets");
    new.signal(Signal::KILL);
    manager.hears(&main_pid(&old));
    manager.hears("WATCHDOG=1");
    old.signal(Signal::TERM);
    manager.hears("STOPPING=1");
    assert_eq!(old.ends().0, Some(0));
}

#[test]
fn a_successor_has_to_know_where() {
    let config = file("nowhere.toml", PAGE_ONLY);
    let output = tideover()
        .args(["run", "--takeover", "--config"])
        .arg(&config)
        .output()
        .expect("it starts");
    let (code, out, err) = said(&output);
    assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
    assert!(err.contains("--takeover=PATH"), "{err}");
}
