//! A real browser: headless Chromium, told what to do by its DevTools protocol, over a pipe.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::folder::Folder;
use crate::gate::{ms, patiently};

/// The protocol is spoken by descriptors 3 and 4; each message ends with a NUL.
const PIPED: &str = r#"exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null 2>&1"#;
const FLAGS: [&str; 8] = [
    "--headless=new",
    "--remote-debugging-pipe",
    // Whoever runs the scenarios as root has none; it opens nothing but the edge's own page.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
];

/// A browser with one empty tab; `None` where no Chromium is installed, which is said.
///
/// # Panics
/// When it is there and does not come up.
pub async fn browser() -> Option<Browser> {
    let Some(program) = chromium() else {
        eprintln!("no Chromium is installed: what it would show of the page is not seen");
        return None;
    };
    let folder = Folder::new();
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]);
    if !Path::new("/usr/bin/setpriv").exists() {
        command = Command::new("env");
    }
    let mut child = command
        .args(["sh", "-c", PIPED])
        .arg(program)
        .args(FLAGS)
        .arg(format!("--user-data-dir={}", folder.path().display()))
        .arg("about:blank")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell starts");
    let tells = child.stdin.take().expect("it is piped");
    let mut told = BufReader::new(child.stdout.take().expect("it is piped"));
    let (sender, messages) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let mut message = Vec::new();
        while told
            .read_until(0, &mut message)
            .is_ok_and(|count| count > 0)
        {
            message.pop();
            let value = serde_json::from_slice(&message).unwrap_or(Value::Null);
            if sender.send(value).is_err() {
                return;
            }
            message.clear();
        }
    });
    let mut browser = Browser {
        child,
        tells: Some(tells),
        messages,
        told: Vec::new(),
        session: None,
        count: 0,
        _folder: folder,
    };
    let tab = browser
        .does("Target.createTarget", json!({ "url": "about:blank" }))
        .await;
    let tab = json!({ "targetId": tab["targetId"], "flatten": true });
    let attached = browser.does("Target.attachToTarget", tab).await;
    browser.session = attached["sessionId"].as_str().map(str::to_owned);
    for domain in ["Page", "Runtime", "Network", "Log"] {
        browser.does(&format!("{domain}.enable"), json!({})).await;
    }
    Some(browser)
}

fn chromium() -> Option<PathBuf> {
    let installed = ["chromium", "chromium-browser", "google-chrome"];
    let mut paths = installed
        .map(|name| Path::new("/usr/bin").join(name))
        .into_iter();
    paths.find(|path| path.exists())
}

/// A browser at play; it ends with this value.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    /// `None` only once it ends.
    tells: Option<ChildStdin>,
    messages: mpsc::UnboundedReceiver<Value>,
    /// What it told unasked.
    told: Vec<Value>,
    session: Option<String>,
    count: u64,
    _folder: Folder,
}

impl Browser {
    /// One command of the protocol; its result.
    async fn does(&mut self, method: &str, parameters: Value) -> Value {
        self.count += 1;
        let id = self.count;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = Value::from(session.as_str());
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        let tells = self.tells.as_mut().expect("it has not ended");
        tells.write_all(&bytes).expect("the browser runs");
        patiently(method, async {
            loop {
                let message = self.messages.recv().await.expect("the browser runs");
                if message["id"] == id {
                    assert!(message["error"].is_null(), "{method}: {message}");
                    return message["result"].clone();
                }
                self.told.push(message);
            }
        })
        .await
    }

    /// Opens this page.
    pub async fn opens(&mut self, url: &str) {
        self.does("Page.navigate", json!({ "url": url })).await;
    }

    /// The window is so wide from now on.
    pub async fn is_wide(&mut self, width: u32) {
        let size =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.does("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// The value of this expression in the page.
    ///
    /// # Panics
    /// When it throws.
    pub async fn evaluates(&mut self, expression: &str) -> Value {
        let what = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.does("Runtime.evaluate", what).await;
        let thrown = &result["exceptionDetails"];
        assert!(thrown.is_null(), "{expression}: {thrown}");
        result["result"]["value"].clone()
    }

    /// Returns when this expression is true in the page; until then it may throw.
    ///
    /// # Panics
    /// When it never is.
    pub async fn until(&mut self, expression: &str) {
        let mild =
            format!("(() => {{ try {{ return !!({expression}); }} catch {{ return false; }} }})()");
        patiently(expression, async {
            while self.evaluates(&mild).await != true {
                tokio::time::sleep(ms(20)).await;
            }
        })
        .await;
    }

    /// Clicks the first element of this selector, as soon as there is one.
    pub async fn clicks(&mut self, selector: &str) {
        let found = format!("document.querySelector({})", Value::from(selector));
        self.until(&found).await;
        self.evaluates(&format!("{found}.click()")).await;
    }

    /// Types this into the first element of this selector, as soon as there is one.
    pub async fn types(&mut self, selector: &str, text: &str) {
        let found = format!("document.querySelector({})", Value::from(selector));
        self.until(&found).await;
        self.evaluates(&format!("{found}.focus()")).await;
        self.does("Input.insertText", json!({ "text": text })).await;
    }

    /// What the pages so far had to complain of: errors, exceptions, and what their policy forbade.
    pub fn complaints(&self) -> Vec<String> {
        let bad = |message: &&Value| match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Log.entryAdded") => {
                matches!(
                    message["params"]["entry"]["level"].as_str(),
                    Some("error" | "warning")
                )
            }
            Some("Runtime.consoleAPICalled") => {
                matches!(
                    message["params"]["type"].as_str(),
                    Some("error" | "warning" | "assert")
                )
            }
            Some(_) | None => false,
        };
        self.told.iter().filter(bad).map(Value::to_string).collect()
    }

    /// The addresses that it asked for.
    pub fn asked_for(&self) -> Vec<&str> {
        let sent = self
            .told
            .iter()
            .filter(|message| message["method"] == "Network.requestWillBeSent");
        sent.filter_map(|message| message["params"]["request"]["url"].as_str())
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // With its pipe it loses its reason to be.
        self.tells = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
