"""One run, one writer: a lock in the workdir that ends with its process.

On a disk it is `flock` on WORKDIR/.lock, which the operating system gives back however the process
ends. Some shared file systems grant `flock` on each machine by itself, so the file also names its
owner and counts up every few seconds: a process on another machine that sees it counting is
refused. A bucket has no locks; there the owner's name is written down, and the next one is warned.
"""

import contextlib
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from effjax.config import is_remote
from effjax.devices.hosts import agree, is_writer
from effjax.errors import UserError

LOCK = ".lock"
BEAT_SECONDS = 5.0  # how often the owner counts up
SILENT_SECONDS = 20.0  # an owner on another machine that is silent for so long is dead


class RunLock:
    """Held while a process writes into a workdir; a context manager.

    Makes the workdir if need be, and removes it again if nothing was put in. With several hosts,
    host 0 holds the lock for all of them.

    Args:
      workdir: the run's folder.
      warn: takes a line for the user.
    """

    def __init__(self, workdir: Path, warn: Callable[[str], None] = print):
        self._workdir = workdir
        self._path = workdir / LOCK
        self._warn = warn
        self._file: int | None = None  # the descriptor that holds the lock
        self._made: list[Path] = []  # folders that were not there before, innermost first
        self._beats = 0
        self._over = threading.Event()
        self._beating: threading.Thread | None = None

    def __enter__(self) -> "RunLock":
        """Takes the lock.

        Raises:
          UserError: another process has it; on all hosts alike.
        """
        refused = agree(self._take() if is_writer() else None)
        if refused is not None:
            raise UserError(refused)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not is_writer():
            return
        self._over.set()
        if self._beating is not None:
            self._beating.join()
        if is_remote(self._workdir):
            with contextlib.suppress(Exception):  # gcsfs raises errors of many types
                self._path.unlink()
        if self._file is not None:
            self._release()

    def _take(self) -> str | None:
        """Takes the lock, or returns why it cannot be had."""
        if is_remote(self._workdir):
            self._take_remote()
            return None
        try:
            self._make_folder()
            self._file = self._open_locked()
        except OSError as error:
            return f"cannot write to --workdir={self._workdir}: {error.strerror}"
        if self._file is None:
            return self._refusal(_owner(self._path))
        owner = _owner(self._path)
        if self._counts_elsewhere(owner):
            os.close(self._file)
            self._file = None
            return self._refusal(owner)
        self._beat()
        self._beating = threading.Thread(target=self._keep_beating, daemon=True)
        self._beating.start()
        return None

    def _make_folder(self) -> None:
        folder = self._workdir.absolute()
        while not folder.exists():
            self._made.append(folder)
            folder = folder.parent
        self._workdir.mkdir(parents=True, exist_ok=True)

    def _open_locked(self) -> int | None:
        """A descriptor that holds the lock, or None if another process holds it."""
        while True:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                return None
            except OSError:
                return file  # a file system without flock: the owner's count has to do
            # the owner removes the file when it ends: a lock on a removed file keeps nobody out
            with contextlib.suppress(OSError):
                if os.path.samestat(os.stat(self._path), os.fstat(file)):
                    return file
            os.close(file)

    def _counts_elsewhere(self, owner: dict) -> bool:
        """Whether a process on another machine still counts; waits to see it."""
        if not owner or owner.get("host") == socket.gethostname():
            return False  # on this machine flock knows
        self._warn(
            f"{self._workdir} was in use on {owner.get('host')}; waiting {SILENT_SECONDS:g} s to "
            "see whether it still is"
        )
        deadline = time.monotonic() + SILENT_SECONDS
        while time.monotonic() < deadline:
            time.sleep(SILENT_SECONDS / 20)
            if _owner(self._path) != owner:
                return True
        return False

    def _refusal(self, owner: dict) -> str:
        by = f" (process {owner['pid']} on {owner['host']})" if owner else ""
        return (
            f"another process is writing to {self._workdir}{by}\n"
            "wait until it ends, or give another --workdir"
        )

    def _beat(self) -> None:
        """Writes who holds the lock, with a count that goes up."""
        self._beats += 1
        owner = {"host": socket.gethostname(), "pid": os.getpid(), "beats": self._beats}
        text = json.dumps(owner).ljust(200).encode()  # the next one covers all of it
        os.pwrite(self._file, text, 0)

    def _keep_beating(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError):  # a full disk; flock still holds
                self._beat()

    def _release(self) -> None:
        # removed while it is held, so that nobody can have locked this file meanwhile
        with contextlib.suppress(OSError):
            self._path.unlink()
        with contextlib.suppress(OSError):
            os.close(self._file)
        self._file = None
        for folder in self._made:
            with contextlib.suppress(OSError):  # it holds something: the run's files
                folder.rmdir()

    def _take_remote(self) -> None:
        owner = _owner(self._path)
        if owner:
            self._warn(
                f"process {owner['pid']} on {owner['host']} began to write to {self._workdir} and "
                "has not said that it ended: make sure that it no longer runs"
            )
        with contextlib.suppress(Exception):  # gcsfs raises errors of many types
            self._path.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid()}))


def _owner(path: Path) -> dict:
    """What the lock's file says of its owner; {} where it says nothing."""
    try:
        owner = json.loads(path.read_text())
    except Exception:  # gcsfs raises errors of many types
        return {}
    known = isinstance(owner, dict) and {"host", "pid"} <= owner.keys()
    return owner if known else {}
