"""Asked to stop: the first SIGINT or SIGTERM asks the loop to save, the second stops at once.

Several hosts have to stop at the same step: JAX's preemption service carries the notice that one of
them got (SIGTERM) to all, and names a step that none of them has passed.
"""

import os
import signal
import threading
from types import FrameType, TracebackType

import jax


class Interruption:
    """A context in which `poll` says whether SIGINT or SIGTERM asked for the end.

    Outside the main thread (a notebook's worker, a test) signals cannot be caught; nothing is done.
    """

    def __init__(self) -> None:
        self._signal: str | None = None
        self._polls = 0
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "Interruption":
        # with several hosts SIGTERM belongs to JAX's preemption service
        caught = (signal.SIGINT, signal.SIGTERM) if jax.process_count() == 1 else (signal.SIGINT,)
        if threading.current_thread() is threading.main_thread():
            for number in caught:
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

    def poll(self) -> str | None:
        """The signal that asks for the end, on all hosts at the same call, or None."""
        self._polls += 1
        if jax.process_count() > 1:
            from jax.experimental import multihost_utils

            if multihost_utils.reached_preemption_sync_point(self._polls):
                self._signal = self._signal or signal.SIGTERM.name
            else:
                return None
        return self._signal

    def _handle(self, number: int, frame: FrameType | None) -> None:
        # asked a second time: the user does not want to wait for the save
        if self._signal is not None:
            os._exit(128 + number)
        self._signal = signal.Signals(number).name
        if jax.process_count() > 1:
            os.kill(os.getpid(), signal.SIGTERM)  # the notice to the other hosts
