"""Hosts meet, or say why they do not."""

import socket
import threading

import pytest

from effjax.devices.address import Address
from effjax.devices.rendezvous import meet
from effjax.errors import UserError


@pytest.fixture
def address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Address("127.0.0.1", probe.getsockname()[1])


def run_hosts(address, hosts, seconds=20.0):
    """What became of each (index, count): None or its exception."""
    found = {}

    def run(index, count):
        try:
            meet(address, index, count, seconds)
            found[index] = None
        except Exception as error:
            found[index] = error

    threads = [threading.Thread(target=run, args=host) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_all_meet_in_any_order_and_the_port_is_free_again(address):
    for _ in range(2):
        assert run_hosts(address, [(2, 3), (0, 3), (1, 3)]) == {0: None, 1: None, 2: None}


def test_what_else_connects_is_no_host(address):
    def disturb():
        for _ in range(100):
            try:
                with socket.create_connection(address, timeout=1) as peer:
                    peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
                return
            except OSError:
                threading.Event().wait(0.02)

    threading.Thread(target=disturb).start()
    assert run_hosts(address, [(0, 2), (1, 2)]) == {0: None, 1: None}


def test_who_is_missing_is_said(address):
    with pytest.raises(TimeoutError, match="missing: host 1, 2"):
        meet(address, 0, 3, 0.3)
    with pytest.raises(TimeoutError, match="Connection refused"):
        meet(address, 1, 2, 0.3)
    with pytest.raises(TimeoutError, match=r"."):
        meet(Address("no-such-host.invalid", 1), 1, 2, 0.3)


def test_hosts_that_count_differently(address):
    found = run_hosts(address, [(0, 2), (1, 3)])
    for error in found.values():
        assert isinstance(error, UserError)
        assert "host 0 was started with --hosts=2, host 1 with --hosts=3" in str(error)


def test_a_port_that_is_taken(address):
    message = r"cannot listen at port .* in use\ngive another port"
    with socket.create_server(("", address.port)), pytest.raises(UserError, match=message):
        meet(address, 0, 2, 1.0)
