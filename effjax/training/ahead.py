"""Work of XLA in a thread of its own: while it compiles, or reads what it kept, Python goes on."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def begin(work: Callable[[], T]) -> Future[T]:
    """Begins `work` in a thread; `result()` waits for it and raises what it raised.

    The thread traces nothing and runs nothing on the devices: what Python knows of a trace belongs
    to the thread that traces, and all hosts run their programs in the same order. Nothing can stop
    XLA, so a process that ends waits for it, as it does where the main thread compiles.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    begun = thread.submit(work)
    thread.shutdown(wait=False)  # takes no more work
    return begun
