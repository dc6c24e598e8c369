"""How well a denoiser predicts on held-out examples, at times and noises that never change.

The training loss says little about a generator: its noise hides what is learned. Here every image
has one time and one noise for ever. Shapes: B batch.
"""

from collections.abc import Callable, Iterable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import ndtri

from effjax.config import View
from effjax.contract import Batch, Variables
from effjax.errors import UserError
from effjax.tasks.accuracy import open_held_out
from effjax.tasks.diffusion.latents import Latents

NAME = "denoising"
QUARTERS = 4
SEED = 2005
GOLDEN = (np.sqrt(5) - 1) / 2  # multiples of it fill [0, 1) evenly
EDGE = 1e-4  # times keep away from both ends

# (variables, batch, uniform [B], normal [B], noise [B, H, W, C]) -> errors [B]
Errors = Callable[[Variables, Batch, Array, Array, Array], Array]


class Denoising:
    """Mean squared error of what the network predicts, in all and by quarters of the way.

    The first quarter is that of the smallest draws: in a chain the least noise, in a flow the most.

    Args:
      errors: of a batch.
      config: of the run.
      section: of `config.evals`.
      latents: the folder whose part `val` is measured; None: images.
    """

    def __init__(self, errors: Errors, config: View, section: View, latents: str | None = None):
        self._split_name = section.split or config.data.val_split
        if latents is None:
            self.source = open_held_out(config, section)
        else:
            batch_size = config.data.eval_batch_size or config.data.batch_size
            self.source = Latents(f"{latents}/val", batch_size, train=False)
        self._shape = self.source.image_shape
        self._errors = errors
        self._sums = jax.jit(self._batch_sums)

    def _batch_sums(self, variables: Variables, batch: Batch, start: Array) -> dict[str, Array]:
        place = start + batch["index"]
        uniform = fixed_times(place)
        noise = fixed_noise(place, self._shape)
        errors = self._errors(variables, batch, uniform, ndtri(uniform), noise)
        mask = batch["mask"]
        # a padded example may have an error of NaN, and 0 * NaN is NaN
        errors = jnp.where(mask > 0, errors, 0.0)
        quarter = (uniform * QUARTERS).astype(jnp.int32)
        sums = {"loss": (errors.sum(), mask.sum())}
        for number in range(QUARTERS):
            inside = mask * (quarter == number)
            sums[f"quarter{number + 1}_loss"] = ((errors * inside).sum(), inside.sum())
        return sums

    def __call__(
        self, variables: Variables, rng: Array, batches: Iterable[Batch]
    ) -> Iterator[tuple[str, float]]:
        """Yields ("loss", mean) and ("quarter1_loss", mean) to 4; `rng` is not used.

        Raises:
          UserError: no example can be read.
        """
        parts = []
        start = 0
        for batch in batches:
            parts.append(self._sums(variables, batch, jnp.asarray(start)))
            start += batch["index"].shape[0]
        for name in parts[0]:
            total = sum(float(part[name][0]) for part in parts)
            count = sum(float(part[name][1]) for part in parts)
            if count == 0 and name == "loss":
                raise UserError(f"none of the images of {self._split_name!r} can be read")
            if count:  # a few examples need not fall into every quarter
                yield name, total / count


def fixed_times(place: Array) -> Array:
    """[B]: one number in (0, 1) for each example, evenly spread over any run of them."""
    # in float32 the multiples lose digits: the golden section as a 32-bit fraction does not
    step = np.uint32(GOLDEN * 2**32)
    bits = place.astype(jnp.uint32) * step + np.uint32(1 << 31)
    share = (bits >> 8).astype(jnp.float32) / np.float32(1 << 24)
    return EDGE + (1 - 2 * EDGE) * share


def fixed_noise(place: Array, shape: tuple[int, ...]) -> Array:
    """[B, ...]: one noise for each example."""
    key = jax.random.key(SEED)

    def of_example(number: Array) -> Array:
        return jax.random.normal(jax.random.fold_in(key, number), shape)

    return jax.vmap(of_example)(place)
