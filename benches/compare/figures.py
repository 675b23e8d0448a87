"""The arithmetic: medians, spreads, ratios round by round, and which rounds count.

A *turn* is one peer measured once; a *round* is one turn of every peer, one after the other. Peers of the same round ran
within the same few seconds, so a ratio is only ever taken between two turns of one round: what the machine does to both
cancels out. Nothing here knows of processes or files.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Callable, Iterable, Mapping, Protocol, Sequence, TypeVar

# Above this much work of others, in percent of one core, a turn says more about them than about the peer.
FOREIGN_LIMIT = 15.0
# From this much on a core was full. Full load means that one of the two is: where it is the generator's, requests per second
# are its limit and not the peer's, but CPU per request still is the peer's own. Where neither is, something else was waited for.
BUSY_LIMIT = 90.0


@dataclass(frozen=True)
class Turn:
    """One peer under full load, once.

    `cpu_us`: CPU microseconds (user and system, all of the peer's processes) per request that the load generator counted.
    `per_second`: requests per second. `proxy_busy`, `load_busy`: percent of its core that the proxy used, and that the load
    generator and the origin used together of theirs. `foreign`: percent of one core, summed over both cores, that neither
    of them used, the hypervisor's share included. `interrupts`: in the same unit, time in interrupts (see
    `machine.interrupts_apart`). `failed`: requests that were not answered right. `origin_requests`, `origin_connections`: what
    the origin saw per request.
    """

    cpu_us: float
    per_second: float
    proxy_busy: float
    load_busy: float
    foreign: float
    interrupts: float
    requests: int
    failed: int
    origin_requests: float
    origin_connections: float

    def disturbances(self) -> list[str]:
        """Why this turn is not judged, in words; empty if it is."""
        reasons = []
        if self.failed:
            reasons.append(f"{self.failed} requests failed")
        if self.foreign > FOREIGN_LIMIT:
            reasons.append(f"others took {self.foreign:.0f} % of a core")
        if self.bottleneck() == "neither":
            reasons.append(f"the proxy was only {self.proxy_busy:.0f} % busy, the load {self.load_busy:.0f} %")
        return reasons

    def bottleneck(self) -> str:
        """Whose core was full: `proxy`, `load` (load generator and origin share theirs), or `neither`."""
        if self.proxy_busy >= BUSY_LIMIT:
            return "proxy"
        return "load" if self.load_busy >= BUSY_LIMIT else "neither"


@dataclass(frozen=True)
class Spread:
    """Several measurements of one thing: the median, the extremes, how many. `judged` is false if every one was disturbed."""

    median: float
    low: float
    high: float
    count: int
    judged: bool = True

    @classmethod
    def of(cls, values: Iterable[float], judged: bool = True) -> Spread | None:
        """The spread of `values`; none without any."""
        values = sorted(values)
        if not values:
            return None
        return cls(median(values), values[0], values[-1], len(values), judged)


class Measured(Protocol):
    """Something that was measured once, and may have been disturbed."""

    def disturbances(self) -> list[str]:
        """Why it is not judged, in words; empty if it is."""


M = TypeVar("M", bound=Measured)


def spread(measured: Sequence[M | None], figure: Callable[[M], float]) -> Spread | None:
    """The spread of one figure over what was undisturbed; over everything, marked as not judged, if nothing was."""
    there = [each for each in measured if each is not None]
    good = [each for each in there if not each.disturbances()]
    return Spread.of((figure(each) for each in good or there), judged=bool(good))


def ratios_by_round(
    measured: Mapping[str, Sequence[M | None]], peer: str, references: Sequence[str], figure: Callable[[M], float]
) -> list[tuple[float, bool]]:
    """The peer's figure divided by the lowest of the references', one item per round in which all of them ran.

    The flag says whether the round is judged. One disturbed reference makes the round disturbed: had it been left out, the
    ratio would be to a reference that is not the cheapest, and flatter the peer.
    """
    ratios = []
    for mine, *theirs in zip(measured[peer], *(measured[reference] for reference in references)):
        others = [each for each in theirs if each is not None]
        if mine is not None and others and len(others) == len(theirs):
            lowest = min(figure(each) for each in others)
            disturbed = any(each.disturbances() for each in (mine, *others))
            if lowest > 0:
                ratios.append((figure(mine) / lowest, not disturbed))
    return ratios


def spread_of_ratios(
    measured: Mapping[str, Sequence[M | None]], peer: str, references: Sequence[str], figure: Callable[[M], float]
) -> Spread | None:
    """The spread of `ratios_by_round` over the judged rounds; over all, marked as not judged, if there is none."""
    ratios = ratios_by_round(measured, peer, references, figure)
    good = [ratio for ratio, judged in ratios if judged]
    return Spread.of(good or (ratio for ratio, _ in ratios), judged=bool(good))


def percent(part: float, whole: float) -> float:
    """`part` of `whole` in percent; 0 of nothing is 0. Never below 0: ticks of two counters may cross."""
    return max(0.0, 100.0 * part / whole) if whole > 0 else 0.0
