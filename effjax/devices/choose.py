"""Which devices train, and in which of the two ways."""

import jax

from effjax.config import View
from effjax.devices.mesh import Mesh
from effjax.devices.pmap import Pmap
from effjax.devices.runner import Runner
from effjax.errors import UserError

RUNNERS = {"mesh": Mesh, "pmap": Pmap}  # values of config.parallel.mode


def choose_devices(count: int | None) -> list[jax.Device]:
    """The first `count` devices, as many of each host, or all; a host's devices side by side.

    Raises:
      UserError: there are fewer, or the hosts cannot share so many evenly.
    """
    # ordered by number alone, the devices of several hosts may be interleaved
    devices = sorted(jax.devices(), key=_host_and_number)
    if count is None:
        return devices
    hosts = jax.process_count()
    if not 1 <= count <= len(devices):
        raise UserError(f"parallel.devices = {count}, but {len(devices)} device(s) are here")
    if count % hosts:
        raise UserError(f"parallel.devices = {count} cannot be shared evenly by {hosts} hosts")
    of_each_host = len(devices) // hosts
    wanted = count // hosts
    chosen = []
    for first in range(0, len(devices), of_each_host):
        chosen += devices[first : first + wanted]
    return chosen


def _host_and_number(device: jax.Device) -> tuple[int, int]:
    return device.process_index, device.id


def make_runner(devices: list[jax.Device], batch_size: int, parts: int, parallel: View) -> Runner:
    """The runner that `config.parallel` asks for.

    Args:
      devices: what `choose_devices` returned.
      batch_size: of all hosts together.
      parts: in how many a batch is taken, one after another.
      parallel: that section of the config.

    Raises:
      UserError: sizes that cannot be divided evenly, or a mode that cannot do what is asked.
    """
    return RUNNERS[parallel.mode](devices, batch_size, parts, parallel)
