"""`gcloud`, as lists of arguments: nothing here goes through a shell of this machine."""

import json
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from tpu.slices import Mistake, Slice

SSH_FAILED = 255  # ssh's own status, where the command on the worker was not heard of
ATTEMPTS = 6

# what gcloud says -> what it means
MISSING = ("NOT_FOUND", "was not found", "could not be found")
TAKEN = ("ALREADY_EXISTS", "already exists")
QUOTA = ("RESOURCE_EXHAUSTED", "Quota limit", "quota exceeded", "QUOTA_EXCEEDED")
FORBIDDEN = (
    "PERMISSION_DENIED",
    "does not have permission",
    "UNAUTHENTICATED",
    "gcloud auth login",
)
PASSING = ("UNAVAILABLE", "INTERNAL", "DEADLINE_EXCEEDED", "HTTPError 5", "Connection", "timed out")


class Failed(Exception):
    """A command of gcloud's that did not do what it was to do."""

    def __init__(self, status: int, text: str):
        super().__init__(text)
        self.status, self.text = status, text

    def says(self, words: Sequence[str]) -> bool:
        return any(word in self.text for word in words)


class Gcloud:
    """gcloud for one slice.

    Args:
      slice_: which.
      pause: seconds between attempts and between polls; the first of a growing row of them.
    """

    def __init__(self, slice_: Slice, pause: float = 10.0):
        self.slice, self.pause = slice_, pause

    def _arguments(self, *words: str) -> list[str]:
        where = [f"--zone={self.slice.zone}"]
        if self.slice.project:
            where.append(f"--project={self.slice.project}")
        return ["gcloud", "--quiet", "compute", "tpus", *words, *where]

    def _once(self, arguments: list[str]) -> str:
        try:
            done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise Mistake(
                "gcloud is not on the PATH\ninstall the Google Cloud SDK, then: gcloud auth login"
            ) from None
        if done.returncode:
            raise Failed(done.returncode, done.stderr.strip() or f"status {done.returncode}")
        return done.stdout

    def call(self, *words: str) -> str:
        """Standard output of a command; what passes by itself is tried again.

        Raises:
          Failed: it failed for good.
        """
        arguments = self._arguments(*words)
        for attempt in range(ATTEMPTS):
            try:
                return self._once(arguments)
            except Failed as failed:
                if failed.says(FORBIDDEN):
                    raise Mistake(
                        f"gcloud was refused: {last_line(failed.text)}\n"
                        "gcloud auth login, and see that the TPU API is on and you may use it"
                    ) from failed
                if attempt == ATTEMPTS - 1 or not failed.says(PASSING):
                    raise
                say(f"gcloud: {last_line(failed.text)}; trying again")
                self.sleep(attempt)
        raise AssertionError

    def sleep(self, attempt: int = 0) -> None:
        """Waits, longer after more attempts, five minutes at most."""
        time.sleep(min(self.pause * 2**attempt, 300.0))

    # ------------------------------------------------------------------- the slice and its node

    def _described(self, *words: str) -> dict[str, Any] | None:
        try:
            return json.loads(self.call(*words, "--format=json"))
        except Failed as failed:
            if failed.says(MISSING):
                return None
            raise

    def request(self) -> dict[str, Any] | None:
        """The queued resource as JSON data, or None."""
        return self._described("queued-resources", "describe", self.slice.name)

    def node(self) -> dict[str, Any] | None:
        """The node as JSON data, or None."""
        return self._described("tpu-vm", "describe", self.slice.name)

    def create(self) -> None:
        """Asks for the slice."""
        spot = ["--spot"] if self.slice.spot else []
        self.call(
            "queued-resources",
            "create",
            self.slice.name,
            f"--node-id={self.slice.name}",
            f"--accelerator-type={self.slice.type}",
            f"--runtime-version={self.slice.software}",
            f"--labels=effjax-launch={self.slice.name}",
            *spot,
            "--async",
        )

    def delete_request(self) -> None:
        """Deletes the queued resource with its node; one that is not there is as good."""
        self._deleted("queued-resources", "delete", self.slice.name, "--force", "--async")

    def delete_node(self) -> None:
        """Deletes a node that no queued resource holds."""
        self._deleted("tpu-vm", "delete", self.slice.name, "--async")

    def _deleted(self, *words: str) -> None:
        try:
            self.call(*words)
        except Failed as failed:
            if not failed.says(MISSING):
                raise

    # ------------------------------------------------------------------------------ its workers

    def ssh_arguments(self, command: str | None, worker: int | str) -> list[str]:
        """The command that runs `command`, a line for the worker's shell, there."""
        words = self._arguments("tpu-vm", "ssh", self.slice.name, f"--worker={worker}")
        alive = ["--ssh-flag=-oServerAliveInterval=15", "--ssh-flag=-oConnectTimeout=30"]
        return [*words, *alive] if command is None else [*words, *alive, f"--command={command}"]

    def ssh(self, command: str, worker: int | str = "all") -> str:
        """Standard output of a command on workers; tried again where ssh itself fails.

        Such a command must be one that may be run twice.

        Raises:
          Failed: the command failed, or the workers are out of reach.
        """
        for attempt in range(ATTEMPTS):
            try:
                return self._once(self.ssh_arguments(command, worker))
            except Failed as failed:
                if failed.status != SSH_FAILED or attempt == ATTEMPTS - 1:
                    raise
                say(f"ssh: {last_line(failed.text)}; trying again")
                self.sleep(attempt)
        raise AssertionError

    def stream(self, command: str, worker: int) -> "Stream":
        """A command on one worker whose output is read as it comes."""
        return Stream(self.ssh_arguments(command, worker))

    def copy(self, files: Sequence[str], folder: str) -> None:
        """Files of this machine into a folder (relative to the home) of all workers."""
        target = f"{self.slice.name}:{folder}/"
        for attempt in range(ATTEMPTS):
            try:
                self._once(self._arguments("tpu-vm", "scp", *files, target, "--worker=all"))
                return
            except Failed as failed:
                if attempt == ATTEMPTS - 1 or failed.says(MISSING):
                    raise
                say(f"scp: {last_line(failed.text)}; trying again")
                self.sleep(attempt)


class Stream:
    """A running command; iterating gives its output in pieces as they come."""

    def __init__(self, arguments: list[str]):
        self._process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        self._said: list[bytes] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        self._said.extend(self._process.stderr)

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> bytes:
        # read1 returns what is there; read would wait for all of it
        piece = self._process.stdout.read1(65536)
        if not piece:
            raise StopIteration
        return piece

    def close(self) -> int:
        """Ends it if it still runs, and returns its status."""
        if self._process.poll() is None:
            # the output ends a moment before the process does
            try:
                self._process.wait(2)
            except subprocess.TimeoutExpired:
                self._process.terminate()
        status = self._process.wait()
        self._listener.join(2)
        return status


class DryRun(Gcloud):
    """Prints every command; describes a slice that comes as soon as it is asked for."""

    def __init__(self, slice_: Slice, pause: float = 10.0):
        super().__init__(slice_, pause)
        self._asked, self._reading = slice_.type is None, False

    def _once(self, arguments: list[str]) -> str:
        print(shlex.join(arguments), flush=True)
        if "create" in arguments or "delete" in arguments:
            self._asked = "create" in arguments
        if "describe" not in arguments:
            ended = 'effjax-worker {"run": "dry", "state": "exited", "code": 0, "worker": "w"}\n'
            return ended * self.slice.hosts if "worker.py status " in arguments[-1] else ""
        if not self._asked:
            raise Failed(1, "NOT_FOUND")
        hosts = self.slice.hosts if self.slice.type else 1
        labels = {"effjax-launch": self.slice.name}
        node = {"state": "READY", "networkEndpoints": [{}] * hosts, "labels": labels}
        return json.dumps(node if "tpu-vm" in arguments else {"state": {"state": "ACTIVE"}})

    def stream(self, command: str, worker: int) -> Stream:
        """Prints the command; nothing comes of it."""
        print(shlex.join(self.ssh_arguments(command, worker)), flush=True)
        return Stream(["true"])

    def sleep(self, attempt: int = 0) -> None:
        """Nobody is waited for."""


def say(text: str) -> None:
    """A line for the user, beside the run's own output."""
    print(f"launch: {text}", file=sys.stderr, flush=True)


def last_line(text: str) -> str:
    """The last line of what gcloud says, which is the one that matters."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no reason given"
