"""The files that people start from: they parse, and agree with each other and with the image. Needs PyYAML, and the program.

    TIDEOVER=PROGRAM python3 -B -m unittest discover --start-directory docker --pattern test_files.py
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import unittest

import yaml

from cast import REPOSITORY

DOCKER = REPOSITORY / "docker"
PATHS = {"/healthz", "/readyz"}
# What `drain_timeout` is by default.
DRAIN_SECONDS = 30


def instructions(of: str) -> list[str]:
    """What follows this instruction, wherever docker/Dockerfile has it."""
    joined = (DOCKER / "Dockerfile").read_text().replace("\\\n", " ")
    return re.findall(rf"^{of} (.*)$", joined, re.MULTILINE)


def ports() -> dict[str, int]:
    """`TIDEOVER_LISTEN` and `TIDEOVER_STATUS` as the image has them: the ports."""
    (environment,) = instructions("ENV")
    pairs = dict(pair.split("=") for pair in environment.split())
    return {name: int(address.rpartition(":")[2]) for name, address in pairs.items()}


def check(config: str) -> subprocess.CompletedProcess[str]:
    command = [os.environ["TIDEOVER"], "check", "--strict", "-"]
    return subprocess.run(command, input=config, capture_output=True, text=True)


class Dockerfile(unittest.TestCase):
    def test_one_program_is_started_and_asked(self) -> None:
        (start,) = instructions("ENTRYPOINT")
        (health,) = instructions("HEALTHCHECK")
        asked = json.loads(health.partition("CMD ")[2])
        self.assertEqual(json.loads(start), asked[:1])
        self.assertEqual([int(port) for port in instructions("EXPOSE")[0].split()], list(ports().values()))

    def test_the_toolchain_is_new_enough(self) -> None:
        (needed,) = re.findall(r'^rust-version = "1\.(\d+)"', (REPOSITORY / "Cargo.toml").read_text(), re.MULTILINE)
        (taken,) = re.findall(r"^FROM rust:1\.(\d+)-", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
        self.assertGreaterEqual(int(taken), int(needed))


class Compose(unittest.TestCase):
    def setUp(self) -> None:
        self.services = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]

    def test_the_edge_stands_before_the_origins_of_its_config(self) -> None:
        config = (DOCKER / "tideover.toml").read_text()
        named = set(re.findall(r":-http://([a-z]+)\}", config))
        self.assertEqual(set(self.services), {"edge"} | named)
        edge = self.services["edge"]
        (mount,) = edge["volumes"]
        source, target, access = mount.split(":")
        self.assertEqual((DOCKER / source).read_text(), config)
        self.assertEqual((edge["environment"]["TIDEOVER_CONFIG"], access), (target, "ro"))

    def test_the_edge_is_shut_in_and_published_on_loopback(self) -> None:
        edge = self.services["edge"]
        self.assertIs(edge["read_only"], True)
        self.assertEqual(edge["cap_drop"], ["ALL"])
        published = [port.rsplit(":", 1) for port in edge["ports"]]
        self.assertEqual([int(inside) for _, inside in published], list(ports().values()))
        self.assertTrue(all(outside.startswith("127.0.0.1:") for outside, _ in published))
        self.assertGreater(int(edge["stop_grace_period"].removesuffix("s")), DRAIN_SECONDS)


class Kubernetes(unittest.TestCase):
    def setUp(self) -> None:
        documents = list(yaml.safe_load_all((DOCKER / "kubernetes.yaml").read_text()))
        self.kinds = {document["kind"]: document for document in documents}
        self.assertEqual(len(self.kinds), len(documents))
        self.pod = self.kinds["Deployment"]["spec"]["template"]
        (self.container,) = self.pod["spec"]["containers"]

    def test_everything_finds_the_pods(self) -> None:
        self.assertEqual(set(self.kinds), {"ConfigMap", "Deployment", "PodDisruptionBudget", "Service"})
        labels = self.pod["metadata"]["labels"]
        (spread,) = self.pod["spec"]["topologySpreadConstraints"]
        for selector in (
            self.kinds["Deployment"]["spec"]["selector"]["matchLabels"],
            self.kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
            self.kinds["Service"]["spec"]["selector"],
            spread["labelSelector"]["matchLabels"],
        ):
            self.assertEqual(selector, labels)
        self.assertLess(self.kinds["PodDisruptionBudget"]["spec"]["minAvailable"], self.kinds["Deployment"]["spec"]["replicas"])

    def test_the_config_is_there_and_good(self) -> None:
        (volume,) = self.pod["spec"]["volumes"]
        (mount,) = self.container["volumeMounts"]
        self.assertEqual(volume["name"], mount["name"])
        self.assertEqual(volume["configMap"]["name"], self.kinds["ConfigMap"]["metadata"]["name"])
        ((name, config),) = self.kinds["ConfigMap"]["data"].items()
        environment = {entry["name"]: entry["value"] for entry in self.container["env"]}
        self.assertEqual(environment, {"TIDEOVER_CONFIG": f"{mount['mountPath']}/{name}"})
        checked = check(config)
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_the_probes_ask_what_the_status_listener_answers(self) -> None:
        named = {port["name"]: port["containerPort"] for port in self.container["ports"]}
        self.assertEqual(named, {"http": ports()["TIDEOVER_LISTEN"], "status": ports()["TIDEOVER_STATUS"]})
        asked = {probe: self.container[probe]["httpGet"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
        self.assertEqual({get["port"] for get in asked.values()}, {"status"})
        self.assertEqual({get["path"] for get in asked.values()}, PATHS)
        self.assertEqual(asked["livenessProbe"]["path"], "/healthz")
        (port,) = self.kinds["Service"]["spec"]["ports"]
        self.assertEqual(port["targetPort"], "http")
        scraped = self.pod["metadata"]["annotations"]["prometheus.io/port"]
        self.assertEqual(int(scraped), ports()["TIDEOVER_STATUS"])

    def test_there_is_time_to_drain(self) -> None:
        waits = self.container["lifecycle"]["preStop"]["sleep"]["seconds"]
        probe = self.container["readinessProbe"]
        self.assertGreater(waits, probe["periodSeconds"] * probe["failureThreshold"])
        self.assertGreater(self.pod["spec"]["terminationGracePeriodSeconds"], waits + DRAIN_SECONDS)

    def test_the_pod_may_do_what_the_image_needs_and_nothing_else(self) -> None:
        pod, container = self.pod["spec"]["securityContext"], self.container["securityContext"]
        (user,) = instructions("USER")
        self.assertEqual(f"{pod['runAsUser']}:{pod['runAsGroup']}", user)
        self.assertIs(pod["runAsNonRoot"], True)
        self.assertEqual(pod["seccompProfile"]["type"], "RuntimeDefault")
        self.assertIs(container["readOnlyRootFilesystem"], True)
        self.assertIs(container["allowPrivilegeEscalation"], False)
        self.assertEqual(container["capabilities"]["drop"], ["ALL"])


class TwoEdges(unittest.TestCase):
    def test_what_is_shown_loads(self) -> None:
        page = (DOCKER / "two-edges.md").read_text()
        configs = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
        self.assertTrue(configs)
        methods = 'allowed_methods = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]\n'
        whole = '[origin.a]\nurl = "http://a"\n[distribution.d.default_behavior]\ntarget = "a"\n' + methods
        for config in configs:
            checked = check(whole + config)
            self.assertEqual(checked.returncode, 0, checked.stderr)
        probed = re.findall(r'health_path = "(.*?)"', page)
        self.assertEqual(set(re.findall(r'"ResourcePath": "(.*?)"', page)), set(probed))
        for batch in re.findall(r"--(?:health-check-config|change-batch) '(.*?)'", page, re.DOTALL):
            json.loads(batch)


if __name__ == "__main__":
    unittest.main()
