"""The program alone in an empty root, as a container engine would run it: process 1, a user who owns nothing, no capability,
nothing that can be written. Needs a network and mounts of its own, which tests/run gives it:

    PACKED=DIR unshare --net --mount python3 -B -m unittest discover --start-directory docker --pattern test_root.py
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from cast import PATIENCE, Edge, NameServer, Origin, nobody, status_of

PACKED = Path(os.environ["PACKED"])
USER = 65532
# What docker/Dockerfile says; the ports are free in a network of one's own.
LISTENING = {"TIDEOVER_LISTEN": "0.0.0.0:8000", "TIDEOVER_STATUS": "0.0.0.0:9902"}


def raise_loopback() -> None:
    """The loopback of a new network is down."""
    get_flags, set_flags, is_up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        _, flags = struct.unpack("16sH14x", fcntl.ioctl(any_socket, get_flags, request))
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sH14x", b"lo", flags | is_up))


def in_root(root: Path, *command: str) -> list[str]:
    """`command` with `root` as all that it sees."""
    # With root's user go its capabilities, and no later program brings them back.
    user = ["--root", str(root), "--setuid", str(USER), "--setgid", str(USER)]
    return ["setpriv", "--no-new-privs", "unshare", "--pid", "--fork", "--kill-child", *user, *command]


def setUpModule() -> None:
    if len(Path("/proc/self/net/route").read_text().splitlines()) > 1:
        raise AssertionError("this network leads somewhere: run it under `unshare --net --mount`")
    raise_loopback()
    global NAMES
    NAMES = NameServer({"by-dns.test": "127.0.0.2", "in-hosts.test": "127.0.0.9"})


class InAnEmptyRoot(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.certificate_and_key = (f"{folder.name}/certificate.pem", f"{folder.name}/key.pem")
        certificate, key = cls.certificate_and_key
        names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE"]
        files = ["-keyout", key, "-out", certificate]
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
        subprocess.run(command, check=True, capture_output=True)

    def setUp(self) -> None:
        NAMES.asked.clear()
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = Path(self.folder.name)
        self.root.chmod(0o755)
        shutil.copytree(PACKED / "image", self.root, dirs_exist_ok=True)
        self.assertEqual([file.name for file in self.root.iterdir()], ["tideover"])
        # What an engine puts into a container; and a certificate where the system's store does not look.
        (self.root / "etc").mkdir()
        (self.root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.0.3 in-hosts.test\n")
        (self.root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:5\n")
        shutil.copy(self.certificate_and_key[0], self.root / "etc/trusted.pem")
        for mount in (["--bind", str(self.root), str(self.root)], ["-o", "remount,bind,ro", str(self.root)]):
            subprocess.run(["mount", *mount], check=True)
        self.addCleanup(subprocess.run, ["umount", str(self.root)], check=True)

    def edge(self, **environment: str) -> Edge:
        edge = Edge(in_root(self.root, "/tideover", "run"), {"PATH": os.environ["PATH"], **LISTENING, **environment})
        self.addCleanup(edge.is_over)
        return edge

    def origin(self, *arguments: object) -> Origin:
        origin = Origin(*arguments)
        self.addCleanup(lambda: origin.thread.is_alive() and origin.stops())
        return origin

    def test_it_starts_as_an_engine_would_start_it(self) -> None:
        edge = self.edge(TIDEOVER_ORIGIN=nobody())
        status, _, _ = edge.get("/readyz", of="status")
        took = time.monotonic() - edge.began
        print(f"\nfrom nothing to /readyz: {took * 1000:.0f} ms")
        self.assertEqual(status, 200)
        # The promise is 100 ms on a machine that has nothing else to do, and this one may have.
        self.assertLess(took, 5)

        state = status_of(edge.pid())
        self.assertEqual(state["NSpid"].split()[-1], "1")
        self.assertEqual(state["Uid"].split(), [str(USER)] * 4)
        self.assertEqual(state["Gid"].split(), [str(USER)] * 4)
        self.assertEqual(state["Groups"], "")
        self.assertEqual(int(state["CapEff"], 16), 0)
        self.assertEqual(state["NoNewPrivs"], "1")
        (mount,) = Path(f"/proc/{edge.pid()}/mountinfo").read_text().splitlines()
        _, _, _, _, point, options, *_ = mount.split()
        self.assertEqual((point, options.split(",")[0]), ("/", "ro"))
        # Only itself is mapped: nothing was loaded beside it.
        maps = Path(f"/proc/{edge.pid()}/maps").read_text().splitlines()
        files = {line.split()[5] for line in maps if "/" in line}
        self.assertEqual({Path(file).name for file in files}, {"tideover"})

        health = subprocess.run(in_root(self.root, "/tideover", "healthcheck"), env={"PATH": os.environ["PATH"], **LISTENING})
        self.assertEqual(health.returncode, 0)
        self.assertNotIn("warning", edge.said())
        self.assertEqual(edge.terminates(), 0, edge.said())
        health = subprocess.run(
            in_root(self.root, "/tideover", "healthcheck"),
            env={"PATH": os.environ["PATH"], **LISTENING},
            stderr=subprocess.PIPE,
        )
        self.assertEqual(health.returncode, 1)

    def test_every_address_is_listened_on(self) -> None:
        edge = self.edge(TIDEOVER_ORIGIN=self.origin("app").url())
        for address in ("127.0.0.1", "127.9.9.9"):
            self.assertEqual(edge.get("/", host=address)[:2], (200, "app"))
            self.assertEqual(edge.get("/healthz", of="status", host=address)[0], 200)

    def test_a_name_is_looked_up_in_hosts_and_by_dns(self) -> None:
        first = self.origin("localhost's", 200, "127.0.0.1")
        second = self.origin("that of /etc/hosts", 200, "127.0.0.3")
        third = self.origin("that of DNS", 200, "127.0.0.2")
        origins = (first.url("localhost"), second.url("in-hosts.test"), third.url("by-dns.test"))
        edge = self.edge(TIDEOVER_ORIGIN=" ".join(origins))
        for origin in (first, second, third):
            status, body, headers = edge.get("/")
            self.assertEqual((status, body), (200, origin.name), headers.get("tideover-attempts"))
            origin.stops()
        self.assertEqual(set(NAMES.asked), {"by-dns.test"})

    def test_a_name_that_nobody_knows_falls_through(self) -> None:
        standby = self.origin("standby")
        edge = self.edge(TIDEOVER_ORIGIN=f"http://gone.test {standby.url()}")
        status, body, headers = edge.get("/")
        self.assertEqual((status, body), (200, "standby"))
        self.assertIn("origin-1;error=dns", headers["tideover-attempts"])

    def test_nothing_can_be_written(self) -> None:
        run = in_root(self.root, "/tideover", "run", "--access-log", "/access.log")
        environment = {"PATH": os.environ["PATH"], **LISTENING, "TIDEOVER_ORIGIN": nobody()}
        ended = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(ended.returncode, 1)
        self.assertIn("Read-only file system", ended.stderr)

    def test_certificates_are_checked_with_and_without_a_store(self) -> None:
        origin = self.origin("over TLS")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate_and_key)
        origin.server.socket = context.wrap_socket(origin.server.socket, server_side=True)
        standby = self.origin("standby")
        origins = f"https://localhost:{origin.port} {standby.url()}"

        # No store: the compiled-in roots do not know who signed this.
        edge = self.edge(TIDEOVER_ORIGIN=origins, RUST_LOG="debug")
        status, body, headers = edge.get("/")
        self.assertEqual((status, body), (200, "standby"))
        self.assertIn("origin-1;error=tls", headers["tideover-attempts"])
        self.assertEqual(origin.asked, [])
        self.assertEqual(edge.terminates(), 0)
        self.assertIn("the compiled-in roots are used", edge.said())
        self.assertIn("UnknownIssuer", edge.said())

        edge = self.edge(TIDEOVER_ORIGIN=origins, SSL_CERT_FILE="/etc/trusted.pem")
        status, body, headers = edge.get("/")
        self.assertEqual((status, body), (200, "over TLS"), headers)


if __name__ == "__main__":
    unittest.main()
