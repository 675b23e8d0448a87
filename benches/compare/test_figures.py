"""The arithmetic of the comparison: python3 -m unittest discover -s benches/compare"""

from __future__ import annotations

import unittest
from dataclasses import replace
from typing import Any

import figures
from figures import Spread, Turn

QUIET = Turn(
    cpu_us=10.0,
    per_second=50_000.0,
    proxy_busy=99.0,
    load_busy=80.0,
    foreign=1.0,
    interrupts=2.0,
    requests=250_000,
    failed=0,
    origin_requests=1.0,
    origin_connections=0.0,
)


def turn(cpu_us: float, **other: Any) -> Turn:
    """A turn that nobody disturbed, unless `other` says so."""
    return replace(QUIET, cpu_us=cpu_us, **other)


def cpu_us(each: Turn) -> float:
    """The figure that ratios are taken of."""
    return each.cpu_us


class Spreads(unittest.TestCase):
    def test_a_spread_is_the_median_between_the_extremes(self) -> None:
        cases = [
            ([3.0], Spread(3.0, 3.0, 3.0, 1)),
            ([5.0, 1.0, 2.0], Spread(2.0, 1.0, 5.0, 3)),
            ([4.0, 1.0, 2.0, 3.0], Spread(2.5, 1.0, 4.0, 4)),
        ]
        for values, expected in cases:
            with self.subTest(values):
                self.assertEqual(Spread.of(values), expected)
        self.assertIsNone(Spread.of([]))

    def test_percent_is_never_below_nothing_and_of_nothing_is_nothing(self) -> None:
        for part, whole, expected in [(1.0, 4.0, 25.0), (-0.01, 5.0, 0.0), (1.0, 0.0, 0.0)]:
            with self.subTest(part=part, whole=whole):
                self.assertEqual(figures.percent(part, whole), expected)


class DisturbedTurns(unittest.TestCase):
    def test_a_turn_is_judged_up_to_the_limits_and_not_beyond(self) -> None:
        cases = [
            (turn(10), 0),
            (turn(10, foreign=15.0, proxy_busy=90.0), 0),
            (turn(10, foreign=15.1), 1),
            (turn(10, proxy_busy=89.9), 1),
            (turn(10, proxy_busy=60.0, load_busy=90.0), 0),
            (turn(10, failed=1), 1),
            (turn(10, foreign=40.0, proxy_busy=50.0, failed=3), 3),
        ]
        for each, reasons in cases:
            with self.subTest(each):
                self.assertEqual(len(each.disturbances()), reasons)

    def test_the_bottleneck_is_the_full_core(self) -> None:
        cases = [((95.0, 99.0), "proxy"), ((89.0, 95.0), "load"), ((60.0, 50.0), "neither")]
        for (proxy, load), expected in cases:
            with self.subTest(proxy=proxy, load=load):
                self.assertEqual(turn(10, proxy_busy=proxy, load_busy=load).bottleneck(), expected)

    def test_the_median_leaves_disturbed_and_lost_turns_out(self) -> None:
        turns = [turn(10), turn(90, foreign=50.0), None, turn(12)]
        self.assertEqual(figures.spread(turns, cpu_us), Spread(11.0, 10.0, 12.0, 2))

    def test_if_all_are_disturbed_they_are_shown_and_not_judged(self) -> None:
        turns = [turn(10, foreign=50.0), turn(20, foreign=50.0)]
        self.assertEqual(figures.spread(turns, cpu_us), Spread(15.0, 10.0, 20.0, 2, judged=False))
        self.assertIsNone(figures.spread([None], cpu_us))


class Ratios(unittest.TestCase):
    def test_a_ratio_is_taken_within_its_round(self) -> None:
        # The machine was twice as slow in the second round: the ratio does not see it, that of the medians would.
        turns = {"mine": [turn(10), turn(20), turn(11)], "nginx": [turn(20), turn(40), turn(20)]}
        self.assertEqual(
            figures.ratios_by_round(turns, "mine", ["nginx"], cpu_us), [(0.5, True), (0.5, True), (0.55, True)]
        )
        self.assertEqual(figures.spread_of_ratios(turns, "mine", ["nginx"], cpu_us), Spread(0.5, 0.5, 0.55, 3))

    def test_the_better_of_two_is_chosen_anew_in_each_round(self) -> None:
        turns = {"mine": [turn(10), turn(10)], "a": [turn(5), turn(20)], "b": [turn(10), turn(8)]}
        self.assertEqual(figures.ratios_by_round(turns, "mine", ["a", "b"], cpu_us), [(2.0, True), (1.25, True)])

    def test_a_disturbed_reference_disturbs_the_round_even_where_it_is_not_the_cheapest(self) -> None:
        turns = {"mine": [turn(10), turn(12)], "a": [turn(10), turn(10)], "b": [turn(50, foreign=90.0), turn(30)]}
        self.assertEqual(figures.ratios_by_round(turns, "mine", ["a", "b"], cpu_us), [(1.0, False), (1.2, True)])
        self.assertEqual(figures.spread_of_ratios(turns, "mine", ["a", "b"], cpu_us), Spread(1.2, 1.2, 1.2, 1))

    def test_without_an_undisturbed_round_nothing_is_judged(self) -> None:
        turns = {"mine": [turn(10, proxy_busy=50.0)], "a": [turn(10)]}
        self.assertEqual(figures.spread_of_ratios(turns, "mine", ["a"], cpu_us), Spread(1.0, 1.0, 1.0, 1, judged=False))

    def test_a_lost_turn_takes_its_round_along(self) -> None:
        turns = {"mine": [None, turn(10)], "a": [turn(10), None]}
        self.assertEqual(figures.ratios_by_round(turns, "mine", ["a"], cpu_us), [])
        self.assertIsNone(figures.spread_of_ratios(turns, "mine", ["a"], cpu_us))


if __name__ == "__main__":
    unittest.main()
