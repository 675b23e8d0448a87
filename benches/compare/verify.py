"""Whether a peer does what is asked before it is measured: right answers, the origins asked as often as they should be, the
headers that all have to add, a line in the log for each request."""

from __future__ import annotations

import http.client
import time
from pathlib import Path
from typing import Mapping

import machine
from origin import Origin, per_request
from peers import Peer, Place
from scenarios import Origins

REQUESTS = 20
# What an origin says by which an answer may be kept, or be kept longer.
KEEPING = ("Cache-Control", "Expires", "Last-Modified", "ETag")
# Envoy writes its lines every ten seconds.
LOG_WITHIN = 15.0


class WrongAnswer(Exception):
    """What the peer did not do; it is left out of the scenario."""


def verify(peer: Peer, place: Place, origin: Origin) -> list[str]:
    """Asks a few times; raises `WrongAnswer` if something is not as it has to be, returns what is worth a note."""
    scenario = place.scenario
    path = peer.path(scenario)
    _ask(place, path, REQUESTS)  # the first ones open connections and fill caches
    before, refused = origin.seen(), machine.failed_connects()
    headers = _ask(place, path, REQUESTS)
    refused = machine.failed_connects() - refused
    requests, connections = per_request(before, origin.seen(), REQUESTS)
    if abs(requests - scenario.origin_requests) > 0.01:
        raise WrongAnswer(f"the origins saw {requests:.2f} requests for each, not {scenario.origin_requests:.2f}")
    if scenario.cached and not says_hit(headers):
        raise WrongAnswer("neither X-Cache nor Age says that the answer was kept")
    said = [name for name in KEEPING if name in headers]
    if said and not scenario.cached:
        raise WrongAnswer(f"{' and '.join(said)} would let a cache answer, and it is forwarding that is measured")
    # The refusing primary counts nothing, but the kernel does; others on this machine may add to it.
    if scenario.origins is Origins.PRIMARY_REFUSES and refused < REQUESTS:
        raise WrongAnswer(f"tried the primary {refused} times in {REQUESTS} requests")
    _check_duties(place, path.rsplit("/", 1)[0] + "/duties")
    if place.log:
        _check_log(place.log, 2 * REQUESTS)
    if connections > 0.1:
        return [f"opens {connections:.2f} connections to the origins per request"]
    return []


def says_hit(headers: Mapping[str, str]) -> bool:
    """Whether an answer says that it was kept: by the word in X-Cache, or by its age where there is no such word."""
    told = headers.get("X-Cache")
    if told is not None:
        return told.lower().startswith("hit")
    return headers.get("Age", "").isdigit()


def _ask(place: Place, path: str, count: int) -> Mapping[str, str]:
    """Asks, and returns the last answer's headers."""
    scenario = place.scenario
    body = b"x" * scenario.request_body_bytes or None
    right = b"x" * scenario.body_bytes
    headers: Mapping[str, str] = {}
    connection = place.connection()
    try:
        for _ in range(count):
            connection.request(scenario.method, path, body, dict(scenario.headers))
            answer = connection.getresponse()
            got = answer.read()
            if answer.status != 200 or len(got) != scenario.body_bytes:
                raise WrongAnswer(f"answered {answer.status} with {len(got)} bytes, not 200 with {scenario.body_bytes}")
            if got != right:
                raise WrongAnswer("answered with another body than the origin's")
            headers = answer.headers
            arrived = int(headers.get("X-Request-Length", "0"))
            if arrived < scenario.request_body_bytes:
                raise WrongAnswer(f"the origin read {arrived} bytes of a request of {scenario.request_body_bytes}")
    except (OSError, http.client.HTTPException) as problem:
        raise WrongAnswer(f"no answer: {problem!r}") from problem
    finally:
        connection.close()
    return headers


def _check_duties(place: Place, path: str) -> None:
    connection = place.connection()
    try:
        connection.request("GET", path)
        said = connection.getresponse().read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as problem:
        raise WrongAnswer(f"no answer: {problem!r}") from problem
    finally:
        connection.close()
    headers = dict(line.partition("=")[::2] for line in said.splitlines())
    # Which address is the peer's affair: Envoy writes the machine's own for a viewer on loopback.
    if not headers.get("for"):
        raise WrongAnswer("the origin got no X-Forwarded-For")
    if not headers.get("via"):
        raise WrongAnswer("the origin got no Via")


def _check_log(log: Path, lines: int) -> None:
    deadline = time.monotonic() + LOG_WITHIN
    while True:
        written = _lines(log)
        if written >= lines:
            return
        if time.monotonic() > deadline:
            raise WrongAnswer(f"its log has {written} lines after {lines} requests")
        time.sleep(0.05)


def _lines(log: Path) -> int:
    try:
        return sum(1 for line in log.read_text(errors="replace").splitlines() if line and not line.startswith("#"))
    except FileNotFoundError:
        return 0
