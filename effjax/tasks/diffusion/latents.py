"""Latents of an autoencoder as examples: a folder of `.npy` files that any program can write.

    FOLDER/mean.npy           [N, h, w, C] float
    FOLDER/log_variance.npy   the same; without it the means are the examples
    FOLDER/label.npy          [N] int
    FOLDER/latents.json       the autoencoder, its scale, names of the classes; need not be there

A folder FOLDER/val of the same kind is held out. Files are mapped, not read: only what a batch
needs comes into memory. Shapes: N examples, B batch of this host, A parts.
"""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from effjax.contract import Source
from effjax.errors import UserError

MEAN = "latent_mean"
LOG_VARIANCE = "latent_log_variance"
REQUIRED = ("mean", "label")
FACTS = "latents.json"


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of a folder of latents.

    Attributes:
      autoencoder: the folder of the run that made them.
      scale: latents times this have unit scale.
      class_names: of the labels.
    """

    autoencoder: str
    scale: float
    class_names: tuple[str, ...]


def write_facts(folder: Path, facts: Facts) -> None:
    """Writes FOLDER/latents.json."""
    text = json.dumps(dataclasses.asdict(facts), indent=2)
    (folder / FACTS).write_text(text + "\n")


def read_facts(folder: str | Path) -> Facts | None:
    """Of a folder that `effjax data latents` has written; None: of another one.

    Raises:
      UserError: a file that does not say what it should.
    """
    path = Path(folder) / FACTS
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text())
        scale = float(found["scale"])
        names = tuple(found["class_names"])
        return Facts(str(found["autoencoder"]), scale, names)
    except (ValueError, KeyError, TypeError) as problem:
        raise UserError(
            f"{path} cannot be used ({type(problem).__name__}: {problem}); make the latents again: "
            "effjax data latents RUN --out=FOLDER"
        ) from None


class Latents(Source):
    """Batches of a folder of latents.

    Args:
      folder: see the head of this file.
      batch_size: of all hosts.
      train: shuffled anew in each epoch and endless; else in order, the last batch padded.
      parts: in how many parts a batch is taken.

    Attributes:
      image_shape: of one example.
      class_names: of `latents.json`, or the numbers of the classes.
      facts: of `latents.json`, or None.

    Raises:
      UserError: no such files, or arrays that do not fit each other.
    """

    def __init__(
        self, folder: str, batch_size: int, seed: int = 0, train: bool = True, parts: int = 1
    ):
        self._arrays = _read(Path(folder))
        label = self._arrays["label"]
        self.num_examples = len(label)
        self.image_shape = self._arrays["mean"].shape[1:]
        self.facts = read_facts(folder)
        self.class_names = _class_names(label, self.facts, folder)
        self._size = batch_size // jax.process_count()
        self._whole = batch_size
        self._seed = seed
        self._train = train
        self._parts = parts
        if train and batch_size > self.num_examples:
            raise UserError(
                f"{folder} has {self.num_examples} latents; give a --config.data.batch_size of at "
                "most so many"
            )
        self.spec = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), self._batch(np.arange(self._size), 0)
        )

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    def batches(self, start: int = 0) -> Iterator[dict[str, np.ndarray]]:
        first = jax.process_index() * self._size
        if self._train:
            step = start
            while True:
                yield self._batch(self._rows(step)[first : first + self._size], first)
                step += 1
        for begin in range(start * self._whole, self.num_examples, self._whole):
            yield self._batch(np.arange(begin, begin + self._whole)[first:][: self._size], first)

    def _rows(self, step: int) -> np.ndarray:
        """The rows of the batch of a step: epochs follow each other without a gap."""
        places = step * self._whole + np.arange(self._whole)
        epochs = places // self.num_examples
        rows = np.empty(self._whole, int)
        for epoch in np.unique(epochs):
            order = np.random.default_rng((self._seed, epoch)).permutation(self.num_examples)
            mine = epochs == epoch
            rows[mine] = order[places[mine] % self.num_examples]
        return rows

    def _batch(self, rows: np.ndarray, first: int) -> dict[str, np.ndarray]:
        is_there = rows < self.num_examples
        known = np.where(is_there, rows, 0)
        batch = {
            MEAN: np.asarray(self._arrays["mean"][known], np.float32),
            "label": np.asarray(self._arrays["label"][known], np.int32),
            "index": (first + np.arange(len(rows))).astype(np.int32),
            "mask": is_there.astype(np.float32),
        }
        if "log_variance" in self._arrays:
            batch[LOG_VARIANCE] = np.asarray(self._arrays["log_variance"][known], np.float32)
        if self._parts > 1:
            return {k: v.reshape(self._parts, -1, *v.shape[1:]) for k, v in batch.items()}
        return batch


def _class_names(label: np.ndarray, facts: Facts | None, folder: str) -> tuple[str, ...]:
    count = int(label.max()) + 1
    if facts is None:
        return tuple(str(k) for k in range(count))
    if count > len(facts.class_names):
        raise UserError(
            f"{folder}: label.npy has class {count - 1}, {FACTS} names {len(facts.class_names)}; "
            "make the latents again: effjax data latents RUN --out=FOLDER"
        )
    return facts.class_names


def _read(folder: Path) -> dict[str, Any]:
    arrays = {}
    for name in (*REQUIRED, "log_variance"):
        path = folder / f"{name}.npy"
        if path.exists():
            arrays[name] = np.load(path, mmap_mode="r")
        elif name in REQUIRED:
            raise UserError(
                f"{folder} has no {name}.npy; config.task.latents names a folder with mean.npy "
                "[N, h, w, C], label.npy [N] and, if there is one, log_variance.npy"
            )
    mean = arrays["mean"]
    label = arrays["label"]
    fits = mean.ndim == 4 and label.shape == mean.shape[:1] and len(label)
    if not fits or arrays.get("log_variance", mean).shape != mean.shape:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise UserError(f"{folder}: {shapes}; expected mean [N, h, w, C] and label [N]")
    return arrays
