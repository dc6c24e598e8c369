"""SIGINT and SIGTERM: the first asks the loop to save and stop, the second stops at once."""

import os
import signal
import threading
from types import FrameType, TracebackType


class Interruption:
    """A context in which SIGINT and SIGTERM set `requested` to the signal's name.

    Outside the main thread (a notebook's worker, a test) signals cannot be caught; nothing is done.
    """

    def __init__(self) -> None:
        self.requested: str | None = None
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested is not None:
            os._exit(128 + number)
        self.requested = signal.Signals(number).name
