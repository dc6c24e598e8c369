"""Work that goes on while Python does."""

import threading

import pytest

from effjax.training import ahead


def test_the_caller_goes_on():
    may_end = threading.Event()

    def work():
        assert may_end.wait(60)
        return threading.current_thread()

    begun = ahead.begin(work)
    assert not begun.done()  # it waits for what comes next
    may_end.set()
    assert begun.result() is not threading.current_thread()


def test_what_goes_wrong_is_raised_where_the_result_is_wanted():
    def work():
        raise MemoryError("RESOURCE_EXHAUSTED")

    begun = ahead.begin(work)
    with pytest.raises(MemoryError, match="RESOURCE_EXHAUSTED"):
        begun.result()
