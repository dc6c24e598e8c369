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
import contextlib
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
    # the system chooses one; nothing keeps it until process 0 listens there
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
        # what is set already may be of the shell, for one process alone
        flags = environment.get("XLA_FLAGS", "")
        flags = re.sub(r"--xla_force_host_platform_device_count=\d+", "", flags)
        flags += f" --xla_force_host_platform_device_count={devices}"
        environment |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags.strip()}
    return environment


def _copy_lines(index: int, source: BinaryIO, target: BinaryIO) -> None:
    # one write a line: lines of several processes do not mix
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
    """Processes that run one command together.

    Each is the leader of a process group of its own: a Ctrl-C reaches it through `tell`, once, and
    what it leaves behind can be ended with it.

    Args:
      command: what each process runs.
      devices: fake CPU devices of each, or None.
      grace: seconds for the others when one fails.
    """

    def __init__(self, command: Sequence[str], devices: int | None, grace: float):
        self._command = command
        self._devices = devices
        self._grace = grace
        self._stopped = False
        self._failed: int | None = None  # the first process that was seen to fail
        self._processes: list[subprocess.Popen] = []
        self._readers: list[threading.Thread] = []

    def run(self, processes: int) -> int:
        """Starts the processes, waits until all have ended and returns the job's exit status."""
        try:
            self._start(processes)
            self._wait()
        finally:
            self._kill()
        for reader in self._readers:
            reader.join()
        return self._exit_status()

    def stop(self) -> None:
        """Asks all processes to save and end; a signal handler may call it at any time."""
        self._stopped = True
        self._tell(signal.SIGTERM)

    def _start(self, processes: int) -> None:
        port = free_port()
        for index in range(processes):
            environment = environment_of(index, processes, self._devices, port, os.environ)
            process = subprocess.Popen(
                self._command,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            self._processes.append(process)
            self._copy(index, process.stdout, sys.stdout.buffer)
            self._copy(index, process.stderr, sys.stderr.buffer)
            if self._stopped:
                # the signal may have come before this process was in the list
                self._tell(signal.SIGTERM)
                return

    def _copy(self, index: int, source: BinaryIO, target: BinaryIO) -> None:
        reader = threading.Thread(target=_copy_lines, args=(index, source, target))
        reader.start()
        self._readers.append(reader)

    def _tell(self, number: int) -> None:
        """Sends a signal to all processes that still run."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(number)

    def _kill(self) -> None:
        """Ends what is left: processes, and the children that they have not ended."""
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _wait(self) -> None:
        """Returns when all have ended, or when the others have had their time after a failure."""
        deadline = float("inf")
        while any(process.poll() is None for process in self._processes):
            failed = self._first_failed()
            if failed is not None and deadline == float("inf"):
                deadline = time.monotonic() + self._grace
                ending = _ending(self._processes[failed].returncode)
                _say(
                    f"process {failed} {ending}; the others end by themselves within "
                    f"{self._grace:g} s or are killed"
                )
                self._failed = failed
            if time.monotonic() > deadline:
                return
            time.sleep(0.1)

    def _first_failed(self) -> int | None:
        """The number of a process that has ended with an error."""
        for index, process in enumerate(self._processes):
            if process.poll() not in (None, 0, INTERRUPTED):
                return index
        return None

    def _exit_status(self) -> int:
        failed = self._failed if self._failed is not None else self._first_failed()
        codes = [process.returncode for process in self._processes]
        if failed is None:
            return max(codes, default=INTERRUPTED)
        _say(f"process {failed} {_ending(codes[failed])}; the same command continues the run")
        return _status(codes[failed])


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
    job = Job(command, args.devices_per_process, args.grace)
    for number in (signal.SIGTERM, signal.SIGINT):  # before the first process is there
        signal.signal(number, lambda *_: job.stop())
    return job.run(args.processes)


if __name__ == "__main__":
    raise SystemExit(main())
