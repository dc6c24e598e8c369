"""How long it takes from a command to its first training step, with and without compiled programs.

    python benchmarks/startup.py

Each start is a process of its own; the cold one has an empty program cache. Byte code is kept, as
it is for users: without, each start compiles all of effjax again.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from effjax.runs.metrics import read_rows

ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
IMPORTS = 5
WARM = 3


def import_seconds() -> float:
    """Seconds of `python -c "import effjax"`."""
    since = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import effjax"], check=True, env=ENVIRONMENT)
    return time.perf_counter() - since


def first_step_seconds(cache: Path) -> float:
    """Seconds from the start of `effjax train` to its first row of metrics."""
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder) / "run"
        command = [sys.executable, "-m", "effjax", "train", "--config=configs/quickstart.py"]
        command += [f"--workdir={workdir}", "--config.log.every_steps=1", "--quiet"]
        since = time.perf_counter()
        process = subprocess.Popen(command, env=ENVIRONMENT | {"EFFJAX_CACHE": str(cache)})
        while not read_rows(workdir):
            if process.poll() is not None:
                raise RuntimeError(f"the run ended with status {process.returncode}")
            time.sleep(0.02)
        seconds = time.perf_counter() - since
        process.kill()
        process.wait()
    return seconds


def main() -> None:
    """Prints the figures."""
    print("import effjax        ", " ".join(f"{import_seconds():.2f}" for _ in range(IMPORTS)), "s")
    with tempfile.TemporaryDirectory() as cache:
        print("first step, cold     ", f"{first_step_seconds(Path(cache)):.1f} s")
        warm = [first_step_seconds(Path(cache)) for _ in range(WARM)]
        print("first step, cached   ", " ".join(f"{seconds:.1f}" for seconds in warm), "s")


if __name__ == "__main__":
    main()
