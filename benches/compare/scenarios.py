"""What is asked of every peer: one entry of `SCENARIOS` per question.

To add one, add an entry. If it needs something of the peers that no scenario needed before (a cache, say), give `Scenario` a field for it, and let each peer in `peers.py` write the config or say in `why_not` that it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

KIB = 1024

# What a browser sends beside Host with a GET, as the benches of single decisions use it.
BROWSER = (
    ("Connection", "keep-alive"),
    ("Cache-Control", "max-age=0"),
    ("Sec-CH-UA", '"Chromium";v="142", "Not_A Brand";v="99"'),
    ("Sec-CH-UA-Mobile", "?0"),
    ("Sec-CH-UA-Platform", '"Linux"'),
    ("Upgrade-Insecure-Requests", "1"),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    ),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Dest", "document"),
    ("Referer", "https://www.example.com/owners/find"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7"),
    ("Cookie", "JSESSIONID=6F1B2C3D4E5F60718293A4B5C6D7E8F9; theme=light"),
)


class Origins(Enum):
    """What stands behind the proxy."""

    ONE = "one origin that answers 200"
    PRIMARY_SAYS_503 = "a primary that answers 503 with a small body, and a secondary that answers 200"
    PRIMARY_REFUSES = "a primary whose port refuses connections, and a secondary that answers 200"


class Speech(Enum):
    """What viewers speak."""

    PLAIN = "HTTP/1.1"
    TLS = "HTTP/1.1 over TLS 1.3"
    HTTP2 = "HTTP/2 over TLS 1.3"


@dataclass(frozen=True)
class Scenario:
    """One question.

    `path` is asked for and `body_bytes` is the length of the right answer. `origin_requests` is what the origins have to see
    per request, both of them together. `rate` is the requests per second of the latency part (none: it is left out).
    `behaviors` is how many path prefixes are configured, the asked one last. `large_bodies` lets in the profiles whose
    settings only matter for large bodies. `memory` has the memory taken here too. `streams` is how many requests of one
    connection are under way at a time, with HTTP/2. `cached` asks for what the proxy has kept: the origin allows it for an hour,
    and is not asked any more. Everywhere else the origin says nothing by which an answer may be kept.
    """

    name: str
    about: str
    path: str = "/1k"
    body_bytes: int = KIB
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    request_body_bytes: int = 0
    origins: Origins = Origins.ONE
    origin_requests: float = 1.0
    connections: int = 64
    rate: int | None = 4000
    behaviors: int = 0
    large_bodies: bool = False
    memory: bool = False
    speech: Speech = Speech.PLAIN
    streams: int = 1
    cached: bool = False

    def is_secure(self) -> bool:
        """Whether viewers come over TLS."""
        return self.speech is not Speech.PLAIN

    def is_http2(self) -> bool:
        """Whether viewers speak HTTP/2."""
        return self.speech is Speech.HTTP2

    def is_handshakes(self) -> bool:
        """Whether it is full handshakes that are counted: one for each request."""
        return self.is_secure() and not self.keeps_alive()

    def groups(self) -> bool:
        """Whether there are two origins, in order."""
        return self.origins is not Origins.ONE

    def keeps_alive(self) -> bool:
        """Whether a viewer's connection carries more than one request."""
        return ("Connection", "close") not in self.headers


SCENARIOS = (
    Scenario("h1-1k", "GET of 1 KiB, HTTP/1.1 kept alive", memory=True),
    Scenario("h1-64k", "GET of 64 KiB", "/64k", 64 * KIB, large_bodies=True),
    Scenario("h1-1m", "GET of 1 MiB", "/1m", KIB * KIB, large_bodies=True, rate=None),
    Scenario("h1-1k-browser", "GET of 1 KiB with a browser's fifteen headers", headers=BROWSER),
    Scenario("post-16k", "POST of 16 KiB, answered with 1 KiB", "/post", method="POST", request_body_bytes=16 * KIB),
    Scenario("new-connection", "GET of 1 KiB, a new connection for each", headers=(("Connection", "close"),)),
    Scenario(
        "failover-503",
        "the primary answers 503, the secondary 1 KiB",
        origins=Origins.PRIMARY_SAYS_503,
        origin_requests=2.0,
    ),
    Scenario("failover-refused", "the primary refuses, the secondary answers 1 KiB", origins=Origins.PRIMARY_REFUSES),
    Scenario("tls-1k", "GET of 1 KiB over TLS 1.3, kept alive", speech=Speech.TLS, rate=None, memory=True),
    Scenario("tls-64k", "GET of 64 KiB over TLS 1.3", "/64k", 64 * KIB, speech=Speech.TLS, rate=None, large_bodies=True),
    Scenario(
        "handshake",
        "GET of 1 KiB, a full TLS 1.3 handshake for each (P-256, X25519, nothing resumed)",
        headers=(("Connection", "close"),),
        speech=Speech.TLS,
        rate=None,
    ),
    Scenario(
        "h2-1k",
        "GET of 1 KiB, HTTP/2 over TLS 1.3, 16 connections with 32 requests at a time",
        connections=16,
        streams=32,
        speech=Speech.HTTP2,
        rate=None,
    ),
    Scenario("hit-1k", "GET of 1 KiB out of the proxy's cache", "/kept/1k", cached=True, origin_requests=0.0),
    Scenario("hit-64k", "GET of 64 KiB out of it", "/kept/64k", 64 * KIB, cached=True, origin_requests=0.0),
    Scenario("last-of-200", "GET of 1 KiB by the last of 200 path prefixes", "/service-199/1k", behaviors=200),
)


def named(names: list[str]) -> list[Scenario]:
    """The scenarios of these names, in the table's order; raises `KeyError` with the first name that is none."""
    known = {scenario.name for scenario in SCENARIOS}
    for name in names:
        if name not in known:
            raise KeyError(name)
    return [scenario for scenario in SCENARIOS if scenario.name in names]
