"""The tables of scenarios and peers: every peer has a config for every scenario it takes part in, and every result its place."""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path
from typing import Dict

import figures
import load
import report
from certificate import Certificate
from measure import Latency, Memory, Outcome
from origin import Endpoints
from peers import FROM_DEBIAN, OURS, Bare, HAProxy, Nginx, Peer, Place, Tideover, TideoverPgo, Varnish
from peers_from_pypi import FROM_PYPI
from report import Report
from scenarios import SCENARIOS, Scenario, named
from test_figures import turn

KINDS: tuple[type[Peer], ...] = (*OURS, TideoverPgo, *FROM_DEBIAN, *FROM_PYPI, Bare)


class AnyPath(Dict[str, str]):
    """Programs that are wherever one looks."""

    def __missing__(self, program: str) -> str:
        return f"/bin/{program}"


def peer(kind: type[Peer]) -> Peer:
    """A peer whose programs nobody starts."""
    return kind(AnyPath())


class Scenarios(unittest.TestCase):
    def test_names_are_unique_and_found(self) -> None:
        names = [scenario.name for scenario in SCENARIOS]
        self.assertEqual(len(set(names)), len(names))
        self.assertEqual([scenario.name for scenario in named(["post-16k", "h1-1k"])], ["h1-1k", "post-16k"])
        with self.assertRaises(KeyError):
            named(["h1-1k", "h9"])

    def test_every_scenario_can_be_asked_by_every_generator(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for scenario in SCENARIOS:
                for make in (load.wrk, load.h2load):
                    command = make("/bin/it", scenario, "http://127.0.0.1:1/", 1, Path(folder))
                    self.assertEqual(command[-1], "http://127.0.0.1:1/")
                    for name, value in scenario.headers:
                        self.assertIn(f"{name}: {value}", command)


class Peers(unittest.TestCase):
    def test_names_are_unique(self) -> None:
        names = [kind.name for kind in KINDS]
        self.assertEqual(len(set(names)), len(names))

    def test_each_asks_the_scenarios_origins_and_logs_only_where_it_shall(self) -> None:
        for kind in KINDS:
            for scenario in SCENARIOS:
                for log in (True, False):
                    if not peer(kind).why_not(scenario):
                        with self.subTest(kind.name, scenario=scenario.name, log=log):
                            self.check(peer(kind), scenario, log)

    def check(self, each: Peer, scenario: Scenario, log: bool) -> None:
        """Everything it wrote and every argument, taken as one text."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "access.log" if log else None
            origins = Endpoints(20_001, 20_002 if scenario.groups() else None)
            shown = Certificate(Path("/the.pem"), Path("/the.key"), Path("/both.pem"))
            commands = each.commands(Place(Path(folder), 20_000, 20_003, origins, scenario, file, shown))
            text = " ".join(argument for command in commands for argument in command.arguments)
            text += " ".join(str(command.stdout) for command in commands)
            text += "".join(written.read_text() for written in Path(folder).iterdir())
        self.assertIn("20000", text)
        self.assertIn("20001", text)
        self.assertEqual(".pem" in text, scenario.is_secure())
        self.assertEqual("20002" in text, scenario.groups())
        # Nobody answers by itself where forwarding is measured.
        tideover = isinstance(each, Tideover)
        self.assertEqual('cache = "origin"' in text, scenario.cached and tideover)
        self.assertEqual('cache = "off"' in text, tideover and not scenario.cached)
        self.assertEqual("proxy_cache" in text, scenario.cached and isinstance(each, Nginx))
        self.assertEqual("cache-use" in text, scenario.cached and isinstance(each, HAProxy))
        self.assertEqual("return (pass)" in text, isinstance(each, Varnish) and not scenario.cached)
        # `bare` has no log.
        self.assertEqual("access.log" in text, log and each.name != "bare")


class Reports(unittest.TestCase):
    def outcome(self) -> Outcome:
        """Two rounds of three peers; nginx's second one was disturbed."""
        outcome = Outcome(SCENARIOS[0], log=True)
        outcome.turns = {
            "tideover": [turn(10), turn(11)],
            "nginx": [turn(8), turn(20, foreign=50.0)],
            "haproxy": [turn(12), turn(10)],
        }
        seen = load.Latencies(100, 0, 0, 200.0, 400.0, 800.0, 900.0, 50.0)
        for name in outcome.turns:
            outcome.latencies[name] = [Latency(seen, 1.0), None]
            outcome.memory[name] = [Memory(8 << 20, 0.0, 500.0), None]
            outcome.pss_after_load[name] = [9 << 20, None]
        outcome.left_out = {"h2o": "FAILED: answered 500"}
        return outcome

    def report(self) -> Report:
        """A report of one outcome."""
        machine: dict[str, str | int] = {"cpu": "a CPU", "cores": 2, "kernel": "6.1", "system": "Debian"}
        machine["interrupts"] = "in the processes' times"
        how: dict[str, str | int] = {"rounds": 2, "seconds": 5, "load": "wrk"}
        return Report("2026-01-01", machine, {"nginx": "1.22.1"}, how, [self.outcome()], {"varnish": "not installed"})

    def test_better_of_both_is_not_said_of_one(self) -> None:
        outcome = self.outcome()
        self.assertEqual(set(report.references(outcome)), {"nginx", "HAProxy", "better of both"})
        del outcome.turns["haproxy"]
        self.assertEqual(set(report.references(outcome)), {"nginx"})

    def test_the_cost_table_has_medians_of_judged_rounds(self) -> None:
        table = report.costs([self.outcome()])
        self.assertEqual(table.columns[:4], ["scenario", "tideover", "nginx", "haproxy"])
        # Against the better of both only the first round counts: 10 / 8.
        self.assertEqual(list(table.rows[0]), ["h1-1k", "10.5", "8.0", "11.0", "1.25", "0.97 (0.83 to 1.10)", "1.25"])

    def test_every_table_is_as_wide_as_its_head(self) -> None:
        outcome = self.outcome()
        tables = [report.of_scenario(outcome), *report.summary(self.report())]
        self.assertEqual(len(tables), 5)
        for table in tables:
            with self.subTest(table.title):
                self.assertEqual({len(row) for row in table.rows}, {len(table.columns)})
                self.assertIn(table.title, report.terminal(table))

    def test_the_latency_table_has_the_ratio_to_haproxy(self) -> None:
        outcome = self.outcome()
        slow = load.Latencies(100, 0, 0, 100.0, 500.0, 900.0, 900.0, 50.0)
        outcome.latencies["tideover"] = [Latency(slow, 1.0), Latency(slow, 1.0)]
        table = report.latencies([outcome])
        assert table is not None
        self.assertEqual([row[-1] for row in table.rows], ["0.50", "1.25", "1.12"])

    def test_disturbed_figures_are_marked(self) -> None:
        self.assertEqual(report.cell(figures.Spread(12.34, 10, 14, 3)), "12.3")
        self.assertEqual(report.cell(figures.Spread(1234.5, 10, 14, 3, judged=False)), "~1,234")
        self.assertEqual(report.cell(None), report.NOTHING)

    def test_markdown_tells_where_with_what_and_what_does_not_count(self) -> None:
        text = report.markdown(self.report())
        for part in ("2026-01-01", "a CPU, 2 cores", "nginx 1.22.1", "varnish: not installed", "h2o: FAILED"):
            self.assertIn(part, text)
        self.assertIn("round 2, nginx: others took 50 % of a core", text)
        widths = {line.count("|") for line in text.split("\n\n")[3].splitlines()}
        self.assertEqual(len(widths), 1, "a table's rows are equally wide")

    def test_json_has_every_round_and_the_medians(self) -> None:
        (outcome,) = json.loads(report.as_json(self.report()))["outcomes"]
        nginx = outcome["peers"]["nginx"]
        self.assertEqual([each["cpu_us"] for each in nginx["rounds"]], [8, 20])
        self.assertEqual(nginx["cpu_us"]["median"], 8)
        self.assertEqual(nginx["ratios"]["HAProxy"]["count"], 1)


if __name__ == "__main__":
    unittest.main()
