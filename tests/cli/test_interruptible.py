"""A signal becomes the status 75, whatever a library makes of the interruption."""

import os
import signal

import pytest

from effjax.cli.interruptible import interruptible
from effjax.errors import Preempted


@pytest.fixture
def handlers():
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield kept
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_is_a_preemption(name, handlers):
    def library():
        try:
            os.kill(os.getpid(), getattr(signal, name))
        except KeyboardInterrupt:
            raise ImportError("half imported") from None

    with pytest.raises(Preempted, match=f"{name}: the same command continues"), interruptible():
        library()
    os.kill(os.getpid(), signal.SIGINT)  # the second one changes nothing


def test_other_errors_pass_and_the_handlers_come_back(handlers):
    with pytest.raises(ValueError, match="other"), interruptible():
        raise ValueError("other")
    assert signal.getsignal(signal.SIGINT) is handlers[signal.SIGINT]
