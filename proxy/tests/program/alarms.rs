//! What the log says of a webhook, and what it must not say.

use super::*;

#[test]
fn a_webhook_that_cannot_be_reached_is_told_without_its_secret() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = closed.local_addr().expect("an address");
    drop(closed);
    let config = file(
        "alarms.toml",
        &format!(
            "[listen]\nhttp = \"127.0.0.1:0\"\n\
             [[alarm]]\nwebhook = \"http://{nobody}/T0SECRET?key=T0SECRET\"\nheaders = {{ X-Key = \"T0SECRET\" }}\n\
             [origin.a]\nurl = \"http://{nobody}\"\nbreaker = {{ in_a_row = 1 }}\n\
             [origin.page]\npage = true\n\
             [origin_group.tiers]\nmembers = [\"a\", \"page\"]\n\
             [distribution.one.default_behavior]\ntarget = \"tiers\"\n"
        ),
    );
    let config = config.to_str().expect("a path");
    let mut command = tideover();
    command.args(["run", "--config", config, "--time-scale", "0.001"]);
    command.env("RUST_LOG", "trace");
    let mut serving = Serving::start(&mut command);
    serving.get();
    let mut lines = String::new();
    while !lines.contains("an alarm was not delivered") {
        let read = serving.err.read_line(&mut lines).expect("a line");
        assert!(read > 0, "it ended: {lines}");
    }
    serving.signal(Signal::TERM);
    let (code, _, rest) = serving.ends();
    assert_eq!(code, Some(0));
    lines += &rest;
    assert!(lines.contains("a is left alone: "), "{lines}");
    assert!(lines.contains(&nobody.to_string()), "{lines}");
    assert!(!lines.contains("T0SECRET"), "{lines}");

    let (code, printed, _) = said(&output(&["check", config, "--print"]));
    assert_eq!(code, Some(0));
    assert!(printed.contains("[[alarm]]"), "{printed}");
    assert!(!printed.contains("T0SECRET"), "{printed}");
}
