"""Load generators: what is run to ask a peer, and what is read from what they print.

wrk asks as fast as the answers come, on a fixed number of connections: the peer's core is full, and CPU time divided by
requests is what one request costs. h2load does the same (`--load h2load`), for whoever doubts wrk. `open-loop`, in
`open_loop.rs` beside this, asks at a fixed rate and counts each latency from when the request was due; neither wrk nor h2load
does that, and Debian has nothing else that does. HTTP/2 is h2load's always. `handshakes`, in `handshakes.rs`, makes a new
connection for each request and resumes nothing, which wrk would.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from process import pinned
from scenarios import Scenario


class LoadFailed(Exception):
    """A load generator did not run, or printed what was not understood."""


@dataclass(frozen=True)
class Load:
    """What a closed-loop generator did: requests answered, those of them that were wrong or never came, seconds."""

    requests: int
    failed: int
    seconds: float


@dataclass(frozen=True)
class Latencies:
    """What `open-loop` saw, microseconds; see there. `late_p99_us` is the generator's own lateness."""

    requests: int
    failed: int
    held_up: int
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float
    late_p99_us: float


def parse_wrk(text: str) -> Load:
    """Reads what wrk prints. It counts wrong statuses among the requests, socket errors beside them."""
    done = re.search(r"^\s*(\d+) requests in ([\d.]+)(us|ms|s|m|h),", text, re.MULTILINE)
    if not done:
        raise LoadFailed(f"wrk said: {text.strip()!r}")
    unit = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}[done.group(3)]
    failed = 0
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    if wrong:
        failed += int(wrong.group(1))
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    if errors:
        failed += sum(int(number) for number in errors.groups())
    return Load(int(done.group(1)), failed, float(done.group(2)) * unit)


def parse_h2load(text: str) -> Load:
    """Reads what h2load prints."""
    done = re.search(r"finished in ([\d.]+)(us|ms|s|m)", text)
    counts = re.search(r"requests: \d+ total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed", text)
    if not done or not counts:
        raise LoadFailed(f"h2load said: {text.strip()!r}")
    unit = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}[done.group(2)]
    return Load(int(counts.group(1)), int(counts.group(2)), float(done.group(1)) * unit)


def parse_http2(text: str) -> Load:
    """Reads what h2load prints, and takes it only if HTTP/2 over TLS 1.3 was spoken."""
    for spoken in (r"^Application protocol: h2$", r"^TLS Protocol: TLSv1\.3$"):
        if not re.search(spoken, text, re.MULTILINE):
            raise LoadFailed(f"h2load spoke something else: {text.strip()!r}")
    return parse_h2load(text)


def parse_open_loop(text: str) -> Latencies:
    """Reads the line that `open-loop` prints."""
    try:
        return Latencies(**json.loads(text))
    except (ValueError, TypeError) as problem:
        raise LoadFailed(f"open-loop said: {text.strip()!r}") from problem


def wrk(program: str, scenario: Scenario, url: str, seconds: int, folder: Path) -> list[str]:
    """wrk's command line. A POST needs a script, which is written to `folder`."""
    command = [program, "-t1", f"-c{scenario.connections}", f"-d{seconds}s", "--timeout", "10s"]
    for name, value in scenario.headers:
        command += ["-H", f"{name}: {value}"]
    if scenario.method != "GET":
        script = folder / "request.lua"
        script.write_text(
            f'wrk.method = "{scenario.method}"\nwrk.body = string.rep("x", {scenario.request_body_bytes})\n'
        )
        command += ["-s", str(script)]
    return [*command, url]


def h2load(program: str, scenario: Scenario, url: str, seconds: int, folder: Path) -> list[str]:
    """h2load's command line, HTTP/1.1 unless the scenario wants HTTP/2. A body is read from a file, which is written to `folder`."""
    command = [program, "-t1", f"-c{scenario.connections}", "-D", str(seconds), f"-m{scenario.streams}"]
    command += [] if scenario.is_http2() else ["--h1"]
    for name, value in scenario.headers:
        command += ["-H", f"{name}: {value}"]
    if scenario.request_body_bytes:
        body = folder / "request-body"
        body.write_bytes(b"x" * scenario.request_body_bytes)
        command += ["-d", str(body)]
    return [*command, url]


def handshakes(program: str, scenario: Scenario, url: str, seconds: int, folder: Path) -> list[str]:
    """`handshakes`' command line; see `handshakes.rs`."""
    return [program, "--connections", str(scenario.connections), "--seconds", str(seconds), url]


def parse_handshakes(text: str) -> Load:
    """Reads the line that `handshakes` prints."""
    try:
        return Load(**json.loads(text))
    except (ValueError, TypeError) as problem:
        raise LoadFailed(f"handshakes said: {text.strip()!r}") from problem


def open_loop(program: str, scenario: Scenario, port: int, path: str, seconds: float) -> list[str]:
    """`open-loop`'s command line for a scenario that has a rate."""
    command = [program, "--port", str(port), "--path", path, "--method", scenario.method]
    command += ["--rate", str(scenario.rate), "--connections", str(scenario.connections)]
    command += ["--seconds", str(seconds), "--warm-up", "0.5", "--body-bytes", str(scenario.request_body_bytes)]
    for name, value in scenario.headers:
        command += ["--header", f"{name}: {value}"]
    return command


def run(command: list[str], core: int, within: float) -> str:
    """Runs a generator on a core and returns what it printed; raises `LoadFailed` if it fails or takes too long."""
    try:
        done = subprocess.run(pinned(command, core), capture_output=True, text=True, timeout=within, check=False)
    except subprocess.TimeoutExpired as problem:
        raise LoadFailed(f"{command[0]} took more than {within:.0f} s") from problem
    if done.returncode != 0:
        raise LoadFailed(f"{command[0]} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


class IdleConnections:
    """Viewers' connections that are open and do nothing."""

    def __init__(
        self, port: int, path: str, count: int, after_a_request: bool, trusted: ssl.SSLContext | None
    ) -> None:
        """Opens `count` of them, over TLS if it is said what is trusted, each with one whole request first if wanted."""
        self._open: list[socket.socket] = []
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        try:
            for _ in range(count):
                connection = socket.create_connection(("127.0.0.1", port), timeout=10)
                if trusted:
                    connection = trusted.wrap_socket(connection)
                self._open.append(connection)
                if after_a_request:
                    connection.sendall(request)
                    _read_answer(connection)
        except OSError:
            self.close()
            raise

    def still_open(self) -> int:
        """How many the peer has not closed."""
        alive = 0
        for connection in self._open:
            connection.setblocking(False)
            try:
                alive += bool(connection.recv(1))
            except (BlockingIOError, ssl.SSLWantReadError):
                alive += 1
            except OSError:
                continue
        return alive

    def close(self) -> None:
        """Closes all."""
        for connection in self._open:
            connection.close()
        self._open = []


def _read_answer(connection: socket.socket) -> None:
    got = b""
    while True:
        piece = connection.recv(65536)
        if not piece:
            raise OSError("the connection was closed before the answer was whole")
        got += piece
        head, end, body = got.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if end and length and len(body) >= int(length.group(1)):
            return
