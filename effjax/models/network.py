"""What every network offers: an architecture, dtypes, and variables that may come from a file."""

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array


class Network(nn.Module):
    """A network for one `architecture`; see `ImageModel` and `Denoiser` for what it takes.

    Attributes:
        architecture: the frozen dataclass that the network is built from.
        num_classes: K; of an image model 0 leaves out the classifier, and it returns `prelogits`.
        dtype: of the computation; statistics, softmax and the head stay in float32 at least. Train
            in float32 or bfloat16: in float16 small gradients become zero.
        param_dtype: of the parameters that `init` returns.
        batch_axis: the pmap axis over which BatchNorm averages, if there is one.
        weights: (model, variables) -> variables, which `init` applies to what it has drawn, such
            as `effjax.models.weights.From(source)`; None keeps the fresh parameters.
        interceptor: what `nn.intercept_methods` takes, active where an image model computes, such
            as `effjax.compress.quantised.Quantised`; None: the layers as they are.
        kind: "classifier" or "denoiser".
    """

    kind: ClassVar[str] = "classifier"

    architecture: Any
    num_classes: int = 1000
    dtype: Any = jnp.float32
    param_dtype: Any = jnp.float32
    batch_axis: str | None = None
    weights: Callable[["Network", Any], Any] | None = None
    interceptor: Callable[..., Any] | None = None

    @nn.nowrap
    def init(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As `nn.Module.init`, in `param_dtype`, and from `weights` where they are given."""
        variables = super().init(*args, **kwargs)
        if self.weights is not None:
            variables = self.weights(self.clone(weights=None), variables)

        def cast(leaf: Array) -> Array:
            return leaf.astype(self.param_dtype)

        # Running averages and frozen tensors stay in float32.
        params = jax.tree.map(cast, variables["params"])
        return {**variables, "params": params}

    @nn.nowrap
    def example_inputs(self, shape: tuple[int, ...]) -> tuple[jax.ShapeDtypeStruct, ...]:
        """What the network is called with, for examples of `shape` [B, H, W, C]."""
        return (jax.ShapeDtypeStruct(shape, jnp.float32),)

    @nn.nowrap
    def image_size(self) -> tuple[int, int] | None:
        """(height, width) of the images that the network is for; None: of any size, or square."""
        return None
