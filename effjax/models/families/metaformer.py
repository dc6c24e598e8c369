"""MetaFormer: PoolFormer, PoolFormerV2, IdentityFormer, RandFormer, ConvFormer, CAFormer.

MetaFormer Is Actually What You Need for Vision, https://arxiv.org/abs/2111.11418
MetaFormer Baselines for Vision, https://arxiv.org/abs/2210.13452

    images -> stem -> stage 1 -> downsampling -> stage 2 -> ... -> stage 4 -> mean -> head

The sizes are in `metaformer_sizes.py`. Shapes: B batch, H W space, C channels, K classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from flax import linen as nn
from jax import Array

from effjax.models.architecture import (
    Channels,
    Depth,
    Kernel,
    Pad,
    Rate,
    Ratio,
    Stride,
    Width,
    Windows,
    check,
    entries,
)
from effjax.models.base import BlockWindows, ImageModel, Outputs
from effjax.models.blocks.activations import squared_relu
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.drops import (
    Dropout,
    StochasticDepth,
    drop_name,
    stochastic_depth_rates,
)
from effjax.models.blocks.initialisers import uniform_init
from effjax.models.blocks.layers import Linear, Scale, at_least_float32, unscaled
from effjax.models.blocks.mixers import find_mixer
from effjax.models.blocks.mlp import HiddenWidths, Mlp, hidden_width
from effjax.models.blocks.norms import CHANNELS, WHOLE_MAP, BatchNorm, LayerNorm
from effjax.models.blocks.recompute import maybe_remat
from effjax.models.blocks.scan import Drops
from effjax.models.blocks.stages import Patches, Stage, taken_apart
from effjax.models.blocks.tail import classify, mean_over_positions
from effjax.models.layout import STAGED
from effjax.ops import (
    images_beside,
    norm_in_kernel,
    put_apart,
    put_beside,
    rest_shape,
    scale_early,
    side_by_side,
)
from effjax.ranges import Positive

NO_SCALE = (None, None, None, None)


@dataclass(frozen=True)
class MetaFormerArchitecture:
    """A MetaFormer; one entry for each stage where a field is a tuple.

    An entry of `mixers` (names in `effjax.models.MIXERS`, or "package.module:Class"; values for a
    mixer's own fields in parentheses) or `kernel_sizes` (local windows) may itself be a tuple with
    one value for each block; a block's window may then be (height, width). None stands for: no such
    scale. `norm` is that of blocks; `skips` and `channel_mlp` can be taken away to see what they
    are worth. `scan` compiles equal neighbours among the blocks once (not where batch norm keeps
    averages, or a mixer draws); variables and results are the same.
    """

    depths: tuple[Depth, ...]  # blocks of each stage
    dims: tuple[Width, ...]  # channels of each stage
    mixers: tuple[str | tuple[str, ...], ...]  # names, see `effjax.models.MIXERS`
    kernel_sizes: tuple[Windows, ...] = (7, 7, 7, 7)  # windows of the mixers
    patch_kernels: tuple[Kernel, ...] = (7, 3, 3, 3)  # sides of the kernels that make patches
    patch_strides: tuple[Stride, ...] = (4, 2, 2, 2)  # how much each stage shrinks the map
    patch_pads: tuple[Pad, ...] = (2, 1, 1, 1)  # zeros on each side
    patch_norm: bool = True  # a norm beside each patch convolution
    patch_init: Literal["normal", "uniform"] = "normal"  # uniform: PyTorch's default
    norm: Literal["layer", "group", "batch", "none"] = "layer"  # of the blocks
    norm_eps: Positive = 1e-6  # added to variances
    norm_bias: bool = False  # whether norms of blocks have one
    mlp_ratio: Ratio = 4.0  # hidden channels of the MLP, as a multiple of its own
    mlp_hidden: HiddenWidths = None  # of each block of each stage; None: by the ratio
    # between its two layers
    mlp_activation: Literal["gelu", "relu", "squared_relu", "silu", "star_relu"] = "star_relu"
    mlp_bias: bool = False  # whether its layers have one
    layer_scale: tuple[float | None, ...] = NO_SCALE  # initial, on branches
    residual_scale: tuple[float | None, ...] = (None, None, 1.0, 1.0)  # initial, on skips
    skips: bool = True  # False: to see what they are worth
    channel_mlp: bool = True  # False: to see what it is worth
    head: Literal["linear", "mlp", "published"] = "linear"  # published: PoolFormer's
    head_dropout: Rate = 0.0  # before the last linear layer
    drop_path_rate: Rate = 0.0  # stochastic depth of the last block; 0 in the first
    in_chans: Channels = 3  # 3 for colour images
    # compute a stage again in the backward pass
    remat: tuple[bool, ...] = (False, False, False, False)
    scan: bool = False  # compile equal neighbours once

    def __post_init__(self) -> None:
        check(self, "kernel_sizes")
        for stage in range(len(self.depths)):
            for mixer in entries(self, "mixers", stage):
                find_mixer(mixer)  # there, or refused in a sentence


class MetaFormer(ImageModel):
    """Four stages of blocks that mix tokens, then channels."""

    layout = STAGED

    @nn.compact
    def forward(self, x: Array, examples: Examples) -> Outputs:
        a = self.architecture
        features = {}
        first, *others = stochastic_depth_rates(a.drop_path_rate, a.depths)
        count = self._images_beside(len(x))
        with side_by_side(count):
            x = self._patches(0)(name="stem")(put_beside(x, count), examples)
            x = self._stage(0, first)(x, examples)
        features["stage1"] = put_apart(x, count)
        for i, rates in enumerate(others, start=1):
            x = self._stage(i, rates, count if i == 1 else 1)(x, examples)
            features[f"stage{i + 1}"] = x
        logits, of_head = Head(a, self.num_classes, name="head")(x, examples)
        return logits, features | of_head

    @nn.nowrap
    def _images_beside(self, batch: int) -> int:
        """How many images lie side by side in the channels as far as the second stage's patches."""
        a = self.architecture
        mixers = [find_mixer(mixer).func for mixer in entries(a, "mixers", 0)]
        # a norm of each position would have to sum over a part of the lanes
        fits = a.norm in ("group", "none") and not a.patch_norm
        fits = fits and all(mixer.alike for mixer in mixers) and self.interceptor is None
        return images_beside(batch, a.dims[0]) if fits and not self.is_initializing() else 1

    @nn.nowrap
    def _patches(self, i: int) -> partial:
        """Patches with weights drawn as `patch_init` says; "uniform" is PyTorch's own default."""
        a = self.architecture
        norm = partial(LayerNorm, use_bias=False) if a.patch_norm else None
        patches = partial(Patches, a, i, norm)
        if a.patch_init == "normal":
            return patches
        channels = a.dims[i - 1] if i > 0 else a.in_chans
        inputs = a.patch_kernels[i] ** 2 * channels
        uniform = uniform_init(inputs**-0.5)
        return partial(patches, kernel_init=uniform, bias_init=uniform)

    def _stage(self, i: int, rates: Sequence[float], beside: int = 1) -> Stage:
        """Stage `i`, of maps that have so many images side by side before its downsampling."""
        a = self.architecture
        block = maybe_remat(Block, a.remat[i])
        block = partial(block, a, i, batch_axis=self.batch_axis)
        mixers = entries(a, "mixers", i)
        sizes = entries(a, "kernel_sizes", i)
        blocks = [partial(block, *choice) for choice in zip(mixers, sizes, strict=True)]
        downsample = partial(taken_apart, self._patches(i), beside) if i > 0 else None
        # A scan hands neither running averages nor keys for a mixer's own draws through.
        scan = a.scan and a.norm != "batch" and a.mlp_hidden is None
        scan = scan and all(find_mixer(mixer).func.can_scan for mixer in mixers)
        return Stage(downsample, blocks, rates, scan, name=f"stages_{i}")

    @nn.nowrap
    def block_windows(self, stage: int, block: int) -> BlockWindows:
        a = self.architecture
        mixer = entries(a, "mixers", stage)[block]
        window = find_mixer(mixer).func.window
        if window is None:
            return ()
        path = f"token_mixer/{window}" if window else "token_mixer"
        return ((path, "kernel_sizes", "both"),)


class Block(nn.Module):
    """Mix tokens, then mix channels, each after a norm and beside a skip connection."""

    architecture: MetaFormerArchitecture
    stage: int
    mixer: str
    kernel_size: int | tuple[int, int]
    drop_path: float
    batch_axis: str | None = None

    @nn.compact
    def __call__(self, x: Array, examples: Examples, drops: Drops | None = None) -> Array:
        """`drops` stands in for the block's own random draws, see `scan_blocks`."""
        a = self.architecture
        make_mixer = find_mixer(self.mixer)
        mixer = make_mixer(self.kernel_size, self.batch_axis, name="token_mixer")
        map_shape = x.shape  # [B, H, W, C], which only the mixer has to see
        window = make_mixer.func.window
        if window != "":  # a mixer that is itself a window would have the map turned around twice
            x = x.reshape(rest_shape(map_shape, has_rows=window is not None))
        early, late = self._layer_scale(1, make_mixer.func.keeps_scales)
        y = early(self._norm("norm1")(x, examples))
        y = mixer(y.reshape(map_shape), examples is not None, examples).reshape(x.shape)
        x = self._residual(1, x, y, examples, drops, late)
        if not a.channel_mlp:
            return x.reshape(map_shape)
        hidden = hidden_width(a, self.path)
        mlp = Mlp(a.mlp_ratio, a.mlp_activation, a.mlp_bias, hidden, name="mlp")
        norm = self._norm("norm2")
        early, late = self._layer_scale(2, True)
        if a.norm == "group" and norm_in_kernel(x.shape, int(a.mlp_ratio * x.shape[-1])):
            y = mlp(x, early, norm(x, examples, apart=True))
        else:
            y = mlp(norm(x, examples), early)
        return self._residual(2, x, y, examples, drops, late).reshape(map_shape)

    def _layer_scale(self, number: int, keeps_scales: bool) -> tuple[Callable, Callable]:
        """The layer scale of a branch: (ahead of its last linear part, at its end), one of both."""
        init = self.architecture.layer_scale[self.stage]
        if init is None:
            return unscaled, unscaled
        scale = Scale(init, name=f"layer_scale{number}")
        return (scale, unscaled) if keeps_scales and scale_early() else (unscaled, scale)

    def _residual(
        self,
        number: int,
        skip: Array,
        branch: Array,
        examples: Examples,
        drops: Drops | None,
        layer_scale: Callable[[Array], Array],
    ) -> Array:
        """residual scale * skip + layer scale * dropped branch."""
        a = self.architecture
        i = self.stage
        drop = StochasticDepth(self.drop_path, name=drop_name(number - 1))
        given = drops and (drops[0], drops[1][number - 1])
        branch = layer_scale(drop(branch, examples, given))
        if a.residual_scale[i] is not None:
            skip = Scale(a.residual_scale[i], name=f"res_scale{number}")(skip)
        return skip + branch if a.skips else branch

    def _norm(self, name: str) -> Callable[..., Array]:
        a = self.architecture
        if a.norm == "none":
            return lambda x, examples: x
        if a.norm == "batch":
            return BatchNorm(self.batch_axis, name=name)
        over = CHANNELS if a.norm == "layer" else WHOLE_MAP
        return LayerNorm(a.norm_eps, a.norm_bias, over, name=name)


class Head(nn.Module):
    """Mean over positions, norm, classifier; `published` has PoolFormer's norm before the mean."""

    architecture: MetaFormerArchitecture
    classes: int

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Outputs:
        a = self.architecture
        x = at_least_float32(x)
        pooled = mean_over_positions(x)  # [B, H, W, C] -> [B, C]
        if a.head == "published":
            norm = LayerNorm(1e-5, over=WHOLE_MAP, name="norm")
            prelogits = mean_over_positions(norm(x))
        else:
            prelogits = LayerNorm(name="norm")(pooled)
        features = {"pooled": pooled, "prelogits": prelogits}
        if a.head == "mlp" and self.classes > 0:
            head = MlpHead(self.classes, a.head_dropout, name="fc")
            return head(prelogits, examples), features
        return classify(prelogits, self.classes, a.head_dropout, examples, "fc"), features


class MlpHead(nn.Module):
    """The classifier of ConvFormer and CAFormer: linear, squared ReLU, norm, dropout, linear."""

    classes: int
    dropout: float = 0.0
    ratio: float = 4.0

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        hidden = int(self.ratio * x.shape[-1])
        x = squared_relu(Linear(hidden, name="fc1")(x))
        x = LayerNorm(name="norm")(x)
        x = Dropout(self.dropout)(x, examples)
        return Linear(self.classes, name="fc2")(x)
