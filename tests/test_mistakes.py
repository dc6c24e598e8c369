"""Types every line of docs/mistakes.md and compares status and text with what stands there."""

import dataclasses
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import jax
import pytest

from effjax import cli
from effjax.data.sources.catalog import prepared_directory
from tests import mistakes

ROOT = Path(__file__).parent.parent
INTERRUPTED = 75


@dataclasses.dataclass(frozen=True)
class Mistake:
    """One line of the table: what was there, what was typed, what is answered."""

    what: str
    given: str
    typed: str
    answer: str
    status: int


def read_table() -> list[Mistake]:
    """The lines of docs/mistakes.md."""
    rows = re.findall(r"^\| (.*?) \| (.*?) ?\| (`.*`) \| (`.*`) \| (\d+) \|$", TABLE, re.MULTILINE)
    return [
        Mistake(what, given, plain(typed), plain(answer), int(status))
        for what, given, typed, answer, status in rows
    ]


def plain(cell: str) -> str:
    """A table's cell without its code marks; <br> parts lines."""
    return "\n".join(line.strip("`").strip() for line in cell.split("<br>"))


TABLE = (ROOT / "docs/mistakes.md").read_text()
MISTAKES = read_table()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run of four steps; compiled programs are kept for the other tests."""
    least = "jax_persistent_cache_min_compile_time_secs"
    before = getattr(jax.config, least)
    jax.config.update(least, 0.0)
    yield mistakes.train_quickstart(tmp_path_factory)
    jax.config.update(least, before)


@pytest.fixture
def world(tmp_path, monkeypatch):
    mistakes.make_world(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def prepare(given: str, world: Path, trained: Path) -> None:
    """Makes true what the column "given" says."""
    if given.startswith("a finished run"):
        mistakes.add_run(world, trained)
    if given.endswith("has a flipped bit"):
        mistakes.flip_a_bit(world)
    if given.endswith("was cut off"):
        mistakes.cut_config(world)
    if given == "the digits are prepared":
        prepared_directory("digits")


def stop_when_training(workdir: Path) -> None:
    """Sends SIGTERM to this process when a row has been written."""
    rows = workdir / "metrics.jsonl"
    while not (rows.exists() and rows.stat().st_size):
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)


def as_pattern(answer: str) -> str:
    """A regular expression for an answer in which `...` stands for anything in a line."""
    return ".*".join(re.escape(part) for part in answer.split("..."))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.what.replace(" ", "_"))
def test_a_mistake_is_answered_as_the_docs_say(mistake, world, trained, capsys):
    prepare(mistake.given, world, trained)
    if mistake.status == INTERRUPTED:
        workdir = world / "runs/quickstart"
        threading.Thread(target=stop_when_training, args=[workdir], daemon=True).start()
    files = set(world.rglob("*"))
    capsys.readouterr()
    status = 0
    try:
        cli.main(shlex.split(mistake.typed)[1:])
    except SystemExit as exit_:
        status = exit_.code
    told = capsys.readouterr().err.removeprefix("effjax: ").rstrip("\n")
    assert re.fullmatch(as_pattern(mistake.answer), told), told
    assert status == mistake.status
    assert told.count("\n") <= 1
    if status == 1:
        assert set(world.rglob("*")) == files


def test_the_table_has_thirty_mistakes_and_the_test_reads_them_all():
    assert len(MISTAKES) >= 30
    assert len(MISTAKES) == len(re.findall(r"^\| .* \|$", TABLE, re.MULTILINE)) - 1  # the header


@pytest.mark.parametrize("typed", ["train --config=configs/quikstart.py", "trian"])
def test_the_program_itself_answers_so_too(typed, world):
    """No warnings or tracebacks from start-up or shutdown surround the answer."""
    command = [sys.executable, "-m", "effjax", *typed.split()]
    environment = os.environ | {"EFFJAX_CACHE": "off"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    answer = next(m.answer for m in MISTAKES if m.typed == f"effjax {typed}")
    assert re.fullmatch(as_pattern(f"effjax: {answer}\n"), done.stderr)
    assert (done.returncode, done.stdout) == (1, "")


def test_debug_shows_the_traceback(world):
    with pytest.raises(ValueError, match="does not exist"):
        cli.main(["train", "--config=configs/quikstart.py", "--debug"])
