"""What is read: lines of /proc, answers of load generators, nginx's counters."""

from __future__ import annotations

import unittest

import load
import machine
import origin
from load import Latencies, Load, LoadFailed
from machine import CoreTime, Process
from origin import Seen
from verify import says_hit

WRK = """Running 5s test @ http://127.0.0.1:40001/1k
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.42ms  301.12us   8.02ms   92.11%
    Req/Sec    45.21k     1.10k   46.80k    78.00%
  225123 requests in 5.00s, 252.60MB read
Requests/sec:  45019.32
Transfer/sec:     50.52MB
"""
WRK_IN_TROUBLE = """Running 1m test @ http://127.0.0.1:40001/1k
  1 threads and 64 connections
  1200 requests in 1.00m, 1.20MB read
  Socket errors: connect 1, read 20, write 300, timeout 4
  Non-2xx or 3xx responses: 5000
Requests/sec:     20.00
"""
H2LOAD = """starting benchmark...
spawning thread #0: 64 total client(s). Timing-based test with 0s of warm-up time and 1s of main duration for measurements.
Warm-up started for thread #0.
progress: 100% of clients started
Main benchmark duration is started for thread #0.
Application protocol: http/1.1

finished in 1.00s, 41200.00 req/s, 46.25MB/s
requests: 41200 total, 41264 started, 41200 done, 41190 succeeded, 10 failed, 0 errored, 0 timeout
status codes: 41190 2xx, 0 3xx, 0 4xx, 10 5xx
"""
OPEN_LOOP = (
    '{"requests":20000,"failed":0,"held_up":3,"p50_us":214.0,"p99_us":472.5,"p999_us":710.0,"max_us":911.0,'
    '"late_p99_us":61.2}\n'
)


class Verdicts(unittest.TestCase):
    def test_an_answer_says_that_it_was_kept_by_x_cache_or_else_by_its_age(self) -> None:
        for headers, hit in (
            ({"X-Cache": "HIT"}, True),
            ({"X-Cache": "Hit from tideover"}, True),
            ({"X-Cache": "MISS"}, False),
            ({"X-Cache": "Miss from tideover", "Age": "3"}, False),
            ({"X-Cache": "RefreshHit from tideover"}, False),
            ({"Age": "0"}, True),
            ({"Age": "soon"}, False),
            ({}, False),
        ):
            self.assertEqual(says_hit(headers), hit, headers)


class Generators(unittest.TestCase):
    def test_wrk_tells_requests_errors_and_time(self) -> None:
        self.assertEqual(load.parse_wrk(WRK), Load(225_123, 0, 5.0))
        self.assertEqual(load.parse_wrk(WRK_IN_TROUBLE), Load(1200, 5325, 60.0))

    def test_h2load_tells_requests_errors_and_time(self) -> None:
        self.assertEqual(load.parse_h2load(H2LOAD), Load(41_200, 10, 1.0))

    def test_http2_has_to_be_spoken(self) -> None:
        with self.assertRaises(LoadFailed):
            load.parse_http2(H2LOAD)
        spoken = H2LOAD.replace("Application protocol: http/1.1", "TLS Protocol: TLSv1.3\nApplication protocol: h2")
        self.assertEqual(load.parse_http2(spoken), Load(41_200, 10, 1.0))

    def test_handshakes_tell_requests_errors_and_time(self) -> None:
        self.assertEqual(
            load.parse_handshakes('{"requests":9000,"failed":1,"seconds":5.012}\n'), Load(9000, 1, 5.012)
        )
        with self.assertRaises(LoadFailed):
            load.parse_handshakes("")

    def test_open_loop_tells_latencies(self) -> None:
        expected = Latencies(20_000, 0, 3, 214.0, 472.5, 710.0, 911.0, 61.2)
        self.assertEqual(load.parse_open_loop(OPEN_LOOP), expected)

    def test_what_is_not_understood_is_no_figure(self) -> None:
        for parse in (load.parse_wrk, load.parse_h2load, load.parse_open_loop):
            for text in ("", "unable to connect to 127.0.0.1:1 Connection refused\n", "[]", '{"requests":1}'):
                with self.subTest(parse=parse.__name__, text=text), self.assertRaises(LoadFailed):
                    parse(text)


class Kernel(unittest.TestCase):
    def test_a_process_is_read_whatever_its_name_is(self) -> None:
        tail = "S 7 3 3 0 -1 4194560 100 0 0 0 250 50 9 9 20 0 1 0 12 0 0"
        for name in ("nginx", "a b", "odd) S 1 1 (name"):
            with self.subTest(name):
                self.assertEqual(machine.parse_stat(f"42 ({name}) {tail}\n"), Process(42, 7, 3, 300 * machine.TICK))

    def test_a_core_is_read_without_the_sum_of_all(self) -> None:
        text = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 10 2 3 400 5 6 7 8 0 0\ncpu12 1 0 0 0 0 0 0 0 0 0\nintr 99 1\nctxt 5\n"
        cores = machine.parse_cores(text)
        self.assertEqual(set(cores), {0, 12})
        expected = (15 * machine.TICK, 8 * machine.TICK, 13 * machine.TICK)
        for value, wanted in zip((cores[0].working, cores[0].stolen, cores[0].interrupts), expected):
            self.assertAlmostEqual(value, wanted)
        self.assertIsInstance(cores[0], CoreTime)

    def test_memory_is_read_in_bytes(self) -> None:
        text = "5600-7fff ---p 00000000 00:00 0  [rollup]\nRss:  1752 kB\nPss:   268 kB\nPss_Dirty:  116 kB\n"
        self.assertEqual(machine.parse_pss(text), 268 * 1024)
        with self.assertRaises(ValueError):
            machine.parse_pss("Rss: 1 kB\n")

    def test_failed_connects_are_found_by_their_name(self) -> None:
        text = "Ip: Forwarding\nIp: 1\nTcp: RtoMin ActiveOpens AttemptFails InSegs\nTcp: 200 -1 77 5\n"
        self.assertEqual(machine.parse_failed_connects(text), 77)

    def test_a_family_is_who_was_started_and_who_is_in_the_session(self) -> None:
        started = [Process(10, 1, 10, 1.0), Process(11, 10, 10, 2.0), Process(12, 11, 12, 4.0)]
        others = [Process(13, 1, 10, 8.0), Process(20, 1, 20, 16.0), Process(21, 20, 20, 32.0)]
        everyone = {process.pid: process for process in started + others}
        self.assertEqual(machine.family({10}, everyone), {10, 11, 12, 13})
        self.assertEqual(machine.family({20}, everyone), {20, 21})

    def test_cpu_between_two_looks_counts_newcomers_and_forgets_who_left(self) -> None:
        self.assertAlmostEqual(machine.used_between({1: 5.0, 2: 7.0}, {1: 6.5, 3: 0.25}), 1.75)


class Origin(unittest.TestCase):
    STATUS = "Active connections: 2 \nserver accepts handled requests\n 16 15 120 \nReading: 0 Writing: 1 Waiting: 1 \n"

    def test_nginx_tells_what_it_was_asked(self) -> None:
        self.assertEqual(origin.parse_stub_status(self.STATUS), Seen(requests=120, connections=16))
        with self.assertRaises(ValueError):
            origin.parse_stub_status("<html>404</html>")

    def test_the_second_question_is_not_the_viewers(self) -> None:
        self.assertEqual(origin.per_request(Seen(100, 10), Seen(141, 11), 20), (2.0, 0.0))
        self.assertEqual(origin.per_request(Seen(100, 10), Seen(101, 11), 0), (0.0, 0.0))


if __name__ == "__main__":
    unittest.main()
