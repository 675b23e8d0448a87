"""What was measured, as tables for people (terminal and Markdown) and as JSON for programs.

The same tables serve both; a cell that starts with `~` stands on disturbed rounds only and is not judged.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Callable, Iterable, Sequence

from figures import Spread, Turn, spread, spread_of_ratios
from measure import Latency, Memory, Outcome
from peers import FROM_DEBIAN, OURS, Bare, TideoverPgo
from peers_from_pypi import FROM_PYPI

# A ratio is to the cheapest of these in its round, of those that take part in the scenario.
REFERENCES = {
    "nginx": ("nginx",),
    "HAProxy": ("haproxy",),
    "better of both": ("nginx", "nginx-large-buffers", "haproxy", "haproxy-splice"),
}
ORDER = [kind.name for kinds in (OURS, [TideoverPgo], FROM_DEBIAN, FROM_PYPI, [Bare]) for kind in kinds]
NOTHING = "–"


@dataclass(frozen=True)
class Table:
    """A title, the names of the columns, the rows, and what has to be said below."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Report:
    """Everything of one run: when, where, with which versions, how, and what came of it."""

    date: str
    machine: dict[str, str | int]
    versions: dict[str, str]
    how: dict[str, str | int]
    outcomes: list[Outcome] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)


def number(value: float) -> str:
    """A figure as precise as it is."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def ratio(value: float) -> str:
    """A ratio to two places."""
    return f"{value:.2f}"


def cell(values: Spread | None, words: Callable[[float], str] = number, extremes: bool = False) -> str:
    """The median, with the lowest and highest of several if asked for."""
    if values is None:
        return NOTHING
    text = words(values.median)
    if extremes and values.count > 1:
        text += f" ({words(values.low)} to {words(values.high)})"
    return text if values.judged else f"~{text}"


def references(outcome: Outcome) -> dict[str, list[str]]:
    """The references that take part in this scenario; for many behaviors also the way to the first one."""
    found = {}
    for name, members in REFERENCES.items():
        there = [member for member in members if member in outcome.turns]
        # "Better of both" needs both.
        if there and (len(members) == 1 or {"nginx", "haproxy"} <= set(there)):
            found[name] = there
    if "tideover-first" in outcome.turns:
        found["its own first"] = ["tideover-first"]
    return found


def ratio_to(outcome: Outcome, peer: str, members: Sequence[str]) -> Spread | None:
    """CPU per request of `peer` to the cheapest of `members`, round by round; none of a peer to itself alone."""
    if list(members) == [peer]:
        return None
    return spread_of_ratios(outcome.turns, peer, members, attrgetter("cpu_us"))


def _log(outcome: Outcome) -> str:
    return "log on" if outcome.log else "log off"


def _bottleneck(turns: Sequence[Turn | None]) -> str:
    words = sorted({turn.bottleneck() for turn in turns if turn})
    return "/".join(words) or NOTHING


def _disturbed(turns: Sequence[Turn | Latency | None]) -> str:
    bad = sum(1 for turn in turns if turn is None or turn.disturbances())
    return f"{bad} of {len(turns)}"


def of_scenario(outcome: Outcome) -> Table:
    """One scenario in full: a row for each peer."""
    against = references(outcome)
    columns = ["", "CPU us/request", *(f"/ {name}" for name in against), "requests/s", "bottleneck"]
    columns += ["proxy %", "load %", "foreign %", "origin req", "origin conn", "disturbed"]
    rows = []
    for peer, turns in outcome.turns.items():
        row = [peer, cell(spread(turns, attrgetter("cpu_us")), extremes=True)]
        row += [cell(ratio_to(outcome, peer, members), ratio, extremes=True) for members in against.values()]
        row += [cell(spread(turns, attrgetter("per_second"))), _bottleneck(turns)]
        row += [
            cell(spread(turns, attrgetter(figure)), lambda value: f"{value:.0f}")
            for figure in ("proxy_busy", "load_busy", "foreign")
        ]
        row += [cell(spread(turns, attrgetter(figure)), ratio) for figure in ("origin_requests", "origin_connections")]
        rows.append([*row, _disturbed(turns)])
    notes = [*outcome.notes, *(f"{peer} takes no part: {reason}" for peer, reason in outcome.left_out.items())]
    return Table(f"{outcome.scenario.name}: {outcome.scenario.about}, {_log(outcome)}", columns, rows, notes)


def _everyone(outcomes: Iterable[Outcome]) -> list[str]:
    there = {peer for outcome in outcomes for peer in outcome.turns}
    return [peer for peer in ORDER if peer in there]


def costs(outcomes: Sequence[Outcome]) -> Table:
    """CPU per request of everyone and Tideover's ratios, a row for each scenario; all outcomes have the log alike."""
    peers = _everyone(outcomes)
    ratios = [*REFERENCES, *(["its own first"] if any("tideover-first" in each.turns for each in outcomes) else [])]
    compared = [("tideover", name) for name in ratios]
    if TideoverPgo.name in peers:
        compared.append((TideoverPgo.name, "better of both"))
    columns = ["scenario", *peers, *(f"{ours} / {name}" for ours, name in compared)]
    rows = []
    for outcome in outcomes:
        against = references(outcome)
        row = [outcome.scenario.name]
        row += [cell(spread(outcome.turns.get(peer, []), attrgetter("cpu_us"))) for peer in peers]
        for ours, name in compared:
            known = name in against and ours in outcome.turns
            row.append(cell(ratio_to(outcome, ours, against[name]), ratio, True) if known else NOTHING)
        rows.append(row)
    return Table(f"CPU microseconds per request, {_log(outcomes[0])}", columns, rows)


def rates(outcomes: Sequence[Outcome]) -> Table:
    """Requests per second of everyone on one core, with `*` where that core was not the limit."""
    peers = _everyone(outcomes)
    rows = []
    for outcome in outcomes:
        row = [outcome.scenario.name]
        for peer in peers:
            turns = outcome.turns.get(peer, [])
            limited = "proxy" in _bottleneck(turns)
            row.append(cell(spread(turns, attrgetter("per_second"))) + ("" if limited or not turns else " *"))
        rows.append(row)
    note = "* the proxy's core was not the limit: the load generator, the origin or others were"
    return Table(f"requests per second on one core, {_log(outcomes[0])}", ["scenario", *peers], rows, [note])


def latencies(outcomes: Sequence[Outcome]) -> Table | None:
    """p50, p99 and p99.9 of everyone at the fixed rate, and Tideover's ratio to HAProxy's; none if they were not taken."""
    there = [outcome for outcome in outcomes if any(any(taken) for taken in outcome.latencies.values())]
    if not there:
        return None
    peers = _everyone(there)
    rows = []
    for outcome in there:
        for field_name, words in (("p50_us", "p50"), ("p99_us", "p99"), ("p999_us", "p99.9")):
            figure = attrgetter(f"seen.{field_name}")
            spreads = (spread(outcome.latencies.get(peer, []), figure) for peer in peers)
            row = [f"{outcome.scenario.name} {words}"]
            row += [cell(each, lambda value: f"{value:,.0f}", extremes=True) for each in spreads]
            both = {"tideover", "haproxy"} <= outcome.latencies.keys()
            against = spread_of_ratios(outcome.latencies, "tideover", ["haproxy"], figure) if both else None
            rows.append([*row, cell(against, ratio, extremes=True)])
    rate = f"{there[0].scenario.rate:,} requests/s on {there[0].scenario.connections} connections"
    return Table(
        f"latency in microseconds at {rate}, {_log(outcomes[0])}", ["scenario", *peers, "tideover / HAProxy"], rows
    )


def memory(outcomes: Sequence[Outcome]) -> list[Table]:
    """Resident memory of everyone, proportional set size, of each scenario where it was taken."""
    tables = []
    for outcome in outcomes:
        taken = {peer: [each for each in some if each] for peer, some in outcome.memory.items()}
        if not any(taken.values()):
            continue
        rows = []
        for peer, some in taken.items():
            after = Spread.of(pss / (1 << 20) for pss in outcome.pss_after_load[peer] if pss)
            row = [peer, cell(Spread.of(each.idle / (1 << 20) for each in some))]
            row += [cell(_bytes_of(some, figure)) for figure in ("per_silent_connection", "per_idle_connection")]
            rows.append([*row, cell(after)])
        columns = ["", "idle, MiB", "bytes per silent connection", "bytes per idle connection", "after full load, MiB"]
        notes = ["silent: open and never a request; idle: open after one request"]
        tables.append(
            Table(f"resident memory (PSS) in {outcome.scenario.name}, {_log(outcome)}", columns, rows, notes)
        )
    return tables


def _bytes_of(some: Sequence[Memory], figure: str) -> Spread | None:
    values = (getattr(each, figure) for each in some)
    return Spread.of(value for value in values if value is not None)


def disturbances(outcomes: Sequence[Outcome]) -> list[str]:
    """Every turn that was not judged, and why."""
    words = []
    for outcome in outcomes:
        for peer, turns in outcome.turns.items():
            for at, turn in enumerate(turns):
                reasons = turn.disturbances() if turn else ["it failed"]
                if reasons:
                    where = f"{outcome.scenario.name}, {_log(outcome)}, round {at + 1}, {peer}"
                    words.append(f"{where}: {', '.join(reasons)}")
    return words


def summary(report: Report) -> list[Table]:
    """The tables over all scenarios, those with the log on first."""
    tables: list[Table | None] = []
    for log in (True, False):
        outcomes = [outcome for outcome in report.outcomes if outcome.log is log and outcome.turns]
        if outcomes:
            tables += [costs(outcomes), rates(outcomes), latencies(outcomes), *memory(outcomes)]
    return [table for table in tables if table]


def terminal(table: Table) -> str:
    """A table in columns, the first to the left and the others to the right."""
    lines = [table.columns, *table.rows]
    widths = [max(len(row[column]) for row in lines) for column in range(len(table.columns))]
    text = [f"\n{table.title}"]
    for row in lines:
        cells = [each.rjust(width) if at else each.ljust(width) for at, (each, width) in enumerate(zip(row, widths))]
        text.append("  ".join(cells).rstrip())
    return "\n".join([*text, *(f"  {note}" for note in table.notes)])


def markdown_table(table: Table) -> str:
    """A table as Markdown, without its title."""
    rows = ["| " + " | ".join(row) + " |" for row in (table.columns, *table.rows)]
    rule = "|---|" + "--:|" * (len(table.columns) - 1)
    return "\n".join([rows[0], rule, *rows[1:]])


def markdown(report: Report) -> str:
    """The whole report as Markdown: where it ran, the tables, who is missing and which rounds do not count."""
    machine, how = report.machine, report.how
    where = f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Linux {machine['kernel']}"
    parts = [
        f"Measured {report.date} on {where}; {how['rounds']} rounds of {how['seconds']} s, proxy on one core, "
        f"load ({how['load']}) and origin on another. Medians, in parentheses the extremes; `~` was disturbed and is not judged.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in report.versions.items()) + ".",
    ]
    if machine["interrupts"] == "apart from processes":
        parts.append("**This kernel charges interrupts to nobody: the CPU per request of all is less than it is.**")
    for table in summary(report):
        parts += [f"**{table.title[0].upper()}{table.title[1:]}**", markdown_table(table)]
        # A star at the beginning would be a list.
        parts += [f"\\{note}" if note.startswith("*") else note for note in table.notes]
    lists = {
        "Not here": [f"{name}: {reason}" for name, reason in report.absent.items()],
        "Left out": _reasons(report.outcomes),
        "Worth knowing": sorted({f"{each.scenario.name}: {note}" for each in report.outcomes for note in each.notes}),
        "Rounds that are not judged": disturbances(report.outcomes),
    }
    for title, lines in lists.items():
        if lines:
            parts.append(f"{title}:\n" + "\n".join(f"- {line}" for line in lines))
    return "\n\n".join(parts) + "\n"


def _reasons(outcomes: Sequence[Outcome]) -> list[str]:
    """Who took no part where, without the profiles that are made for other scenarios."""
    words = {
        f"{outcome.scenario.name}, {peer}: {reason}": None
        for outcome in outcomes
        for peer, reason in outcome.left_out.items()
        if "only" not in reason or reason.startswith("FAILED")
    }
    return list(words)


def as_json(report: Report) -> str:
    """Every turn of every round, and the medians and ratios that the tables show."""
    content = {
        "date": report.date,
        "machine": report.machine,
        "versions": report.versions,
        "how": report.how,
        "absent": report.absent,
        "outcomes": [_outcome_as_json(outcome) for outcome in report.outcomes],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _outcome_as_json(outcome: Outcome) -> dict[str, object]:
    peers = {}
    for peer, turns in outcome.turns.items():
        against = references(outcome)
        peers[peer] = {
            "cpu_us": _plain(spread(turns, attrgetter("cpu_us"))),
            "per_second": _plain(spread(turns, attrgetter("per_second"))),
            "ratios": {name: _plain(ratio_to(outcome, peer, members)) for name, members in against.items()},
            "rounds": [turn and _turn_as_json(turn) for turn in turns],
            "latencies": [_plain(latency) for latency in outcome.latencies[peer]],
            "memory": [_plain(memory) for memory in outcome.memory[peer]],
            "pss_after_load": outcome.pss_after_load[peer],
        }
    return {
        "scenario": outcome.scenario.name,
        "about": outcome.scenario.about,
        "log": outcome.log,
        "peers": peers,
        "left_out": outcome.left_out,
        "notes": outcome.notes,
    }


def _turn_as_json(turn: Turn) -> dict[str, object]:
    return {**dataclasses.asdict(turn), "bottleneck": turn.bottleneck(), "disturbances": turn.disturbances()}


def _plain(value: Spread | Latency | Memory | None) -> dict[str, object] | None:
    return dataclasses.asdict(value) if value is not None else None
