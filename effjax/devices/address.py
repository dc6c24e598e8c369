"""The address at which hosts find each other, checked before JAX sees it.

JAX ends the process (SIGABRT or SIGSEGV) over a port that is none, or one that is taken.
"""

from typing import NamedTuple

from effjax.errors import UserError

LARGEST_PORT = 65535


class Address(NamedTuple):
    """A host and a port; as text "host:port"."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, flag: str = "--coordinator") -> Address:
    """ "host:port", or "[IPv6 address]:port".

    Args:
      text: the address.
      flag: where it was given, for the message.

    Raises:
      UserError: no host, no port, or a number that is no port.
    """
    host, colon, port = text.strip().rpartition(":")
    # the brackets keep the colons of an IPv6 address apart from the port's
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host:
        raise UserError(f"{flag}={text} has no port; give ADDRESS:PORT of host 0")
    # int() would take "1_000", " 7" and digits of other scripts
    if not (port.isascii() and port.isdigit()) or not 0 < int(port) <= LARGEST_PORT:
        raise UserError(
            f"{flag}={text}: {port!r} is no port; expected a number from 1 to {LARGEST_PORT}\n"
            "give ADDRESS:PORT of host 0, such as 10.0.0.1:1234"
        )
    return Address(host, int(port))
