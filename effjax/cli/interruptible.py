"""Work that Ctrl-C or SIGTERM ends with status 75, and that the same command continues."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from effjax.errors import Preempted


@contextlib.contextmanager
def interruptible(message: str = "the same command continues") -> Iterator[None]:
    """A context in which SIGINT and SIGTERM raise `Preempted` with a message.

    Outside the main thread signals cannot be caught; nothing is done there.

    Raises:
      Preempted: a signal came.
    """
    came: list[str] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if came:  # `timeout` and terminals may send it twice; what is half-made is being removed
            return
        came.append(signal.Signals(number).name)
        raise KeyboardInterrupt

    previous = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, handle)
    try:
        yield
    except BaseException:
        # libraries replace a KeyboardInterrupt that passes through them by errors of their own
        if came:
            previous = {}  # the process ends: another signal must not change its status
            raise Preempted(f"{came[0]}: {message}") from None
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
