"""Addresses are checked before JAX sees them."""

import pytest

from effjax.devices.address import parse_address
from effjax.errors import UserError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("10.0.0.1:1234", "10.0.0.1", 1234), ("host-0:1", "host-0", 1), ("[::1]:65535", "::1", 65535)],
)
def test_a_host_and_a_port(text, host, port):
    address = parse_address(text)
    assert (address.host, address.port, str(address)) == (host, port, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("127.0.0.1", "--coordinator=127.0.0.1 has no port; give ADDRESS:PORT of host 0"),
        (":1234", "has no port; give ADDRESS:PORT"),
        ("127.0.0.1:x", r"'x' is no port; expected a number from 1 to 65535\ngive ADDRESS:PORT"),
        ("127.0.0.1:70000", "'70000' is no port"),
        ("127.0.0.1:0", "'0' is no port"),
        ("127.0.0.1:-1", "'-1' is no port"),
        ("127.0.0.1:", "'' is no port"),
    ],
)
def test_what_is_no_address(text, message):
    with pytest.raises(UserError, match=message):
        parse_address(text)
