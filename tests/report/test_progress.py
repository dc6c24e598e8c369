"""The displays: on a (pseudo-)terminal, into a file, without colours, quiet, narrow."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time

import pytest

from effjax.errors import ReaderGone
from effjax.evaluate.network import writing_to
from effjax.report import progress
from effjax.report.progress import Display, Quiet

SHOW = """
import time
from effjax.report import choose_display
display = choose_display()
display.waiting("compiling the training step")
time.sleep(0.3)
display.start(400, 0, 64)
for step in range(1, 21):
    display.update(step, {"train/loss": 2.0 / step, "train/top1": step / 400})
    time.sleep(0.02)
display.warn("update 5 is not finite and was left out")
display.waiting("evaluating")
time.sleep(0.3)
display.result(20, {"val/loss": 0.5, "val/top1": 0.93})
display.table("done", [("curves", "runs/x/curves.png")])
display.close()
"""
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")


def on_a_terminal(width: int, **environment: str) -> str:
    """What SHOW writes to a terminal of `width` columns."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    keep = {
        name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")
    }
    command = [sys.executable, "-c", SHOW]
    process = subprocess.Popen(
        command,
        stdin=child,
        stdout=child,
        stderr=child,
        env=keep | {"TERM": "xterm-256color"} | environment,
    )
    os.close(child)
    written = b""
    while True:
        try:
            part = os.read(parent, 65536)
        except OSError:  # Linux: the other end was closed
            break
        if not part:
            break
        written += part
    os.close(parent)
    assert process.wait() == 0, written.decode()
    return written.decode()


def test_a_log_says_how_long_a_wait_takes_until_something_else_is_said(monkeypatch):
    monkeypatch.setattr(progress, "CLOCK", 0.01)
    stream = io.StringIO()
    display = Display(stream)
    display.waiting("compiling the training step")
    while "... 0s" not in stream.getvalue():
        time.sleep(0.005)
    display.line("initialised")
    said = stream.getvalue()
    time.sleep(0.05)
    assert stream.getvalue() == said  # the clock has stopped
    assert said.startswith("compiling the training step ...\ncompiling the training step ... 0s\n")
    display.close()


def test_a_terminal_shows_one_line_that_is_redrawn_and_what_stays():
    shown = on_a_terminal(100)
    assert "compiling the training step" in shown
    assert re.search(r"/400\S*  left \d+s  loss [\d.]+  top1 [\d.]+  [\d,]+ images/s", shown)
    assert re.search(r"/400  evaluating \d+s", shown)
    assert COLOUR.search(shown)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    kept = [line.rpartition("\r")[2] for line in plain.split("\r\n")]
    assert "step 20  val/loss 0.5  val/top1 0.93" in kept
    assert "  curves  runs/x/curves.png" in kept
    assert shown.endswith("\x1b[?25h\r\x1b[1A\x1b[2K")  # the bar is gone, the cursor back


def test_no_color_leaves_colours_out():
    assert not COLOUR.search(on_a_terminal(100, NO_COLOR="1"))


def test_a_narrow_terminal_never_wraps_the_line():
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", on_a_terminal(32))
    redrawn = [line for line in re.split(r"[\r\n]+", shown) if "/400" in line]
    assert redrawn
    assert all(len(line) < 32 for line in redrawn)


def test_a_dumb_terminal_gets_plain_lines():
    shown = on_a_terminal(100, TERM="dumb")
    assert "\x1b" not in shown
    assert shown.splitlines() == [
        "compiling the training step ...",
        "warning: update 5 is not finite and was left out",
        "step 20  val/loss 0.5  val/top1 0.93",
        "done",
        "  curves  runs/x/curves.png",
    ]


def test_a_file_gets_lines_at_their_period():
    file = io.StringIO()
    display = Display(file, period=0.0)
    display.waiting("reading the data")
    display.start(10, 4, 8)
    display.waiting("evaluating")  # while training, only results are worth a line
    display.update(5, {"train/loss": 0.25})
    first, second = file.getvalue().splitlines()
    assert first == "reading the data ..."
    assert re.fullmatch(r"step 5/10  left 0s  loss 0.25", second)


def test_quiet_says_warnings_only(capsys):
    display = Quiet()
    display.waiting("reading the data")
    display.start(10)
    display.update(1, {"train/loss": 0.5})
    display.result(1, {"val/loss": 0.5})
    display.table("done", [("a", "b")])
    display.warn("checkpoint 4 is damaged")
    assert capsys.readouterr() == ("", "warning: checkpoint 4 is damaged\n")


class Closed(io.StringIO):
    """A pipe that nobody reads."""

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


def test_a_reader_that_is_gone_is_no_failed_file():
    with pytest.raises(ReaderGone), writing_to(None):
        Display(Closed()).line("a table")
