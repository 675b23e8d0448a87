//! The access log on standard output: after the start lines, and whole.

use super::*;

/// Serves with a log of this format on standard output. Returns at `ready`, before which nothing but listeners may be said.
fn logging(format: &str) -> Serving {
    let config = file(&format!("log-{format}.toml"), PAGE_ONLY);
    let mut command = tideover();
    command.args(["run", "--access-log", "-", "--log-format", format]);
    // More of them take longer to start, and the log has more time to be first.
    command.args(["--workers", "8"]);
    Serving::start(command.arg("--config").arg(config))
}

/// What it says on standard output behind `ready`: three requests are logged, then it is drained.
fn logged(serving: Serving) -> Vec<String> {
    for _ in 0..3 {
        assert!(serving.get().starts_with("HTTP/1.1 503"));
    }
    serving.signal(Signal::TERM);
    let (code, out, err) = serving.ends();
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("access log to standard output"), "{err}");
    assert!(out.ends_with('\n'), "{out}");
    out.lines().map(str::to_owned).collect()
}

#[test]
fn json_lines_follow_the_start_lines() {
    let lines = logged(logging("json"));
    assert_eq!(lines.len(), 3, "{lines:?}");
    for line in lines {
        let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(
            (&line["status"], &line["path"]),
            (&503.into(), &"/".into()),
            "{line}"
        );
    }
}

#[test]
fn cloudfronts_format_follows_the_start_lines() {
    let lines = logged(logging("cloudfront"));
    let [version, names, rows @ ..] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(version, "#Version: 1.0");
    let names = names.strip_prefix("#Fields: ").expect("the names");
    let names: Vec<&str> = names.split(' ').collect();
    assert_eq!((names.len(), rows.len()), (33, 3), "{lines:?}");
    let status = names.iter().position(|name| *name == "sc-status");
    for row in rows {
        let values: Vec<&str> = row.split('\t').collect();
        assert_eq!(values.len(), names.len(), "{row}");
        assert_eq!(values[status.expect("it has one")], "503", "{row}");
    }
}
