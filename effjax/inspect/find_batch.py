"""`effjax show --find-batch`: the largest batch whose training step fits into a device's memory.

Nothing is run: XLA says what a compiled step needs. It needs a constant and, for each image, the
same again, so two compilations predict the largest batch, and a third one confirms it.
"""

import os
from collections.abc import Callable

import jax
import ml_collections

from effjax.errors import UserError
from effjax.report import Display, format_bytes
from effjax.tasks.run import build
from effjax.training.programs import compile_step

USED = 0.9  # of the memory; the rest is for what XLA does not count
TRIES = 4  # compilations that may confirm a batch
Needs = Callable[[int], int]  # batch size -> bytes of one device


def show_largest_batch(
    config: ml_collections.ConfigDict, display: Display, memory: float | None = None
) -> int:
    """Finds the largest batch size for a config and shows what it needs.

    Args:
      config: what to train.
      memory: GB of a device; None: what the device, or on a CPU the machine, has.

    Returns:
      The batch size.

    Raises:
      UserError: the config is wrong, the backend does not say what it needs, or not even the
        smallest batch fits.
    """
    setup = build(config)
    devices = setup.runner.mesh.size
    multiple = devices * config.accumulate
    if config.mix.mixup or config.mix.cutmix:
        multiple *= config.mix.block  # partners lie in one block of one device's part
    room = int(USED * (memory * 1e9 if memory else memory_of(setup.runner.mesh.devices.flat[0])))

    def needs(batch: int) -> int:
        display.waiting(f"compiling the training step for a batch of {batch}")
        changed = ml_collections.ConfigDict(config)
        with changed.unlocked():
            changed.data.batch_size = batch
        return peak_bytes(changed)

    batch, size = largest_batch(needs, room, multiple, setup.source.num_examples)
    rows = [
        ("largest batch", f"{batch} ({batch // devices} a device)"),
        ("it needs", f"{format_bytes(size)} of {format_bytes(room)} ({USED:.0%} of a device)"),
        ("now in the config", str(config.data.batch_size)),
    ]
    display.table("batch size", rows)
    display.line(f"take it: --config.data.batch_size={batch}")
    return batch


def largest_batch(needs: Needs, room: int, multiple: int, most: int) -> tuple[int, int]:
    """(batch size, bytes that it needs).

    Args:
      needs: bytes of a batch size; grows with it.
      room: bytes that there are.
      multiple: the batch size is a multiple of this.
      most: the largest batch size that makes sense.

    Raises:
      UserError: not even the smallest batch fits.
    """
    small, large = multiple, min(4 * multiple, most // multiple * multiple)
    if large < small:
        raise UserError(f"there are {most} training images, fewer than one batch of {multiple}")
    at_small = needs(small)
    if at_small > room:
        raise UserError(
            f"a batch of {small} needs {format_bytes(at_small)} of {format_bytes(room)}\n"
            "try --config.accumulate=2, --config.model.remat=True, or a smaller data.image_size"
        )
    if large == small:
        return small, at_small
    each = max((needs(large) - at_small) / (large - small), 1.0)
    batch = int(small + (room - at_small) / each)
    for _ in range(TRIES):
        batch = max(min(batch, most) // multiple * multiple, small)
        size = needs(batch)
        if size <= room:
            return batch, size
        batch = int(batch * 0.9 * room / size)
    return small, at_small


def peak_bytes(config: ml_collections.ConfigDict) -> int:
    """What one device holds during a training step, as XLA counts it.

    Raises:
      UserError: the config is wrong, or the backend does not say.
    """
    setup = build(config)
    compiled = compile_step(setup, setup.task.variant(0), setup.abstract)
    memory = compiled.memory_analysis()
    if memory is None:
        raise UserError("this backend does not say what a step needs; try batch sizes by hand")
    # the donated state is both input and output: counted once
    outputs = memory.output_size_in_bytes - memory.alias_size_in_bytes
    return memory.argument_size_in_bytes + memory.temp_size_in_bytes + outputs


def memory_of(device: jax.Device) -> int:
    """Bytes that a device has; on a CPU those of the machine."""
    stats = device.memory_stats() or {}
    if "bytes_limit" in stats:
        return stats["bytes_limit"]
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
