"""Checkpoints: Orbax underneath, checksums and few large arrays on top. Only this file calls Orbax.

    checkpoints/120/                  a finished checkpoint: what Orbax writes
    checkpoints/120/checksums.json    CRC-32 of each of its files; written last

Orbax takes about a millisecond a leaf, so small leaves are packed together (`packing`). It loads
flipped bytes, so files are compared with their checksums before they are loaded (`checksums`). A
run that continues names a damaged checkpoint and takes the one before. A save that fails is a
warning.
"""

import contextlib
import functools
import logging
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from etils import epath

from effjax.contract import TrainState
from effjax.devices.hosts import agree, is_writer
from effjax.errors import UserError
from effjax.runs.checksums import damage, write_checksums
from effjax.runs.keeping import Keep
from effjax.runs.packing import (
    abstract_described,
    abstract_pack,
    describe,
    pack,
    plain_keys,
    require_same,
    unpack,
    unpack_described,
)

RETRY_SECONDS = 30.0  # after a save that failed
SAVE_ATTEMPTS = 4  # tries for a save that must not fail
UNFINISHED = ".orbax-checkpoint-tmp"  # after its step: the folder of a save that is under way


class Checkpoints:
    """The checkpoints of one run. Saving goes on in the background; `close` waits for it.

    Args:
      folder: where they are, local or gs://.
      keep_last: how many of the newest to keep.
      keep_best: a metric whose best (largest, or smallest for a loss) checkpoint is kept too.
      keep_every_steps: steps at multiples of this are never removed.
      keep_step: a step that is never removed.
      warn: takes a line for the user when something went wrong that training survives.

    Attributes:
      before_save: called before each save; raises OSError to make the save fail. The loop sets it
        to what puts the rows of metrics.jsonl on the disk: no checkpoint without its rows.
    """

    def __init__(
        self,
        folder: str | Path,
        keep_last: int = 2,
        keep_best: str | None = None,
        keep_every_steps: int | None = None,
        keep_step: int | None = None,
        warn: Callable[[str], None] = print,
    ):
        # Orbax wants absolute paths; gs:// is one already
        remote = "://" in str(folder)
        self.folder = epath.Path(folder if remote else os.path.abspath(folder))
        self._warn = warn
        self.before_save: Callable[[], None] = lambda: None
        self._keep = Keep(keep_last, keep_best, keep_every_steps, keep_step)
        self._finishing: threading.Thread | None = None
        self._failed_at: float | None = None  # when the last save failed, if it did
        self._failure = ""
        self._sound: set[int] = set()  # steps whose files have been compared with their checksums

    @functools.cached_property
    def _orbax(self) -> Any:
        """Orbax's checkpointer, which makes the folder: not before there is something to save."""
        from orbax.checkpoint import v1 as ocp

        # an error of Orbax's becomes one line of ours; its log would add 200
        logging.getLogger("absl").addFilter(_is_not_of_orbax)
        policy = self._keep.policy(ocp.training.preservation_policies)
        return ocp.training.Checkpointer(self.folder, preservation_policy=policy)

    def steps(self) -> list[int]:
        """Steps of the finished checkpoints, oldest first."""
        if not self.folder.exists():
            return []
        return sorted(checkpoint.step for checkpoint in self._orbax.checkpoints)

    def save(
        self,
        state: TrainState,
        position: dict[str, float],
        metrics: dict[str, float],
        safely: bool = False,
    ) -> None:
        """Starts to save the state and where the run is: {"train": batches taken, ...}.

        A failure (a full disk) is a warning: training goes on, and older checkpoints stay.

        Args:
          safely: wait until it is saved, and try again if need be.

        Raises:
          UserError: `safely`, and it could not be saved in several attempts.
        """
        if not safely:
            self._start(state, position, metrics)
            return
        for attempt in range(SAVE_ATTEMPTS):
            if attempt:
                time.sleep(RETRY_SECONDS)
            self._start(state, position, metrics)
            self.wait()
            if self._failed_at is None:
                return
        raise UserError(
            f"the state of step {int(state.step)} could not be saved: {self._failure}\n"
            "make room; the same command continues from the newest checkpoint"
        )

    def _start(
        self, state: TrainState, position: dict[str, float], metrics: dict[str, float]
    ) -> None:
        self.wait()
        step = int(state.step)
        about = {"position": position, "leaves": describe(state)}
        numbers = {name: float(value) for name, value in metrics.items() if np.isfinite(value)}
        self._failed_at = None
        self._sound.discard(step)
        try:
            self.before_save()
            self._clear(step)
            response = self._orbax.save_checkpointables_async(
                step,
                {"state": pack(plain_keys(state))},
                force=True,
                overwrite=True,  # a damaged one of this step, behind which the run began again
                metrics=numbers if self._keep.best in numbers else None,
                custom_metadata=about,
            )
        except UserError:
            raise
        except Exception as error:
            self._fail(step, error)
            return
        self._finishing = threading.Thread(target=self._finish, args=(step, response), daemon=True)
        self._finishing.start()

    def _clear(self, step: int) -> None:
        """Removes what a save of this step that was cut short has left.

        Orbax removes a folder and makes the one inside it at the same time, and may fail; its
        threads then wait for five minutes for what does not come, and so does the end of Python.
        """
        left_over = self.folder / f"{step}{UNFINISHED}"
        if is_writer() and left_over.exists():
            left_over.rmtree()

    def _finish(self, step: int, response: Any) -> None:
        try:
            response.result()
            if is_writer():
                write_checksums(self.folder / str(step))
        except Exception as error:
            self._fail(step, error)

    def _fail(self, step: int, error: Exception) -> None:
        self._failed_at, self._failure = time.monotonic(), _first_line(error)
        self._warn(f"checkpoint {step} could not be saved: {self._failure}; training goes on")
        if jax.process_count() == 1:  # several hosts would have to make a new one together
            self._forget()

    def _forget(self) -> None:
        """Lets go of Orbax's checkpointer: after a failure its next save fails with the same."""
        with contextlib.suppress(Exception):
            self.__dict__.pop("_orbax").close()

    def retries(self) -> bool:
        """Whether the last save failed some time ago and is to be tried again.

        With several hosts only the next one that is due comes: they could not agree on the time.
        """
        if self._failed_at is None or jax.process_count() > 1:
            return False
        return time.monotonic() - self._failed_at > RETRY_SECONDS

    def wait(self) -> None:
        """Blocks until what is being saved is safe."""
        if self._finishing is not None:
            self._finishing.join()
            self._finishing = None

    def close(self) -> None:
        """Waits, then frees Orbax's threads."""
        self.wait()
        if "_orbax" in self.__dict__:
            self._orbax.close()

    def newest_sound(self) -> int | None:
        """The newest step whose files are as they were written; names those that are not."""
        if not agree(self.folder.exists()):
            return None
        _ = self._orbax  # made on all hosts: in a bucket they wait for each other there
        step = agree(self._newest_sound() if is_writer() else None)
        if step is not None:
            self._sound.add(step)
        return step

    def _newest_sound(self) -> int | None:
        for step in reversed(self.steps()):
            problem = damage(self.folder / str(step))
            if problem is None:
                return step
            self._warn(f"checkpoint {step} is damaged: {problem}; trying the one before")
        return None

    def check_sound(self, step: int) -> None:
        """Refuses a step whose files are not as they were written.

        Raises:
          UserError: naming the file; on all hosts alike.
        """
        if step in self._sound:
            return
        folder = self.folder / str(step)
        problem = agree(damage(folder) if is_writer() else None)
        if problem is not None:
            raise UserError(
                f"{folder} is damaged: {problem}\n"
                "give another --step, or none: the newest sound one is taken"
            )
        self._sound.add(step)

    def position(self, step: int) -> dict[str, float]:
        """What was saved as the position of a step."""
        return self._orbax.metadata(step).custom_metadata["position"]

    def load(self, step: int, like: TrainState) -> TrainState:
        """The state of a step, for the shapes, dtypes and shardings of the abstract state `like`.

        Raises:
          UserError: the checkpoint is damaged, or of another model or optimizer.
        """
        self.check_sound(step)
        saved = self._orbax.metadata(step).custom_metadata["leaves"]
        require_same(saved, describe(like), self.folder / str(step))
        key_data = jax.eval_shape(jax.random.key_data, like.rng)
        rng = jax.ShapeDtypeStruct(key_data.shape, key_data.dtype, sharding=like.rng.sharding)
        plain = like.replace(rng=rng)
        wanted = {"state": abstract_pack(plain)}
        loaded = self._orbax.load_checkpointables(step, wanted)["state"]
        state = unpack(loaded, plain)
        return state.replace(rng=jax.random.wrap_key_data(state.rng))

    def load_leaves(self, step: int) -> dict[str, np.ndarray]:
        """{path in the state: host array} of a step, whatever model and optimizer it is of.

        Raises:
          UserError: the checkpoint is damaged.
        """
        self.check_sound(step)
        described = self._orbax.metadata(step).custom_metadata["leaves"]
        wanted = {"state": abstract_described(described)}
        loaded = self._orbax.load_checkpointables(step, wanted)["state"]
        return unpack_described(loaded, described)


def _is_not_of_orbax(record: logging.LogRecord) -> bool:
    return "orbax" not in record.pathname


def _first_line(error: BaseException) -> str:
    """What an error says, or what the operating system said underneath."""
    if system := re.search(r"\[os_error_code='(\d+)'", str(error)):  # as TensorStore words it
        return os.strerror(int(system[1]))
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return (str(error).splitlines() or [type(error).__name__])[0]
