"""How good the sub-networks of a trained elastic network are: one program measures all of them.

Shapes: B batch, K classes.
"""

import dataclasses
import functools
import itertools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.compress.elastic.children import RANKS, without_drops
from effjax.compress.elastic.norms import recalibrated
from effjax.compress.elastic.task import ElasticClassification
from effjax.data import Split, open_split
from effjax.errors import UserError
from effjax.report import Display
from effjax.search.points import Point
from effjax.tasks.accuracy import rank_of_label
from effjax.tasks.run import restore
from effjax.tasks.scales import resized
from effjax.training.restore import evaluated

CALIBRATION_BATCHES = 4  # of training images, for batch norms


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained elastic network.

    Attributes:
      task: that trained it.
      params, model_state: as one would use them.
      step: updates that were made.
    """

    task: ElasticClassification
    params: Any
    model_state: Any
    step: int

    def split(self, name: str | None) -> Split:
        """Held-out images; None: those that `config.data.val_split` names."""
        config = self.task.config
        return open_split(
            config.data,
            name or config.data.val_split,
            seed=config.seed,
            batch_size=config.data.eval_batch_size or config.data.batch_size,
            host=0,
            hosts=1,
            train=False,
        )

    def accuracy(
        self,
        point: Point,
        split: Split,
    ) -> float:
        """Top-1 of a sub-network on a split.

        Batch norms have the statistics of training images under this sub-network.
        """
        side = self.task.supernet.space.resolution(point)
        size = None if side is None else (side, side)
        array = jnp.asarray(point)
        model_state = self._statistics(array, size)
        right = total = 0.0
        for batch in split.batches():
            whole = split.unpack({**batch, **split.resident})
            hits, count = self._hits(self.params, model_state, array, whole, size)
            right += float(hits)
            total += float(count)
        return right / total

    @functools.cached_property
    def _hits(self) -> Any:
        task = self.task

        @functools.partial(jax.jit, static_argnames="size")
        def hits(
            params: Any,
            model_state: Any,
            point: jax.Array,
            batch: Any,
            size: tuple[int, int] | None,
        ) -> tuple[jax.Array, jax.Array]:
            """(images of the batch that are right, images)."""
            images = resized(task.images(batch), size)
            logits, _ = task.child_and_state(params, model_state, point, images, None)
            first = rank_of_label(logits, batch["label"]) <= 1
            return (first * batch["mask"]).sum(), batch["mask"].sum()

        return hits

    @functools.cached_property
    def _calibration(self) -> list[Any]:
        """Normalised training images [B, H, W, 3] of a few batches."""
        split = self.task.split
        batches = split.batches()
        found = []
        try:
            for batch in itertools.islice(batches, CALIBRATION_BATCHES):
                whole = split.unpack({**batch, **split.resident})
                found.append(self.task.images(whole))
        finally:
            batches.close()
        return found

    def _statistics(
        self,
        point: jax.Array,
        size: tuple[int, int] | None,
    ) -> Any:
        """The model state with the batch statistics of a sub-network."""
        if "batch_stats" not in self.model_state:
            return self.model_state

        def apply(
            variables: Any,
            images: jax.Array,
            **kwargs: Any,
        ) -> tuple[None, Any]:
            state = {name: part for name, part in variables.items() if name != "params"}
            return None, self._changed(self.params, state, point, images)

        images = [resized(batch, size) for batch in self._calibration]
        found = recalibrated(apply, {"params": {}, **self.model_state}, images)
        return {name: part for name, part in found.items() if name != "params"}

    @functools.cached_property
    def _changed(self) -> Any:
        task = self.task

        @jax.jit
        def changed(
            params: Any,
            model_state: Any,
            point: jax.Array,
            images: jax.Array,
        ) -> Any:
            examples = jnp.arange(len(images))
            return task.child_and_state(params, model_state, point, images, examples)[1]

        return changed

    def export(self, point: Point) -> tuple[Any, Any]:
        """(the network of a point, its variables), as of any other network."""
        task = self.task
        rest = {name: part for name, part in self.model_state.items() if name != RANKS}
        ranks = self.model_state[RANKS]
        net = task.supernet

        def cut(
            params: Any,
            rest: Any,
        ) -> Any:
            return net.extracted(params, rest, ranks, point)[1]

        model = task.model.clone(architecture=net.space.decode(point))
        variables = jax.device_get(jax.jit(cut)(self.params, rest))
        side = net.space.resolution(point)
        if "batch_stats" not in variables:
            return model, variables
        images = [resized(batch, side and (side, side)) for batch in self._calibration]

        @functools.partial(jax.jit, static_argnames=("train", "mutable"))
        def apply(
            variables: Any,
            images: jax.Array,
            train: bool,
            mutable: tuple[str, ...],
        ) -> Any:
            return without_drops(model).apply(variables, images, train=train, mutable=list(mutable))

        return model, recalibrated(apply, variables, images)


def open_trained(
    workdir: Path,
    display: Display,
) -> Trained:
    """The elastic network of a run.

    Raises:
      UserError: no run there, or one of another task.
    """
    setup, state = restore(workdir, display)
    if not isinstance(setup.task, ElasticClassification):
        raise UserError(
            f"{workdir} is a run of task {setup.config.task.name!r}, not of an elastic network\n"
            "train one: effjax compress --config=configs/compress/once_for_all_digits.py"
        )
    weights = jax.device_get(evaluated(setup, state))
    return Trained(setup.task, weights["params"], weights["model_state"], int(state.step))


def drawn_points(
    trained: Trained,
    count: int,
) -> list[Point]:
    """The smallest, the largest, and drawn sub-networks; each once."""
    space = trained.task.supernet.space
    rng = np.random.default_rng(trained.task.config.seed)
    found = dict.fromkeys([space.canonical(space.smallest), space.largest])
    for _ in range(10 * count):
        if len(found) >= count:
            break
        found[space.sample(rng)] = None
    return list(found)
