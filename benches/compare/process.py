"""Processes that this program starts, and everything it has to give back: ports, files, processes.

Each process leads a session of its own, is bound to one core, and dies with this program even if this program is killed
(`setpriv --pdeathsig`). Ending goes by the ids that were started, never by name.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Mapping, Sequence

import machine

START_WITHIN = 20.0
END_WITHIN = 5.0


class StartFailed(Exception):
    """A process did not come up; the message has what it said."""


@dataclass(frozen=True)
class Command:
    """What to run: arguments, the file that takes standard output (default: a file beside its config), extra environment."""

    arguments: Sequence[str]
    stdout: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def pinned(arguments: Sequence[str], core: int) -> list[str]:
    """The command line that runs `arguments` on one core and ends them when this program ends. The id stays the same."""
    return ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", str(core), *arguments]


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody had a moment ago. Another may take it first: who starts on it tries again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def open_connections() -> int:
    """How many viewers' connections a peer may hold: each is up to three open files, and those are limited."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 16_384 if most == resource.RLIM_INFINITY else min(16_384, most // 3)


class RefusingPort:
    """A port on which every connection is refused: taken, so that nobody else gets it, and never listened on."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def close(self) -> None:
        """Gives the port back."""
        self._socket.close()


class Family:
    """Processes that make up one peer or one origin, and what they start themselves."""

    def __init__(self, commands: Sequence[Command], directory: Path, core: int) -> None:
        """Starts each command in order. Whoever makes one has to `end` it, after a failure here too."""
        self.directory = directory
        self._running: list[subprocess.Popen[bytes]] = []
        try:
            for number, command in enumerate(commands):
                self._start(command, number, core)
        except BaseException:
            self.end()
            raise

    def _start(self, command: Command, number: int, core: int) -> None:
        stdout = command.stdout or self.directory / f"stdout-{number}"
        with open(stdout, "ab") as out, open(self.directory / f"stderr-{number}", "ab") as errors:
            self._running.append(
                subprocess.Popen(
                    pinned(command.arguments, core),
                    cwd=self.directory,
                    env={**os.environ, **command.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=errors,
                    start_new_session=True,
                )
            )

    @property
    def roots(self) -> set[int]:
        """Ids of the processes started here."""
        return {process.pid for process in self._running}

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Returns when `ready` says so; raises `StartFailed` if a process ends before, or after 20 s."""
        deadline = time.monotonic() + START_WITHIN
        while not ready():
            ended = [process for process in self._running if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                state = f"ended with {ended[0].returncode}" if ended else f"not ready after {START_WITHIN:.0f} s"
                raise StartFailed(f"{what}: {state}: {self.last_words()}")
            time.sleep(0.02)

    def last_words(self) -> str:
        """The end of what the processes said on standard output and error."""
        said = b""
        for file in sorted(self.directory.glob("std*-*")):
            said += file.read_bytes()[-2000:]
        return said.decode(errors="replace").strip()[-1500:] or "it said nothing"

    def end(self) -> None:
        """Ends all of them: asked first, after 5 s not asked."""
        everyone = machine.processes()
        members = machine.family(self.roots, everyone)
        for process in self._running:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + END_WITHIN
        for process in self._running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        # What they started may outlive them; an id is only ended while it still is the process that was seen.
        left = machine.processes()
        for pid in members & left.keys():
            if left[pid].session == everyone[pid].session and pid not in self.roots:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self._running = []


class Workplace(ExitStack):
    """A temporary directory, and everything that has to be ended before it goes. Use it with `with`."""

    def __init__(self, keep: bool = False) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="tideover-compare-"))
        # Workers of some peers give up root and still have to reach their files.
        self.directory.chmod(0o755)
        if not keep:
            self.callback(shutil.rmtree, self.directory, ignore_errors=True)
        self._count = 0

    def folder(self, name: str) -> Path:
        """A new empty folder."""
        self._count += 1
        folder = self.directory / f"{self._count:04}-{name}"
        folder.mkdir()
        return folder


def stop_on_signals() -> None:
    """Lets SIGTERM and SIGHUP unwind the program as Ctrl-C does, so that everything is ended.

    SIGINT is named too: a shell that starts something in the background has it ignored.
    """

    def stop(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
