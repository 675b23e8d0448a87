"""Who plays with the image: origins, a name server, and the edge as a process that says where it listens."""

from __future__ import annotations

import http.client
import http.server
import os
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent

# Nothing here takes longer, on a machine that is busy with other things too.
PATIENCE = 60.0


class Origin:
    """An origin outside the image that answers every request with one status, and its name as the body."""

    def __init__(self, name: str, status: int = 200, address: str = "127.0.0.1") -> None:
        self.name, self.status = name, status
        self.asked: list[str] = []
        origin = self

        class Answers(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                origin.asked.append(f"{self.command} {self.path}")
                body = origin.name.encode()
                self.send_response(origin.status)
                self.send_header("Content-Length", str(len(body)))
                # So that a stopped origin is gone for those, too, whom it has answered before.
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer((address, 0), Answers)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def url(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}"

    def stops(self) -> None:
        """Nobody listens at its port any more when this returns."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class NameServer:
    """Answers for the addresses (type A) of the names that it knows, by UDP on port 53 of `address`."""

    def __init__(self, names: dict[str, str], address: str = "127.0.0.1") -> None:
        self.names = names
        self.asked: list[str] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        threading.Thread(target=self._answers, daemon=True).start()

    def _answers(self) -> None:
        while True:
            question, peer = self.socket.recvfrom(512)
            self.socket.sendto(self.answer(question), peer)

    def answer(self, question: bytes) -> bytes:
        """The answer to one question, as RFC 1035, section 4, lays it out."""
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode())
            at += 1 + question[at]
        name = ".".join(labels).lower()
        (kind,) = struct.unpack_from("!H", question, at + 1)
        self.asked.append(name)
        asked = question[12 : at + 5]
        known = self.names.get(name)
        is_address = known is not None and kind == 1
        # A response, with recursion available; 3: there is no such name.
        flags = 0x8180 | (0 if known else 3)
        head = question[:2] + struct.pack("!HHHHH", flags, 1, int(is_address), 0, 0)
        if not is_address:
            return head + asked
        # The name is the one at byte 12; type A, class IN, 60 s, four bytes.
        record = struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton(known)
        return head + asked + record


class Edge:
    """`command` runs an edge, perhaps as a descendant; started, and ready when this returns."""

    def __init__(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        self.errors = tempfile.TemporaryFile("w+")
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors, text=True, env=environment
        )
        self.deadline = threading.Timer(PATIENCE, self.kills)
        self.deadline.start()
        self.listening: dict[str, tuple[str, int]] = {}
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line == "ready\n":
                break
            what, _, address = line.strip().removeprefix("listening ").partition(" ")
            host, _, port = address.rpartition(":")
            self.listening[what] = (host, int(port))
        else:
            self.ends()
            raise AssertionError(f"it ended before it was ready: {lines}\n{self.said()}")

    def pid(self) -> int:
        """Of the edge itself, which has no children."""
        pid = self.process.pid
        while children := children_of(pid):
            pid = children[0]
        return pid

    def get(self, path: str, of: str = "http", host: str = "127.0.0.1", method: str = "GET") -> tuple[int, str, dict[str, str]]:
        """Status, body and headers of the answer to one request on a connection of its own."""
        connection = http.client.HTTPConnection(host, self.listening[of][1], timeout=PATIENCE)
        try:
            connection.request(method, path, headers={"Connection": "close"})
            answer = connection.getresponse()
            body = answer.read().decode()
            return answer.status, body, {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def terminates(self) -> int:
        """Told by SIGTERM to drain; the exit code of the command."""
        os.kill(self.pid(), signal.SIGTERM)
        return self.ends()

    def ends(self) -> int:
        code = self.process.wait(PATIENCE)
        self.deadline.cancel()
        self.process.stdout.close()
        return code

    def said(self) -> str:
        """What it has said on standard error."""
        self.errors.seek(0)
        return self.errors.read()

    def is_over(self) -> None:
        """Whatever became of it: it is not left behind."""
        if self.process.poll() is None:
            self.kills()
            self.ends()
        self.errors.close()

    def kills(self) -> None:
        """The edge itself: who started it ends with it, and not the other way round."""
        try:
            os.kill(self.pid(), signal.SIGKILL)
        except ProcessLookupError:
            pass


def nobody() -> str:
    """The URL of a port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def children_of(pid: int) -> list[int]:
    """The kernel lists them by the thread that started them."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for children in lists for child in children.read_text().split()]


def status_of(pid: int) -> dict[str, str]:
    """`/proc/PID/status`, by name."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
