"""`--what=noise`: the noise of minibatch gradients: its scale, and its tails with their control.

Shapes: P minibatches, M parameters, m of them that are looked at.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from effjax.analyse.settings import Found, Settings, measure
from effjax.analyse.subject import Chunks, Subject
from effjax.curvature import tails
from effjax.curvature.noise_scale import noise_scale
from effjax.errors import UserError

KEPT = 1 << 28  # numbers of all minibatches: 1 GiB
LEAST = 4  # minibatches


@measure(
    "noise",
    "the noise of minibatch gradients: its scale, its tails beside their control",
    passes=lambda subject, settings: settings.batches,  # a minibatch counts as one
)
def look_at_noise(subject: Subject, settings: Settings) -> Found:
    """Gradients of the run's own minibatches, as in evaluation, without augmentation.

    The published tail index is shown beside that of Gaussian noise with the same covariance: equal
    numbers are no evidence of heavy tails.
    """
    gradients, squares, together = minibatch_gradients(subject, settings.batches)
    rng = np.random.default_rng(settings.seed)
    batch_size = subject.setup.clock.batch_size
    scale = noise_scale(squares, together, batch_size, len(squares) * batch_size)
    values = {
        "minibatches": len(squares),
        "of examples": batch_size,
        "trace of the covariance": scale.noise,
        "|mean gradient|^2": scale.signal,
        "noise scale (examples)": scale.scale,
    }
    by_block: dict[str, dict[str, float]] = {}
    for name, part in {"all": _joined(gradients), **gradients}.items():
        found = index_of(part, rng)
        by_block[name] = found
        if name == "all":
            values |= found
    return Found(values, {"by block": by_block})


def minibatch_gradients(
    subject: Subject, count: int
) -> tuple[dict[str, np.ndarray], list[float], float]:
    """Gradients of independent minibatches: each is the first one of another epoch.

    Those of one epoch share no example, so that their noise adds up to nothing.

    Returns:
      {block: [P, m]}, |g|^2 of each minibatch, |g|^2 of all together. Of large networks m is a run
      of neighbours in each array, 1 GiB in all.

    Raises:
      UserError: too few minibatches, or only one in an epoch.
    """
    if count < LEAST:
        raise UserError(f"--batches={count} are too few; give {LEAST} or more, such as 32")
    source = subject.setup.source
    in_epoch = source.num_examples // subject.setup.clock.batch_size
    if in_epoch < 2:
        raise UserError(
            f"{subject.name}: an epoch has one minibatch, so its gradient has no noise\n"
            "train with a smaller --config.data.batch_size"
        )
    gradient = jax.jit(jax.grad(subject.loss))
    places = _places(subject.params, KEPT // count)
    rows: dict[str, list[np.ndarray]] = {block: [] for block in places}
    squares: list[float] = []
    total = jnp.zeros(())
    for number in range(count):
        # one batch from there: a few are read ahead and not used
        opened = functools.partial(source.batches, number * in_epoch)
        chunks = Chunks(opened, 1, subject.setup.task.weight, source.unpack)
        ((pair, _),) = subject.pairs(chunks)
        subject.examples.count_pass()
        flat, _ = ravel_pytree(gradient(subject.params, pair))
        squares.append(float(jnp.vdot(flat, flat)))
        total = total + flat
        for block, where in places.items():
            rows[block].append(np.asarray(flat[where]))
    mean = total / count
    together = float(jnp.vdot(mean, mean))
    return {block: np.stack(own) for block, own in rows.items()}, squares, together


def _places(params: Any, most: int) -> dict[str, np.ndarray]:
    """{block: places in the vector of all parameters}, at most `most` in all."""
    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    size = sum(leaf.size for _, leaf in leaves)
    share = min(1.0, most / size)
    found: dict[str, list[np.ndarray]] = {}
    begin = 0
    for path, leaf in leaves:
        block = jax.tree_util.keystr(path[:1], simple=True)
        # neighbours stay neighbours: the published sums are over them
        count = max(1, int(share * leaf.size))
        found.setdefault(block, []).append(np.arange(begin, begin + count))
        begin += leaf.size
    return {block: np.concatenate(parts) for block, parts in found.items()}


def _joined(gradients: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate(list(gradients.values()), 1)


def index_of(gradients: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Tail indices of [P, m] gradients, each beside its control; dead coordinates are left out."""
    alive = tails.alive_coordinates(gradients)
    values = {"share of dead coordinates": float(1 - alive.mean())}
    if not alive.any():
        return values
    noise = gradients[:, alive]
    noise = noise - noise.mean(0)
    for index in ("pooled", "along batches"):
        try:
            found = tails.with_control(noise, index, rng)
        except ValueError:  # a prime number of minibatches makes no blocks
            continue
        values[f"tail index, {index}"] = found.measured
        values["  Gaussian control" + " " * (index != "pooled")] = found.control
    values["kurtosis along batches (3)"] = tails.kurtosis_along_batches(noise)
    return values
