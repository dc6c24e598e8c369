"""The published MetaFormers: which mixers, norms and sizes each family has."""

from functools import partial
from typing import NamedTuple

from effjax.models.families.metaformer import NO_SCALE, MetaFormer, MetaFormerArchitecture
from effjax.models.registry import register_family

Four = tuple[int, int, int, int]
Architectures = dict[str, MetaFormerArchitecture]

SMALL = (64, 128, 320, 512)
MEDIUM = (96, 192, 384, 768)


class PoolSize(NamedTuple):
    """A size of the families that mix without learning.

    Attributes:
      layer_scale: initial, of the first PoolFormer.
      drop_path: of the published training.
      rand_drop_path: the same for RandFormer.
    """

    depths: Four
    dims: Four
    layer_scale: float
    drop_path: float
    rand_drop_path: float


POOL_SIZES = {
    "s12": PoolSize((2, 2, 6, 2), SMALL, 1e-5, 0.1, 0.1),
    "s24": PoolSize((4, 4, 12, 4), SMALL, 1e-5, 0.1, 0.1),
    "s36": PoolSize((6, 6, 18, 6), SMALL, 1e-6, 0.2, 0.2),
    "m36": PoolSize((6, 6, 18, 6), MEDIUM, 1e-6, 0.3, 0.3),
    "m48": PoolSize((8, 8, 24, 8), MEDIUM, 1e-6, 0.4, 0.3),
}


class ConvSize(NamedTuple):
    """A size of ConvFormer and CAFormer, with the rates of their published training."""

    depths: Four
    dims: Four
    conv_drop_path: float
    ca_drop_path: float
    ca_head_dropout: float


CONV_SIZES = {
    "s18": ConvSize((3, 3, 9, 3), (64, 128, 320, 512), 0.2, 0.15, 0.0),
    # Not the depths of the pooling families' s36, and m36 ends at 576 and not at 768.
    "s36": ConvSize((3, 12, 18, 3), (64, 128, 320, 512), 0.3, 0.3, 0.4),
    "m36": ConvSize((3, 12, 18, 3), (96, 192, 384, 576), 0.4, 0.4, 0.4),
    "b36": ConvSize((3, 12, 18, 3), (128, 256, 512, 768), 0.6, 0.6, 0.5),
}

_group_norm = partial(MetaFormerArchitecture, norm="group", kernel_sizes=(3, 3, 3, 3))
_mlp_head = partial(MetaFormerArchitecture, head="mlp")


@register_family(MetaFormer, "MetaFormer, pooling, layer scale, GELU")
def poolformer() -> Architectures:
    """The first PoolFormer: its patches, norms, MLPs and scales are those of no later family."""
    make = partial(
        _group_norm,
        mixers=("pooling",) * 4,
        patch_norm=False,
        patch_init="uniform",
        norm_eps=1e-5,
        norm_bias=True,
        mlp_activation="gelu",
        mlp_bias=True,
        residual_scale=NO_SCALE,
    )
    found = {}
    for name, size in POOL_SIZES.items():
        more = {"layer_scale": (size.layer_scale,) * 4, "drop_path_rate": size.drop_path}
        found[f"poolformer_{name}"] = make(size.depths, size.dims, **more)
    return found


@register_family(MetaFormer, "MetaFormer, pooling, StarReLU")
def poolformerv2() -> Architectures:
    """Pooling in the later recipe."""
    make = partial(_group_norm, mixers=("pooling",) * 4)
    return {
        f"poolformerv2_{name}": make(size.depths, size.dims, drop_path_rate=size.drop_path)
        for name, size in POOL_SIZES.items()
    }


@register_family(MetaFormer, "MetaFormer, no token mixing")
def identityformer() -> Architectures:
    """What the rest of a MetaFormer is worth alone."""
    make = partial(_group_norm, mixers=("identity",) * 4)
    return {
        f"identityformer_{name}": make(size.depths, size.dims, drop_path_rate=size.drop_path)
        for name, size in POOL_SIZES.items()
    }


@register_family(MetaFormer, "MetaFormer, frozen random mixing in stages 3 and 4")
def randformer() -> Architectures:
    """Large maps are not mixed: a matrix over 56 x 56 tokens would have ten million entries."""
    make = partial(_group_norm, mixers=("identity", "identity", "random", "random"))
    return {
        f"randformer_{name}": make(size.depths, size.dims, drop_path_rate=size.rand_drop_path)
        for name, size in POOL_SIZES.items()
    }


@register_family(MetaFormer, "MetaFormer, separable convolution")
def convformer() -> Architectures:
    """Convolution in all stages."""
    make = partial(_mlp_head, mixers=("separable_conv",) * 4)
    return {
        f"convformer_{name}": make(size.depths, size.dims, drop_path_rate=size.conv_drop_path)
        for name, size in CONV_SIZES.items()
    }


@register_family(MetaFormer, "MetaFormer, separable convolution, then attention in stages 3 and 4")
def caformer() -> Architectures:
    """Convolution on large maps, attention on small ones."""
    convolution = ("separable_conv",) * 2
    attention = ("attention",) * 2
    make = partial(_mlp_head, mixers=convolution + attention)
    found = {}
    for name, size in CONV_SIZES.items():
        rates = {"drop_path_rate": size.ca_drop_path, "head_dropout": size.ca_head_dropout}
        found[f"caformer_{name}"] = make(size.depths, size.dims, **rates)
    return found
