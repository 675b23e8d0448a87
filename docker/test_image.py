"""The image itself: what it has and says, and a failover through the program inside it. Needs buildah, and to be root.

    PACKED=DIR python3 -B -m unittest discover --start-directory docker --pattern test_image.py
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from cast import PATIENCE, REPOSITORY, Edge, Origin, status_of

PACKED = os.environ["PACKED"]
MOST_BYTES = 17 * 1024 * 1024


class Buildah:
    """Buildah with a storage of its own, which goes with it. No engine runs, and nothing is fetched."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        root = self.folder.name
        self.command = ["buildah", "--storage-driver", "vfs", "--root", f"{root}/storage", "--runroot", f"{root}/run"]

    def __call__(self, *arguments: str) -> str:
        run = subprocess.run([*self.command, *arguments], capture_output=True, text=True, timeout=10 * PATIENCE)
        if run.returncode:
            raise AssertionError(f"buildah {' '.join(arguments)}: {run.stderr}")
        return run.stdout.strip()


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.buildah = Buildah()
        cls.addClassCleanup(cls.buildah.folder.cleanup)
        dockerfile = str(REPOSITORY / "docker/Dockerfile")
        chroot = ["--format", "docker", "--isolation", "chroot"]
        cls.buildah("bud", *chroot, "--target", "packed", "--file", dockerfile, "--tag", "tideover", PACKED)

    def container(self) -> str:
        container = self.buildah("from", "--pull-never", "localhost/tideover")
        self.addCleanup(self.buildah, "rm", container)
        return container

    def edge(self, **environment: str) -> Edge:
        """An edge in a container of its own, which shares the network with its origins."""
        container = self.container()
        for name, value in environment.items():
            self.buildah("config", "--env", f"{name}={value}", container)
        run = ["run", "--isolation", "chroot", container, "--", "/tideover", "run"]
        edge = Edge([*self.buildah.command, *run])
        self.addCleanup(edge.is_over)
        return edge

    def origin(self, *arguments: object) -> Origin:
        origin = Origin(*arguments)
        self.addCleanup(lambda: origin.thread.is_alive() and origin.stops())
        return origin

    def test_it_says_what_an_image_without_a_shell_has_to_say(self) -> None:
        image = json.loads(self.buildah("inspect", "--type", "image", "localhost/tideover"))
        config = image["Docker"]["config"]
        self.assertEqual(config["User"], "65532:65532")
        self.assertEqual(config["Entrypoint"], ["/tideover"])
        self.assertEqual(config["Cmd"], ["run"])
        self.assertEqual(config["Healthcheck"]["Test"], ["CMD", "/tideover", "healthcheck"])
        self.assertEqual(set(config["ExposedPorts"]), {"8000/tcp", "9902/tcp"})
        self.assertEqual(config["StopSignal"], "SIGTERM")
        listening = {"TIDEOVER_LISTEN=0.0.0.0:8000", "TIDEOVER_STATUS=0.0.0.0:9902"}
        self.assertLessEqual(listening, set(config["Env"]))

    def test_it_has_the_program_and_nothing_to_start_beside_it(self) -> None:
        root = Path(self.buildah("mount", self.container()))
        files = {str(file.relative_to(root)): file.stat() for file in root.rglob("*") if file.is_file()}
        self.assertEqual(set(files), {"tideover"})
        size = sum(file.st_size for file in files.values())
        print(f"\nthe image has {size / 1024 / 1024:.1f} MiB")
        self.assertLessEqual(size, MOST_BYTES)
        self.assertEqual({(file.st_uid, file.st_gid) for file in files.values()}, {(0, 0)})
        self.assertEqual({oct(file.st_mode & 0o7022) for file in files.values()}, {"0o0"})

    def test_a_failover_is_played_through_the_program_inside_it(self) -> None:
        first, standby = self.origin("first"), self.origin("standby")
        edge = self.edge(
            TIDEOVER_ORIGIN=f"{first.url()} {standby.url('localhost')}",
            TIDEOVER_LISTEN="0.0.0.0:0",
            TIDEOVER_STATUS="0.0.0.0:0",
        )
        state = status_of(edge.pid())
        self.assertEqual((state["Name"], state["Uid"].split()), ("tideover", ["65532"] * 4))
        self.assertEqual(int(state["CapEff"], 16), 0)
        self.assertEqual(edge.get("/readyz", of="status")[0], 200)

        for what, expected in (
            (lambda: None, (200, "first")),
            (lambda: setattr(first, "status", 503), (200, "standby")),
            (lambda: setattr(first, "status", 200), (200, "first")),
            (first.stops, (200, "standby")),
        ):
            what()
            status, body, headers = edge.get("/owners")
            self.assertEqual((status, body), expected, headers)
        self.assertIn("origin-1;error=refused", headers["tideover-attempts"])
        self.assertIn("origin-2;status=200", headers["tideover-attempts"])
        # A write goes to the first alone.
        self.assertEqual(edge.get("/owners", method="POST")[0], 503)
        self.assertEqual(standby.asked, ["GET /owners"] * 2)
        standby.stops()
        self.assertEqual(edge.get("/owners")[0], 502)

        self.assertEqual(edge.terminates(), 0, edge.said())
        self.assertIn("6 requests", edge.said())

    def test_a_listener_that_cannot_be_reached_from_outside_is_warned_of(self) -> None:
        edge = self.edge(TIDEOVER_ORIGIN="http://127.0.0.1:9", TIDEOVER_LISTEN="127.0.0.1:0", TIDEOVER_STATUS="")
        self.assertEqual(set(edge.listening), {"http"})
        self.assertEqual(edge.terminates(), 0)
        self.assertIn("warning: this looks like a container", edge.said())

    def test_without_anything_to_serve_it_says_what_to_set(self) -> None:
        run = [*self.buildah.command, "run", "--isolation", "chroot", self.container(), "--", "/tideover", "run"]
        ended = subprocess.run(run, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(ended.returncode, 2, ended.stderr)
        self.assertIn("set TIDEOVER_CONFIG or TIDEOVER_ORIGIN", ended.stderr)


if __name__ == "__main__":
    unittest.main()
