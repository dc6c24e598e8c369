"""Speed, what is left, and the line that shows them."""

import pytest

from effjax.report.pace import Pace, format_seconds, format_values, progress_line


@pytest.mark.parametrize("width", [10, 20, 40, 80, 200])
def test_progress_line_fits_and_drops_from_the_end(width):
    parts = ["left 2m", "loss 0.1234", "top1 0.9", "1,234 images/s"]
    line = progress_line(width, 50, 100, parts)
    assert len(line) <= width
    shown = [part in line for part in parts]
    assert shown == sorted(shown, reverse=True) or width < 40
    assert " 50/100" in line


def test_the_bar_is_full_at_the_end_and_empty_at_the_start():
    assert progress_line(80, 100, 100, []).count("━") == 30
    assert progress_line(80, 0, 100, []).count("━") == 0
    assert progress_line(80, 50, 100, []).count("━") == 15


def test_pace_counts_images_and_leaves_pauses_out(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    pace = Pace(total=100, done=10, images=64)
    assert (pace.left(), pace.speed()) == ("", "")
    for step in range(11, 21):
        now[0] += 0.5
        pace.update(step)
    assert pace.speed() == "128 images/s"
    assert pace.left() == "left 40s"  # 80 steps of half a second
    pace.pause()
    now[0] += 100.0
    assert pace.speed() == ""
    for step in (21, 22):
        now[0] += 0.5
        pace.update(step)
    assert pace.speed() == "128 images/s"


def test_seconds_and_values_in_words():
    assert [format_seconds(s) for s in (0.9, 59.9, 75, 4000)] == ["0s", "59s", "1m15s", "1h06m"]
    assert format_values({"train/loss": 0.51234, "val/top1": 0.9}) == "loss 0.5123  val/top1 0.9"
