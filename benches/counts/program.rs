//! A program that is counted, as a process of its own, perhaps under a tool that counts.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
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

    /// The same, started by a tool that lives in the same process or leaves the program this process' child.
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

/// A program that serves. Dropped, it is killed.
pub(crate) struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
    said: PathBuf,
    listens: Vec<SocketAddr>,
}

impl Running {
    /// Both programs say `listening http ADDRESS`, and then `ready`.
    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.output.read_line(&mut line)? == 0 {
                bail!("it did not start:\n{}", self.said());
            }
            if let Some(address) = line.trim().strip_prefix("listening http ") {
                self.listens.push(address.parse()?);
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
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as an operator would, and returns when it and the tool that it ran under are done.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        let id = Pid::from_child(&self.child);
        kill_process(id, Signal::INT)?;
        // A tool that counts from outside has the same output: its end is the end of both.
        self.output.read_to_end(&mut Vec::new())?;
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
        // Both fail if it has ended already, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
