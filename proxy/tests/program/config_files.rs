//! What a config is read from: files, and pipes that the program was started with; all of it with a bound.

use std::fs::File;

use super::*;

/// With nobody at its other end: opening it waits.
fn named_pipe(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    // Of an earlier run.
    let _ = std::fs::remove_file(&path);
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo is there").success());
    path
}

#[test]
fn what_does_not_end_is_not_read() {
    let pipe = named_pipe("nobody-writes");
    let pipe = pipe.to_str().expect("a path");
    let page = file("page.toml", &PAGE_ONLY.replace("true", "\"/dev/zero\""));
    let page = page.to_str().expect("a path");
    let good = file("good.toml", PAGE_ONLY);
    let good = good.to_str().expect("a path");
    let origin = "http://127.0.0.1:1";
    for (arguments, words) in [
        (
            &["check", "/dev/zero"][..],
            "/dev/zero: this file is a device, not a file; name a file; - is standard input",
        ),
        (
            &["check", pipe],
            "this file is a named pipe, not a file; name a file; - is standard input",
        ),
        (&["run", "--config", pipe], "a named pipe"),
        (&["explain", "--config", pipe, "GET", "/"], "a named pipe"),
        (&["check", good, "--policy", pipe], "a named pipe"),
        (&["check", page], "is \"/dev/zero\", which is a device"),
        (
            &["run", "--origin", origin, "--origin-ca", "/dev/zero"],
            "is \"/dev/zero\", which is a device",
        ),
    ] {
        let (code, _, err) = said(&output(arguments));
        assert_eq!(code, Some(1), "{arguments:?}: {err}");
        assert!(err.contains(words), "{arguments:?}: {err}");
    }
}

#[test]
fn no_more_is_read_than_a_config_can_have() {
    let large = file("large.toml", PAGE_ONLY);
    let size = 16 * 1_024 * 1_024;
    let text = PAGE_ONLY.to_owned() + "#" + &"x".repeat(size - PAGE_ONLY.len() - 2) + "\n";
    std::fs::write(&large, &text).expect("written");
    let path = large.to_str().expect("a path");
    assert_eq!(said(&output(&["check", path])).0, Some(0));

    std::fs::write(&large, text + "\n").expect("written");
    let zeros = || File::open("/dev/zero").expect("it is there");
    for (argument, stdin) in [
        (path, Stdio::null()),
        ("-", Stdio::from(zeros())),
        ("/dev/stdin", Stdio::from(zeros())),
    ] {
        let seen = tideover().args(["check", argument]).stdin(stdin).output();
        let (code, _, err) = said(&seen.expect("the program starts"));
        assert_eq!(code, Some(1), "{argument}: {err}");
        let words = format!(
            "{argument}: this file has more than 16 MiB; name a tideover.toml, or the JSON of one distribution"
        );
        assert!(err.contains(&words), "{err}");
    }
}

#[test]
fn a_pipe_that_a_shell_made_is_read() {
    let config = file("piped.toml", PAGE_ONLY);
    for line in [
        "cat \"$0\" | \"$1\" check -",
        "cat \"$0\" | \"$1\" check /dev/stdin",
        "\"$1\" check <(cat \"$0\")",
        "\"$1\" check /dev/stdin < \"$0\"",
    ] {
        let mut shell = Command::new("bash");
        let shell = shell.args(["-c", line]).arg(&config);
        let seen = shell.arg(env!("CARGO_BIN_EXE_tideover")).output();
        let (code, _, err) = said(&seen.expect("bash is there"));
        assert_eq!(code, Some(0), "{line}: {err}");
    }
}

#[test]
fn a_reload_does_not_wait_for_a_pipe() {
    let config = file("a-pipe-later.toml", PAGE_ONLY);
    let mut serving = Serving::start(tideover().args(["run", "--config"]).arg(&config));
    named_pipe("a-pipe-later.toml");
    serving.signal(Signal::HUP);
    serving.says("cannot be read again; nothing changed");
    assert!(serving.get().starts_with("HTTP/1.1 503"));
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends().0, Some(0));
}

#[test]
fn a_reload_of_what_came_through_a_pipe_changes_nothing() {
    for pipe in ["-", "/dev/stdin"] {
        let mut child = Serving::child(
            tideover()
                .args(["run", "--config", pipe])
                .stdin(Stdio::piped()),
        );
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(PAGE_ONLY.as_bytes()).expect("it reads");
        drop(stdin);
        let mut serving = Serving::of(child);
        serving.signal(Signal::HUP);
        serving.says("cannot be read again; nothing changed");
        serving.signal(Signal::TERM);
        assert_eq!(serving.ends().0, Some(0));
    }
}
