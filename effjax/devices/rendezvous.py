"""Hosts meet before JAX connects them, so that a host that never comes is an error of ours.

JAX waits for the others too, but may end the process (SIGABRT) when they do not come. So host 0
listens at the coordinator's port first. Every other host connects and sends its number; when all
are there, host 0 answers each of them and gives the port up to JAX.

A greeting is one line, "effjax 1 INDEX COUNT"; an answer is "go", or "no" with a reason.
"""

import contextlib
import os
import socket
import time

from effjax.devices.address import Address
from effjax.errors import UserError

GREETING = "effjax 1"
LONGEST = 200  # bytes of a line
PAUSE_SECONDS = 0.2  # between two tries to connect
TRY_SECONDS = 5.0  # for one try
GO = "go"
NO = "no "


def meet(address: Address, index: int, count: int, seconds: float) -> None:
    """Returns when all hosts are there.

    Args:
      address: where host 0 listens.
      index, count: this host is number `index` of `count`.
      seconds: how long to wait for the others.

    Raises:
      UserError: the port is taken, or the hosts were started with different flags.
      TimeoutError: the others did not come in time; says what is known.
    """
    deadline = time.monotonic() + seconds
    if index == 0:
        _receive_all(address, count, deadline)
    else:
        _report_to(address, index, count, deadline)


def _receive_all(address: Address, count: int, deadline: float) -> None:
    """Host 0: waits for hosts 1 to count - 1, then lets all of them go."""
    present: dict[int, socket.socket] = {}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_listen(address))
        while len(present) < count - 1:
            server.settimeout(_left(deadline, _missing(present, count)))
            try:
                peer, _ = server.accept()
            except TimeoutError:
                continue  # the next round says which hosts are missing
            stack.callback(peer.close)
            index = _greeted(peer, count)
            if index is not None:
                present[index] = peer  # one that comes again has lost its first connection
        for peer in present.values():
            _answer(peer, GO)
        for peer in present.values():
            _read_line(peer)  # the other side closes first, which leaves the port free for JAX


def _listen(address: Address) -> socket.socket:
    """A server at the port, on all interfaces, as JAX's is.

    Raises:
      UserError: the port is taken.
    """
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        return socket.create_server(("", address.port), family=family, dualstack_ipv6=both)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise UserError(
            f"host 0 cannot listen at port {address.port} of --coordinator={address}: {reason}\n"
            "give another port, the same on all hosts"
        ) from error


def _missing(present: dict[int, socket.socket], count: int) -> str:
    numbers = [str(index) for index in range(1, count) if index not in present]
    shown = ", ".join(numbers[:8]) + (", ..." if len(numbers) > 8 else "")
    return f"missing: host {shown}"


def _greeted(peer: socket.socket, count: int) -> int | None:
    """The number of the host that has connected, or None: it is none of ours.

    Raises:
      UserError: it was started with other flags.
    """
    words = _read_line(peer).removeprefix(GREETING).split()
    if len(words) != 2 or not all(word.isdigit() for word in words):
        return None
    index, other_count = map(int, words)
    if other_count != count or not 0 < index < count:
        reason = f"host 0 was started with --hosts={count}, host {index} with --hosts={other_count}"
        _answer(peer, NO + reason)
        raise UserError(f"{reason}\ngive all hosts the same number")
    return index


def _report_to(address: Address, index: int, count: int, deadline: float) -> None:
    """Another host: connects to host 0 until it answers."""
    problem = "host 0 does not answer"
    while True:
        left = _left(deadline, problem)
        try:
            with socket.create_connection(address, timeout=min(left, TRY_SECONDS)) as server:
                _answer(server, f"{GREETING} {index} {count}")
                server.settimeout(_left(deadline, problem))
                answer = _read_line(server)
        except OSError as error:  # the name may be known, and host 0 listen, only later
            problem = error.strerror or str(error) or problem
            time.sleep(PAUSE_SECONDS)
            continue
        if answer == GO:
            return
        if answer.startswith(NO):
            raise UserError(f"{answer.removeprefix(NO)}\ngive all hosts the same number")
        # host 0 has ended, or something else listens there
        time.sleep(PAUSE_SECONDS)


def _left(deadline: float, problem: str) -> float:
    """Seconds until the deadline.

    Raises:
      TimeoutError: it is over.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError(problem)
    return left


def _answer(peer: socket.socket, text: str) -> None:
    with contextlib.suppress(OSError):  # it is gone, and will connect again
        peer.sendall(f"{text}\n".encode())


def _read_line(peer: socket.socket) -> str:
    """A line that the other side sends, or what came of it; "" where nothing did."""
    if peer.gettimeout() is None:
        peer.settimeout(TRY_SECONDS)  # a port scanner may connect and stay silent
    data = b""
    with contextlib.suppress(OSError):
        while b"\n" not in data and len(data) < LONGEST:
            piece = peer.recv(LONGEST)
            if not piece:
                break
            data += piece
    return data.decode(errors="replace").partition("\n")[0]
