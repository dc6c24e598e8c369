"""Kills a run at random moments until it has ended so many times, and compares its numbers.

    python benchmarks/torture.py --kills=50 --terms=20

A run of seconds that saves every other step is killed (SIGKILL), asked to stop (SIGTERM), loses
the end of a file of its newest checkpoint, or meets a full disk (a limit on the size of files);
each time the same command continues it. Whenever a run has come to its end, its rows are compared
with those of a run that nobody disturbed, and a new one begins. After every blow the checkpoints
that count as sound are checked, file by file.
"""

import argparse
import functools
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from effjax.runs.checksums import CHECKSUMS, damage
from effjax.runs.metrics import read_rows

CONFIG = Path(__file__).parent / "torture_config.py"
INTERRUPTED = 75


class Torture:
    """One run after another in a folder, with counts of what was done to them.

    Attributes:
      counts: how often each thing happened.
      wrong: what must not happen, in words.
    """

    def __init__(self, folder: Path, seed: int):
        self.folder, self.random = folder, random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.workdir = folder / "run0"
        began = time.monotonic()
        self.expected = self.undisturbed()
        self.seconds = time.monotonic() - began

    def command(self, workdir: Path) -> list[str]:
        """The command line of a run."""
        words = ["train", f"--config={CONFIG}", f"--workdir={workdir}", "--quiet"]
        return [sys.executable, "-m", "effjax", *words]

    def undisturbed(self) -> list[dict]:
        """The rows of a run that nobody disturbs; made twice, so that programs are cached."""
        for name in ("warm", "whole"):
            subprocess.run(self.command(self.folder / name), check=True)
        return numbers(self.folder / "whole")

    def start(self, largest_file: int | None = None) -> subprocess.Popen:
        """Begins or continues the run."""

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

        return subprocess.Popen(
            self.command(self.workdir),
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limit if largest_file else None,
        )

    def strike(self, number: int) -> None:
        """Sends a signal at a random moment of a run, which may end before."""
        process = self.start()
        time.sleep(self.random.uniform(0.0, 1.1 * self.seconds))
        name = signal.Signals(number).name
        if process.poll() is None:
            process.send_signal(number)
            self.counts[name] += 1
            saving = any(self.workdir.glob("checkpoints/*tmp*"))
            unsealed = [p for p in self.finished() if not (p / CHECKSUMS).exists()]
            self.counts["while saving"] += bool(saving or unsealed)
        _, errors = process.communicate(timeout=120)
        allowed = {0, -number} | ({INTERRUPTED} if number == signal.SIGTERM else set())
        self.after(process.returncode, allowed, errors, name)

    def truncate(self) -> None:
        """Cuts a file of the newest checkpoint in half, and continues the run to its end."""
        if not self.finished():
            self.strike(signal.SIGKILL)
            return
        newest = max(self.finished(), key=lambda path: int(path.name))
        files = sorted(p for p in newest.rglob("*") if p.is_file() and p.stat().st_size > 1)
        victim = self.random.choice(files)
        os.truncate(victim, victim.stat().st_size // 2)
        self.counts["truncated files"] += 1
        self.to_the_end("truncated")

    def fill_disk(self) -> None:
        """A run whose files cannot grow, until it ends or gives up; then one with room again."""
        process = self.start(largest_file=self.random.choice((1024, 8192, 30000)))
        time.sleep(self.random.uniform(0.5, 1.0) * self.seconds)
        process.kill()
        process.communicate()
        self.counts["full disks"] += 1
        self.to_the_end("full disk")

    def to_the_end(self, what: str) -> None:
        """Continues the run without disturbing it."""
        process = self.start()
        _, errors = process.communicate(timeout=120)
        self.after(process.returncode, {0}, errors, what)

    def after(self, status: int, allowed: set[int], errors: str, what: str) -> None:
        """Looks at what a blow left behind; compares a run that has ended, and begins a new one."""
        if status not in allowed:
            self.wrong.append(f"{self.workdir.name}: status {status} after {what}: {errors[-400:]}")
        for path in self.finished():
            if (path / CHECKSUMS).exists() and (problem := damage_of(path)):
                self.wrong.append(f"{path}: {problem} after {what}")
        if (self.workdir / "summary.json").exists():
            self.counts["runs compared"] += 1
            if numbers(self.workdir) != self.expected:
                self.wrong.append(f"{self.workdir.name}: other numbers after {what}")
            json.loads((self.workdir / "summary.json").read_text())
            shutil.rmtree(self.workdir)
            self.workdir = self.folder / f"run{self.counts['runs compared']}"

    def finished(self) -> list[Path]:
        """Folders of checkpoints that Orbax has given their final names."""
        return [path for path in self.workdir.glob("checkpoints/*") if path.name.isdigit()]


def damage_of(path: Path) -> str | None:
    """What is wrong with a checkpoint; one that is being removed is none."""
    try:
        return damage(path)
    except FileNotFoundError:
        return None


def numbers(workdir: Path) -> list[dict]:
    """A run's rows without what is a matter of the clock."""
    rows = read_rows(workdir)
    return [{k: v for k, v in row.items() if not k.startswith("perf/")} for row in rows]


def main() -> int:
    """Does it all and prints a table; status 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--terms", type=int, default=20)
    parser.add_argument("--truncations", type=int, default=5)
    parser.add_argument("--full-disks", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60.0, help="no blow begins after these")
    args = parser.parse_args()
    goals = {
        "SIGKILL": args.kills,
        "SIGTERM": args.terms,
        "truncated files": args.truncations,
        "full disks": args.full_disks,
    }
    with tempfile.TemporaryDirectory(prefix="effjax-torture-") as folder:
        torture = Torture(Path(folder), args.seed)
        torture.seconds /= 2
        print(f"an undisturbed run takes {torture.seconds:.1f} s", flush=True)
        blows = {
            "SIGKILL": functools.partial(torture.strike, signal.SIGKILL),
            "SIGTERM": functools.partial(torture.strike, signal.SIGTERM),
            "truncated files": torture.truncate,
            "full disks": torture.fill_disk,
        }
        began = time.monotonic()
        counts = torture.counts
        while left := [name for name in goals for _ in range(goals[name] - counts[name])]:
            if time.monotonic() - began > 60 * args.minutes:
                break
            blows[torture.random.choice(left)]()
            print(f"\r{len(left)} blows left, {len(torture.wrong)} wrong ", end="", flush=True)
        torture.to_the_end("the last blow")
        print()
        for name, count in torture.counts.items():
            print(f"{name:<16} {count}")
        print(f"{'minutes':<16} {(time.monotonic() - began) / 60:.1f}")
        print(f"{'wrong':<16} {len(torture.wrong)}")
        for line in torture.wrong:
            print(f"  {line}")
        return bool(torture.wrong)


if __name__ == "__main__":
    raise SystemExit(main())
