"""The first signal asks for the end, and handlers are put back."""

import os
import signal
import threading

import pytest

from effjax.devices.interruption import Interruption


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_and_the_handlers_are_put_back(number):
    before = signal.getsignal(number)
    with Interruption() as interruption:
        assert interruption.poll() is None
        os.kill(os.getpid(), number)
        assert interruption.poll() == number.name
        assert interruption.poll() == number.name
    assert signal.getsignal(number) is before


def test_the_second_signal_ends_at_once(monkeypatch):
    statuses = []
    monkeypatch.setattr(os, "_exit", statuses.append)
    with Interruption():
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
    assert statuses == [128 + signal.SIGTERM]


def test_outside_the_main_thread_nothing_is_caught():
    before = signal.getsignal(signal.SIGTERM)
    found = []

    def run():
        with Interruption() as interruption:
            found.append((signal.getsignal(signal.SIGTERM), interruption.poll()))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [(before, None)]
