//! A program that is counted, as a process of its own, perhaps under a tool that counts.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// A program and its arguments.
#[derive(Clone)]
pub(crate) struct Program(Vec<String>);

impl Program {
    /// One that was built beside this one.
    pub(crate) fn beside(name: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let path = std::env::current_exe()?.with_file_name(name);
        ensure!(path.is_file(), "{} was not built", path.display());
        let mut line = vec![path.display().to_string()];
        line.extend(arguments.iter().map(|&argument| argument.to_owned()));
        Ok(Self(line))
    }

    /// The same, started by a tool: one that lives in the program's process, or says `process ID` before the program speaks.
    pub(crate) fn under(&self, tool: &[String]) -> Self {
        Self(tool.iter().chain(&self.0).cloned().collect())
    }

    /// Starts it, and returns once it serves. What it says goes into the file `said`.
    pub(crate) fn start(&self, said: &Path) -> anyhow::Result<Running> {
        let [program, arguments @ ..] = self.0.as_slice() else {
            bail!("no program");
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(said)?);
        // A flag in the environment would count something else.
        for (name, _) in std::env::vars_os() {
            if has_flag_prefix(&name) {
                command.env_remove(name);
            }
        }
        let mut child = command.spawn().with_context(|| program.clone())?;
        let output = child.stdout.take().context("its output is piped")?;
        let mut running = Running {
            process: Pid::from_child(&child),
            child,
            output: BufReader::new(output),
            said: said.to_owned(),
            listens: Vec::new(),
        };
        running.wait_until_ready()?;
        Ok(running)
    }
}

fn has_flag_prefix(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b"TIDEOVER_")
}

/// A program that serves. Dropped, it is killed, if it did not end.
pub(crate) struct Running {
    /// The program, or the tool that is its parent.
    child: Child,
    process: Pid,
    output: BufReader<ChildStdout>,
    said: PathBuf,
    listens: Vec<SocketAddr>,
}

impl Running {
    /// Both programs say `listening http ADDRESS` (or `https`), and then `ready`. A tool that is their parent has said the process before.
    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.output.read_line(&mut line)? == 0 {
                bail!("it did not start:\n{}", self.said());
            }
            let listens = line.trim().strip_prefix("listening ");
            if let Some(("http" | "https", address)) = listens.and_then(|it| it.split_once(' ')) {
                self.listens.push(address.parse()?);
            }
            if let Some(id) = line.trim().strip_prefix("process ") {
                self.process = Pid::from_raw(id.parse()?).context("no process has the number 0")?;
            }
            if line.trim() == "ready" {
                return Ok(());
            }
        }
    }

    /// Where viewers are served.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        self.listens.first().copied().context("it listens nowhere")
    }

    /// Its process.
    pub(crate) fn process(&self) -> Pid {
        self.process
    }

    /// Ends it as an operator would, and returns when it and the tool that it ran under are done.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        kill_process(self.process, Signal::INT)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "it ended with {status}:\n{}", self.said());
        Ok(())
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A process that was waited for is another's by now, perhaps.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(self.process, Signal::KILL);
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
