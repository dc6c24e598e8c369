"""Rows from any command that compares arms over seeds, and leaves runs.csv in its folder."""

import dataclasses
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from effjax.claims.place import Place
from effjax.claims.row import Row, new_row
from effjax.errors import Preempted, UserError
from effjax.report import Display
from effjax.report.metric_names import less_is_better
from effjax.trials.runs_table import read_runs

WORKDIR = "WORKDIR"  # in a command: the claim's folder
INTERRUPTED = 75  # the exit status of a command that continues when it is typed again


@dataclasses.dataclass(frozen=True)
class Command:
    """A command line of effjax, or of a script in benchmarks/.

    Attributes:
      command: as it is typed; WORKDIR stands for its folder, and DATA/name for a data set.
      metric: what its runs.csv holds.
      seeds: how many it compares.
      minutes: of the command, as measured.
      smaller_is_better: of the metric; None: as its name says.
      first: a command that has to be run before; "": none.
    """

    command: str
    metric: str
    seeds: int
    minutes: float
    smaller_is_better: bool | None = None
    first: str = ""

    @property
    def less_is_better(self) -> bool:
        """Of the metric."""
        if self.smaller_is_better is None:
            return less_is_better(self.metric)
        return self.smaller_is_better

    def planned(self, arms: Sequence[str]) -> int:
        """How many rows there are in the end."""
        return self.seeds * len(arms)

    def measure(
        self, arms: Sequence[str], known: Sequence[Row], place: Place, display: Display
    ) -> Iterator[Row]:
        """Runs the command unless all rows are there, and reads its runs.csv.

        Raises:
          Preempted: the command was interrupted; the same command continues.
          UserError: it failed.
        """
        if len(known) >= self.planned(arms):
            return
        place.workdir.mkdir(parents=True, exist_ok=True)
        for command in (self.first, self.command):
            if command:
                run(as_words(command, place), display)
        have = {(row.arm, row.pair) for row in known}
        for result in read_runs(place.workdir):
            arm = result.trial.variant
            pair = result.trial.seed_and_fold
            if arm in arms and (arm, pair) not in have:
                yield new_row(place.size, arm, pair, result.value, result.reason)


def run(words: Sequence[str], display: Display) -> None:
    """Runs a command to its end, with its output on this terminal.

    Raises:
      Preempted: it was interrupted.
      UserError: it failed.
    """
    display.line(f"$ {shlex.join(words)}")
    status = subprocess.run(as_process(words), check=False).returncode
    if status == INTERRUPTED:
        raise Preempted("the command was interrupted: the same command continues")
    if status:
        raise UserError(f"{shlex.join(words)}\nended with exit status {status}")


def as_words(command: str, place: Place) -> list[str]:
    """The command as it is typed at a place."""
    found = []
    for word in shlex.split(command):
        before, is_data, name = word.partition("DATA/")
        if is_data:
            word = before + place.data_set(name)
        found.append(word.replace(WORKDIR, str(place.workdir)))
    return found


def as_process(words: Sequence[str]) -> list[str]:
    """The command with this Python, whatever `effjax` and `python` are on the user's path.

    Raises:
      UserError: a script that ships with a checkout only.
    """
    program, *rest = words
    if program == "effjax":
        return [sys.executable, "-m", "effjax", *rest]
    if not Path(rest[0]).exists():
        raise UserError(f"{rest[0]} is not here: this claim is tested in a checkout of effjax")
    return [sys.executable, *rest]
