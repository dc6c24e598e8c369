"""Checkpoints: Orbax underneath, checksums and few large arrays on top. Only this file knows Orbax.

    checkpoints/120/                  a finished checkpoint: what Orbax writes
    checkpoints/120/checksums.json    CRC-32 of each of its files; written last, so unfinished
                                      without it

Orbax takes about a millisecond a leaf and loads flipped bytes without a word. So all leaves of
up to `SMALL` elements travel in one array a dtype, and files are compared with their checksums
before they are loaded. A damaged checkpoint is named and the one before it is taken.
"""

import functools
import json
import os
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from jax.sharding import NamedSharding, PartitionSpec

from effjax.errors import UserError
from effjax.train.hosts import agree, is_writer
from effjax.train.state import TrainState
from effjax.train.summary import is_loss

RETRY_SECONDS = 30.0  # after a save that failed
INSIST = 4  # how often a save is tried that must succeed
SMALL = 65536  # elements; leaves up to this size are packed together
CHECKSUMS = "checksums.json"


# ------------------------------------------------------------------------------------- packing


def leaf_paths(tree: Any) -> list[str]:
    """Slash-joined paths of the leaves, in the order of `jax.tree.leaves`."""
    return [
        jax.tree_util.keystr(path, simple=True, separator="/")
        for path, _ in jax.tree_util.tree_leaves_with_path(tree)
    ]


def _is_small(leaf: Any) -> bool:
    return leaf.size <= SMALL


def _on_every_device(tree: Any) -> Any:
    """Arrays that are divided over devices, whole on each of them; others as they are."""
    divided = [leaf for leaf in jax.tree.leaves(tree) if not leaf.sharding.is_fully_replicated]
    if not divided:
        return tree
    mesh = divided[0].sharding.mesh
    return jax.jit(lambda tree: tree, out_shardings=NamedSharding(mesh, PartitionSpec()))(tree)


def _pack(tree: Any) -> dict[str, Any]:
    """The tree as {"large": {path: leaf}, "small": {dtype: small leaves as one host array}}."""
    small: dict[str, list[jax.Array]] = {}
    large = {}
    for path, leaf in zip(leaf_paths(tree), jax.tree.leaves(tree)):
        if _is_small(leaf):
            small.setdefault(str(leaf.dtype), []).append(leaf)
        else:
            large[path] = leaf
    joined = {
        kind: np.concatenate([np.ravel(leaf) for leaf in jax.device_get(leaves)])
        for kind, leaves in _on_every_device(small).items()
    }
    return {"large": large, "small": joined}


def _abstract_pack(tree: Any) -> dict[str, Any]:
    """What `_pack` gives for a tree of ShapeDtypeStructs."""
    large, lengths = {}, {}
    for path, leaf in zip(leaf_paths(tree), jax.tree.leaves(tree)):
        if _is_small(leaf):
            lengths[str(leaf.dtype)] = lengths.get(str(leaf.dtype), 0) + leaf.size
        else:
            large[path] = leaf
    small = {kind: np.empty(length, jnp.dtype(kind)) for kind, length in lengths.items()}
    return {"large": large, "small": small}


def _unpack(packed: dict[str, Any], like: Any) -> Any:
    """The inverse of `_pack`, for the structure, shapes, dtypes and shardings of `like`."""
    used = dict.fromkeys(packed["small"], 0)
    leaves = []
    for path, leaf in zip(leaf_paths(like), jax.tree.leaves(like)):
        if not _is_small(leaf):
            leaves.append(packed["large"][path])
            continue
        kind = str(leaf.dtype)
        start, used[kind] = used[kind], used[kind] + leaf.size
        leaves.append(packed["small"][kind][start : used[kind]].reshape(leaf.shape))
    placed = [_placed(leaf, spec.sharding) for leaf, spec in zip(leaves, jax.tree.leaves(like))]
    return jax.tree.unflatten(jax.tree.structure(like), placed)


def _placed(leaf: Any, sharding: jax.sharding.Sharding) -> jax.Array:
    """A host array, the same on all hosts, as a global one; arrays of Orbax's lie right already."""
    if isinstance(leaf, jax.Array) or sharding.is_fully_addressable:
        return jax.device_put(leaf, sharding)
    return jax.make_array_from_callback(leaf.shape, sharding, lambda part: leaf[part])


def _plain_keys(state: TrainState) -> TrainState:
    return state.replace(rng=jax.random.key_data(state.rng))


def describe(state: Any) -> dict[str, str]:
    """{path: "float32[3, 3]"} of every leaf: what a checkpoint must agree with to be loaded."""
    tree = jax.eval_shape(_plain_keys, state) if isinstance(state, TrainState) else state
    return {
        path: f"{leaf.dtype}{list(leaf.shape)}"
        for path, leaf in zip(leaf_paths(tree), jax.tree.leaves(tree))
    }


# ----------------------------------------------------------------------------------- checksums


def _files(folder: epath.Path) -> list[epath.Path]:
    found: list[epath.Path] = []
    for path in folder.iterdir():
        found += _files(path) if path.is_dir() else [path]
    return sorted(path for path in found if path.name != CHECKSUMS)


def _checksums(folder: epath.Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): zlib.crc32(path.read_bytes()) for path in _files(folder)}


def damage(folder: epath.Path) -> str | None:
    """What is wrong with a checkpoint's files, or None."""
    try:
        expected = json.loads((folder / CHECKSUMS).read_text())
    except (OSError, ValueError):
        return f"{CHECKSUMS} is missing or unreadable (the save was cut short)"
    found = _checksums(folder)
    for name, checksum in expected.items():
        if name not in found:
            return f"{name} is missing"
        if found[name] != checksum:
            return f"{name} has changed since it was written"
    return None


# -------------------------------------------------------------------------------- save and load


class Checkpoints:
    """The checkpoints of one run. Saving goes on in the background; `close` waits for it.

    Args:
      folder: where they are, local or gs://.
      keep_last: how many of the newest to keep.
      keep_best: a metric whose best (largest, or smallest for a loss) checkpoint is kept too.
      keep_every_steps: steps at multiples of this are never removed.
      warn: takes a line for the user when something went wrong that training survives.
    """

    def __init__(
        self,
        folder: str | Path,
        keep_last: int = 2,
        keep_best: str | None = None,
        keep_every_steps: int | None = None,
        warn: Callable[[str], None] = print,
    ):
        # Orbax wants absolute paths; gs:// is one already
        remote = "://" in str(folder)
        self.folder = epath.Path(folder if remote else os.path.abspath(folder))
        self._warn = warn
        self._keep = keep_last, keep_best, keep_every_steps
        self._finishing: threading.Thread | None = None
        self._failed_at: float | None = None  # when the last save failed, if it did
        self._failure = ""

    @functools.cached_property
    def _orbax(self) -> Any:
        """Orbax's checkpointer, which makes the folder: not before there is something to save."""
        from orbax.checkpoint import v1 as ocp

        keep_last, keep_best, keep_every_steps = self._keep
        policies = ocp.training.preservation_policies
        keep = [policies.LatestN(max(1, keep_last))]
        if keep_best:
            best = policies.BestN(
                get_metric_fn=lambda metrics: metrics[keep_best],
                reverse=is_loss(keep_best),
                n=1,
                keep_checkpoints_without_metrics=False,
            )
            keep.append(best)
        if keep_every_steps:
            keep.append(policies.EveryNSteps(keep_every_steps))
        policy = policies.AnyPreservationPolicy(keep)
        return ocp.training.Checkpointer(self.folder, preservation_policy=policy)

    def steps(self) -> list[int]:
        """Steps of the finished checkpoints, oldest first."""
        if not self.folder.exists():
            return []
        return sorted(checkpoint.step for checkpoint in self._orbax.checkpoints)

    def save(
        self,
        state: TrainState,
        position: dict[str, int],
        metrics: dict[str, float],
        safely: bool = False,
    ) -> None:
        """Starts to save the state and the data position {source: batches taken}.

        A failure (a full disk) is a warning: training goes on, and older checkpoints stay.

        Args:
          safely: wait until it is saved, and try again if need be.

        Raises:
          UserError: `safely`, and it could not be saved in several attempts.
        """
        for attempt in range(INSIST if safely else 1):
            if attempt:
                time.sleep(RETRY_SECONDS)
            self._start(state, position, metrics)
            if not safely:
                return
            self.wait()
            if self._failed_at is None:
                return
        raise UserError(
            f"the state of step {int(state.step)} could not be saved: {self._failure}\n"
            "make room; the same command continues from the newest checkpoint"
        )

    def _start(
        self, state: TrainState, position: dict[str, int], metrics: dict[str, float]
    ) -> None:
        self.wait()
        step = int(state.step)
        about = {"position": position, "leaves": describe(state)}
        numbers = {k: float(v) for k, v in metrics.items() if np.isfinite(v)}
        keep_best = self._keep[1]
        self._failed_at = None
        try:
            response = self._orbax.save_checkpointables_async(
                step,
                {"state": _pack(_plain_keys(state))},
                force=True,
                overwrite=True,  # a damaged one of this step, behind which the run began again
                metrics=numbers if keep_best in numbers else None,
                custom_metadata=about,
            )
        except Exception as error:
            self._fail(step, error)
            return
        self._finishing = threading.Thread(target=self._finish, args=(step, response), daemon=True)
        self._finishing.start()

    def _finish(self, step: int, response: Any) -> None:
        try:
            response.result()
            if is_writer():
                folder = self.folder / str(step)
                part = folder / f"{CHECKSUMS}.part"
                part.write_text(json.dumps(_checksums(folder)))
                part.rename(folder / CHECKSUMS)
        except Exception as error:
            self._fail(step, error)

    def _fail(self, step: int, error: Exception) -> None:
        self._failed_at, self._failure = time.monotonic(), _first_line(error)
        self._warn(f"checkpoint {step} could not be saved: {self._failure}; training goes on")

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
        return agree(self._newest_sound() if is_writer() else None)

    def _newest_sound(self) -> int | None:
        for step in reversed(self.steps()):
            problem = damage(self.folder / str(step))
            if problem is None:
                return step
            self._warn(f"checkpoint {step} is damaged: {problem}; trying the one before")
        return None

    def position(self, step: int) -> dict[str, int]:
        """The data position saved with a step."""
        return self._orbax.metadata(step).custom_metadata["position"]

    def load(self, step: int, like: TrainState) -> TrainState:
        """The state of a step, for the shapes, dtypes and shardings of the abstract state `like`.

        Raises:
          UserError: the checkpoint is of another model or optimizer.
        """
        saved = self._orbax.metadata(step).custom_metadata["leaves"]
        _check_same(saved, describe(like), self.folder / str(step))
        key_data = jax.eval_shape(jax.random.key_data, like.rng)
        rng = jax.ShapeDtypeStruct(key_data.shape, key_data.dtype, sharding=like.rng.sharding)
        plain = like.replace(rng=rng)
        wanted = {"state": _abstract_pack(plain)}
        loaded = self._orbax.load_checkpointables(step, wanted)["state"]
        state = _unpack(loaded, plain)
        return state.replace(rng=jax.random.wrap_key_data(state.rng))


def _first_line(error: BaseException) -> str:
    """What an error says, or what the operating system said underneath."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return (str(error).splitlines() or [type(error).__name__])[0]


def _check_same(saved: dict[str, str], wanted: dict[str, str], folder: epath.Path) -> None:
    differing = [path for path in sorted(saved | wanted) if saved.get(path) != wanted.get(path)]
    if not differing:
        return
    path = differing[0]
    raise UserError(
        f"{folder} is of another model or optimizer: {path} is {saved.get(path, 'absent')} there "
        f"and {wanted.get(path, 'absent')} here ({len(differing)} differences)\n"
        "give another --workdir, or --config.init_from to take over parameters only"
    )
