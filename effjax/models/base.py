"""What every image model offers, whatever its family.

Shapes: B batch, H W space, C channels, K classes.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from effjax.errors import UserError


class ImageModel(nn.Module):
    """Images [B, H, W, C] -> logits [B, K] and the intermediate maps, for one `architecture`.

    A family defines `forward(images, examples) -> (logits, features)`.

    Attributes:
        architecture: the frozen dataclass that the network is built from.
        num_classes: K; 0 leaves out the classifier, and the model returns `prelogits`.
        dtype: of the computation; statistics, softmax and the head stay in float32 at least.
        param_dtype: of the parameters that `init` returns.
        batch_axis: the pmap axis over which BatchNorm averages, if there is one.
        weights: what `init` loads (see `load_weights`); None draws fresh parameters.
    """

    architecture: Any
    num_classes: int = 1000
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32
    batch_axis: str | None = None
    weights: str | None = None

    def __call__(
        self, images: jax.Array, train: bool = False, examples: jax.Array | None = None
    ) -> jax.Array:
        """Logits [B, K], float32.

        In training, `examples` int32 [B] are the indices of the images in the global batch
        (default 0, 1, ..., B - 1): random draws depend on them and on `rngs={"dropout": key}`.
        """
        return self._forward(images, train, examples)[0]

    def features(
        self, images: jax.Array, train: bool = False, examples: jax.Array | None = None
    ) -> dict[str, jax.Array]:
        """{"stage1": ..., "pooled": [B, C], "prelogits": what the classifier takes}.

        `pooled` is the mean of the last map before any norm of the head.
        """
        return self._forward(images, train, examples)[1]

    def _forward(
        self, images: jax.Array, train: bool, examples: jax.Array | None
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        channels = self.architecture.in_chans
        if images.shape[-1] != channels:
            raise UserError(
                f"images have {images.shape[-1]} channels, the model takes in_chans={channels}: "
                f"set in_chans={images.shape[-1]}"
            )
        if train and examples is None:
            examples = jnp.arange(images.shape[0])
        return self.forward(images.astype(self.dtype), examples if train else None)

    @nn.nowrap
    def init(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As `nn.Module.init`, in `param_dtype`, and from `weights` where they are given."""
        variables = super().init(*args, **kwargs)
        if self.weights is not None:
            from effjax.models.weights import load_weights

            variables, _ = load_weights(self.clone(weights=None), variables, self.weights)
        params = jax.tree.map(lambda p: p.astype(self.param_dtype), variables["params"])
        return {**variables, "params": params}
