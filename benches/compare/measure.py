"""Rounds of turns: each peer is started, warmed up, measured and ended, one after the other, in another order each round."""

from __future__ import annotations

import http.client
import resource
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Callable, Iterator, Sequence

import certificate
import load
import machine
from figures import FOREIGN_LIMIT, Turn, percent
from load import IdleConnections, LoadFailed
from origin import Origin, per_request
from peers import Peer, Place
from process import Family, StartFailed, Workplace, free_port
from scenarios import Scenario
from verify import WrongAnswer, verify

# So many requests of a run may reach the origin where all are to be answered out of the cache.
MISSES = 5
# Another process may take a port between the choice and the start.
STARTS = 3


@dataclass(frozen=True)
class Settings:
    """How to measure. `seconds` of full load and, at a fixed rate, of latencies, after `warm_up` seconds of full load."""

    rounds: int
    seconds: int
    warm_up: int
    idle_connections: int
    proxy_core: int
    load_core: int
    closed_loop: str
    programs: dict[str, str]
    latencies: bool = True
    memory: bool = True


@dataclass(frozen=True)
class Latency:
    """One peer at a fixed rate, once: what the generator saw, and foreign CPU as in `Turn`."""

    seen: load.Latencies
    foreign: float

    def disturbances(self) -> list[str]:
        """Why it is not judged, in words; empty if it is."""
        reasons = [f"{self.seen.failed} requests failed"] if self.seen.failed else []
        if self.foreign > FOREIGN_LIMIT:
            reasons.append(f"others took {self.foreign:.0f} % of a core")
        return reasons


@dataclass(frozen=True)
class Memory:
    """Proportional set sizes of one peer, bytes: with nothing to do after a few requests; how much more each idle connection
    makes it, silent ones and ones that had a request. None where it could not be taken."""

    idle: int
    per_silent_connection: float | None
    per_idle_connection: float | None


@dataclass
class Outcome:
    """All rounds of one scenario with the log on or off, by peer: one item per round, none where a turn failed."""

    scenario: Scenario
    log: bool
    turns: dict[str, list[Turn | None]] = field(default_factory=dict)
    latencies: dict[str, list[Latency | None]] = field(default_factory=dict)
    memory: dict[str, list[Memory | None]] = field(default_factory=dict)
    # Bytes, after the turn's full load.
    pss_after_load: dict[str, list[int | None]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Usage:
    """What a stretch of time went to. `proxy` and `load` are CPU seconds; the rest as in `Turn`."""

    seconds: float
    proxy: float
    load: float
    foreign: float
    interrupts: float


@dataclass(frozen=True)
class Running:
    """A peer that takes connections."""

    peer: Peer
    place: Place
    family: Family


class Course:
    """One run of this program over one workplace and one origin. `say` gets a line for each thing that was done."""

    def __init__(self, settings: Settings, workplace: Workplace, origin: Origin, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._workplace = workplace
        self._origin = origin
        self._say = say
        self._scratch = workplace.folder("load")
        self._certificate = certificate.make(workplace.folder("certificate"), settings.programs["openssl"])

    def play(self, outcome: Outcome, peers: Sequence[Peer]) -> None:
        """Verifies every peer, then measures those that passed; what was measured is in the outcome even if it is stopped."""
        where = f"{outcome.scenario.name}, log {'on' if outcome.log else 'off'}"
        passed = [peer for peer in peers if self._passes(peer, outcome)]
        for peer in passed:
            for figures in (outcome.turns, outcome.latencies, outcome.memory, outcome.pss_after_load):
                figures[peer.name] = []
        for number in range(self._settings.rounds):
            first = number % max(1, len(passed))
            for peer in passed[first:] + passed[:first]:
                self._measure(peer, outcome, f"{where}, round {number + 1}")

    def _passes(self, peer: Peer, outcome: Outcome) -> bool:
        reason = peer.why_not(outcome.scenario)
        if reason:
            outcome.left_out[peer.name] = reason
            return False
        try:
            with self._running(peer, outcome) as running:
                notes = verify(peer, running.place, self._origin)
        except (StartFailed, WrongAnswer) as problem:
            outcome.left_out[peer.name] = f"FAILED: {problem}"
            self._say(f"{outcome.scenario.name}: {peer.name} is left out: {problem}")
            return False
        outcome.notes += [f"{peer.name} {note}" for note in notes]
        return True

    def _measure(self, peer: Peer, outcome: Outcome, where: str) -> None:
        turn = latency = memory = pss = None
        try:
            with self._running(peer, outcome) as running:
                turn = self._full_load(running)
                pss = machine.pss_of(running.family.roots)
                if self._settings.latencies and outcome.scenario.rate:
                    latency = self._fixed_rate(running)
            if self._settings.memory and outcome.scenario.memory:
                memory = self._memory(peer, outcome)
        except (StartFailed, LoadFailed, OSError) as problem:
            outcome.notes.append(f"{where}, {peer.name}: {problem}")
            self._say(f"{where}, {peer.name}: {problem}")
        outcome.turns[peer.name].append(turn)
        outcome.latencies[peer.name].append(latency)
        outcome.memory[peer.name].append(memory)
        outcome.pss_after_load[peer.name].append(pss)
        if turn:
            self._say(f"{where}: {peer.name:<20} {in_words(turn)}{latency_in_words(latency)}")

    @contextmanager
    def _running(self, peer: Peer, outcome: Outcome) -> Iterator[Running]:
        """The peer, started afresh and ready; ended and its files gone afterwards."""
        for left in reversed(range(STARTS)):
            directory = self._workplace.folder(peer.name)
            log = directory / "access.log" if outcome.log and peer.logs else None
            place = Place(
                directory,
                free_port(),
                free_port(),
                self._origin.endpoints(outcome.scenario),
                outcome.scenario,
                log,
                self._certificate,
            )
            family = Family(peer.commands(place), directory, self._settings.proxy_core)
            try:
                try:
                    family.wait_until(partial(is_ready, peer, place), peer.name)
                except StartFailed as problem:
                    if left and "in use" in str(problem):
                        continue
                    raise
                yield Running(peer, place, family)
                return
            finally:
                family.end()
                shutil.rmtree(directory, ignore_errors=True)

    def _full_load(self, running: Running) -> Turn:
        self._closed_loop(running, self._settings.warm_up)
        before = self._origin.seen()
        with self._watched(running) as usage:
            done = self._closed_loop(running, self._settings.seconds)
        (used,) = usage
        if done.requests == done.failed == 0:
            raise LoadFailed(f"no request was answered in {done.seconds:.1f} s")
        after = self._origin.seen()
        # Asking for the counter is one of them.
        missed = after.requests - before.requests - 1
        if running.place.scenario.cached and missed > MISSES:
            raise LoadFailed(f"the origins saw {missed} of {done.requests} requests that the cache was to answer")
        requests, connections = per_request(before, after, done.requests)
        return Turn(
            cpu_us=1e6 * used.proxy / max(1, done.requests),
            per_second=done.requests / done.seconds,
            # Of the time that the generator really ran: starting it takes some, too.
            proxy_busy=percent(used.proxy, done.seconds),
            load_busy=percent(used.load, done.seconds),
            foreign=used.foreign,
            interrupts=used.interrupts,
            requests=done.requests,
            failed=done.failed,
            origin_requests=requests,
            origin_connections=connections,
        )

    def _closed_loop(self, running: Running, seconds: int) -> load.Load:
        scenario = running.place.scenario
        scheme = "https" if scenario.is_secure() else "http"
        url = f"{scheme}://127.0.0.1:{running.place.port}{running.peer.path(scenario)}"
        if scenario.is_http2():
            name = "http2"
        elif scenario.is_handshakes():
            name = "handshakes"
        else:
            # h2load holds on to its connections and fails when they are closed.
            name = self._settings.closed_loop if scenario.keeps_alive() else "wrk"
        make, parse = {
            "wrk": (load.wrk, load.parse_wrk),
            "h2load": (load.h2load, load.parse_h2load),
            "http2": (load.h2load, load.parse_http2),
            "handshakes": (load.handshakes, load.parse_handshakes),
        }[name]
        program = self._settings.programs["h2load" if name == "http2" else name]
        command = make(program, scenario, url, seconds, self._scratch)
        return parse(load.run(command, self._settings.load_core, within=seconds + 30))

    def _fixed_rate(self, running: Running) -> Latency:
        scenario, seconds = running.place.scenario, self._settings.seconds
        program, path = self._settings.programs["open-loop"], running.peer.path(scenario)
        command = load.open_loop(program, scenario, running.place.port, path, seconds)
        with self._watched(running) as usage:
            seen = load.parse_open_loop(load.run(command, self._settings.load_core, within=seconds + 30))
        (used,) = usage
        return Latency(seen, used.foreign)

    def _memory(self, peer: Peer, outcome: Outcome) -> Memory:
        """Each kind of connection meets a fresh process: memory that was freed once is used again unseen."""
        idle, silent = self._memory_with(peer, outcome, after_a_request=False)
        _, used = self._memory_with(peer, outcome, after_a_request=True)
        return Memory(idle, silent, used)

    def _memory_with(self, peer: Peer, outcome: Outcome, after_a_request: bool) -> tuple[int, float | None]:
        count = self._settings.idle_connections
        with self._running(peer, outcome) as running:
            before = machine.pss_of(running.family.roots)
            trusted = running.place.certificate.trusted() if outcome.scenario.is_secure() else None
            held = IdleConnections(running.place.port, peer.path(outcome.scenario), count, after_a_request, trusted)
            try:
                # A connection that was accepted by the kernel only has not reached the peer yet.
                time.sleep(0.5)
                grown = machine.pss_of(running.family.roots) - before
                open_still = held.still_open()
            finally:
                held.close()
        if open_still < count:
            outcome.notes.append(f"{peer.name} closed {count - open_still} of {count} idle connections")
            return before, None
        return before, grown / count

    @contextmanager
    def _watched(self, running: Running) -> Iterator[list[Usage]]:
        """Watches who uses the two cores; the list gets its one item when the block is left."""
        usage: list[Usage] = []
        proxy, origin, ourselves, cores = self._snapshot(running)
        begun = time.monotonic()
        yield usage
        seconds = time.monotonic() - begun
        proxy_after, origin_after, ourselves_after, cores_after = self._snapshot(running)
        proxy_used = machine.used_between(proxy, proxy_after)
        load_used = machine.used_between(origin, origin_after) + ourselves_after - ourselves
        used_cores = {self._settings.proxy_core, self._settings.load_core}
        busy = sum(
            cores_after[core].working + cores_after[core].stolen - cores[core].working - cores[core].stolen
            for core in used_cores
        )
        interrupts = sum(cores_after[core].interrupts - cores[core].interrupts for core in used_cores)
        if not machine.INTERRUPTS_APART:
            busy += interrupts  # they are in the processes' times as well
        foreign = percent(busy - proxy_used - load_used, seconds)
        usage.append(Usage(seconds, proxy_used, load_used, foreign, percent(interrupts, seconds)))

    def _snapshot(
        self, running: Running
    ) -> tuple[dict[int, float], dict[int, float], float, dict[int, machine.CoreTime]]:
        ourselves = 0.0
        # Load generators have ended and been waited for: they are the children.
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
            used = resource.getrusage(who)
            ourselves += used.ru_utime + used.ru_stime
        return (
            machine.cpu_of(running.family.roots),
            machine.cpu_of(self._origin.roots),
            ourselves,
            machine.cores_now(),
        )


def is_ready(peer: Peer, place: Place) -> bool:
    """Whether the peer answers, and all that belongs to it is at work."""
    return answers(place, peer.path(place.scenario)) and peer.is_complete(place)


def answers(place: Place, path: str) -> bool:
    """Whether a GET of `path` is answered with 200: a port may be open before there are routes behind it."""
    connection = place.connection()
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def in_words(turn: Turn) -> str:
    """One turn on one line."""
    words = (
        f"{turn.cpu_us:7.1f} us/request  {turn.per_second:8,.0f}/s  proxy {turn.proxy_busy:3.0f} %  "
        f"load {turn.load_busy:3.0f} %  foreign {turn.foreign:2.0f} %"
    )
    disturbances = turn.disturbances()
    return f"{words}  NOT JUDGED: {', '.join(disturbances)}" if disturbances else words


def latency_in_words(latency: Latency | None) -> str:
    """The latencies of a turn, to follow its line."""
    if not latency:
        return ""
    seen = latency.seen
    return f"  p50 {seen.p50_us:.0f} p99 {seen.p99_us:.0f} p99.9 {seen.p999_us:.0f} us"
