"""Several processes on this machine that train together, as several hosts would.

    python launch/local.py --processes=2 --devices-per-process=4 -- \\
        effjax train --config=configs/quickstart.py:quick

Every process runs the command with its number, the address of process 0 and (on a CPU) so many
fake devices in its environment. Lines come out with the number of the process in front. When one
process fails, the others get `--grace` seconds to end by themselves and are then killed.

Exit status: 0 if all end well; 75 if they were asked to stop and saved; else that of the first
process to fail, as a shell counts it (137 for SIGKILL).
"""

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import BinaryIO

INTERRUPTED = 75


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment_of(
    index: int, processes: int, devices: int | None, port: int, inherited: Mapping[str, str]
) -> dict[str, str]:
    """The environment of process `index`; `devices` fake CPU devices, or None: what is there."""
    environment = dict(inherited)
    environment["JAX_COORDINATOR_ADDRESS"] = f"127.0.0.1:{port}"
    environment["JAX_NUM_PROCESSES"] = str(processes)
    environment["JAX_PROCESS_ID"] = str(index)
    environment["PYTHONUNBUFFERED"] = "1"
    if devices is not None:
        flags = environment.get("XLA_FLAGS", "")
        flags = re.sub(r"--xla_force_host_platform_device_count=\d+", "", flags)
        flags += f" --xla_force_host_platform_device_count={devices}"
        environment |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags.strip()}
    return environment


def _copy_lines(index: int, source: BinaryIO, target: BinaryIO) -> None:
    for line in source:
        target.write(f"[{index}] ".encode() + line)
        target.flush()


def _status(returncode: int) -> int:
    return 128 - returncode if returncode < 0 else returncode


def _ending(returncode: int) -> str:
    if returncode < 0:
        return f"was ended by {signal.Signals(-returncode).name}"
    return f"ended with status {returncode}"


class Job:
    """Processes that run one command together."""

    def __init__(self, command: Sequence[str], processes: int, devices: int | None, grace: float):
        self._grace = grace
        port = free_port()
        self._processes = [
            subprocess.Popen(
                command,
                env=environment_of(index, processes, devices, port, os.environ),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # a Ctrl-C reaches them through us, once
            )
            for index in range(processes)
        ]
        streams = [
            (index, source, target)
            for index, process in enumerate(self._processes)
            for source, target in (
                (process.stdout, sys.stdout.buffer),
                (process.stderr, sys.stderr.buffer),
            )
        ]
        self._readers = [threading.Thread(target=_copy_lines, args=args) for args in streams]
        for reader in self._readers:
            reader.start()

    def tell(self, number: int) -> None:
        """Sends a signal to all that still run."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(number)

    def wait(self) -> int:
        """Waits until all have ended and returns the job's exit status."""
        failed: int | None = None
        killed_at = float("inf")
        while any(process.poll() is None for process in self._processes):
            codes = [process.poll() for process in self._processes]
            bad = [i for i, code in enumerate(codes) if code not in (None, 0, INTERRUPTED)]
            if failed is None and bad:
                failed = bad[0]
                killed_at = time.monotonic() + self._grace
                _say(
                    f"process {failed} {_ending(codes[failed])}; the others end by themselves "
                    f"within {self._grace:g} s or are killed"
                )
            if time.monotonic() > killed_at:
                self.tell(signal.SIGKILL)
            time.sleep(0.1)
        for reader in self._readers:
            reader.join()
        codes = [process.returncode for process in self._processes]
        if failed is None:
            failed = next((i for i, code in enumerate(codes) if code not in (0, INTERRUPTED)), None)
        if failed is not None:
            _say(f"process {failed} {_ending(codes[failed])}; the same command continues the run")
            return _status(codes[failed])
        return max(codes)


def _say(text: str) -> None:
    print(f"launch: {text}", file=sys.stderr, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the job and returns its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--processes", type=int, default=2, help="how many (2)")
    parser.add_argument(
        "--devices-per-process",
        type=int,
        metavar="N",
        help="fake CPU devices of each (what is there)",
    )
    parser.add_argument(
        "--grace", type=float, default=120.0, help="seconds for the others when one fails (120)"
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, help="after --, what each runs")
    args = parser.parse_args(argv)
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command or args.processes < 1:
        parser.error("give --processes=N and, after --, the command that each of them runs")
    if shutil.which(command[0]) is None:
        parser.error(f"{command[0]!r} is not a command here; give it after --, as in a shell")
    job = Job(command, args.processes, args.devices_per_process, args.grace)
    signal.signal(signal.SIGTERM, lambda *_: job.tell(signal.SIGTERM))
    signal.signal(signal.SIGINT, lambda *_: job.tell(signal.SIGTERM))
    return job.wait()


if __name__ == "__main__":
    raise SystemExit(main())
