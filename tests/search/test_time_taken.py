"""Seconds of a search: what counts, and what notes its own."""

import time

from effjax.search.time_taken import NO_TIME, Seconds, Stopwatch, seconds_of


def test_seconds_add_up():
    total = Seconds(5.0, 2.0) + Seconds(3.0)
    assert total == Seconds(8.0, 2.0)
    assert total.working == 6.0


def test_of_a_run():
    summary = {"wall_seconds": 9.0, "final": {"perf/compile_sec": 4.0}}
    assert seconds_of(summary) == Seconds(9.0, 4.0)
    # a run may end before its first row
    assert seconds_of({"wall_seconds": 9.0, "final": {}}) == Seconds(9.0)
    assert seconds_of({}) == NO_TIME


def test_a_pause_counts_only_while_the_watch_runs(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    watch = Stopwatch()
    with watch.paused():
        now[0] += 100.0
    with watch.running():
        now[0] += 1.0
        with watch.paused():
            now[0] += 10.0
    assert watch.seconds == 1.0
