"""How published files name the tensors of each family.

A rule is (pattern, replacement). The rules of `timm` turn our path, written with dots, into timm's
name: every rule is applied, in order, after the common ones. The rules of another scheme turn
timm's name into that scheme's: the first one that matches at the start is applied.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping

from effjax.models.architecture import entries
from effjax.models.families.convnext import ConvNeXt
from effjax.models.families.darts import DartsNetwork
from effjax.models.families.dit import DiT
from effjax.models.families.dualformer import DualFormer
from effjax.models.families.inception_next import InceptionNeXt
from effjax.models.families.inception_transformer import InceptionTransformer
from effjax.models.families.mdt import MDT
from effjax.models.families.metaformer import MetaFormer, MetaFormerArchitecture
from effjax.models.families.nasbench201 import NasBench201
from effjax.models.families.resnet import ResNet
from effjax.models.families.uvit import UViT
from effjax.models.families.visformer import Visformer
from effjax.models.families.vit import ViT
from effjax.models.network import Network

NOTHING = r"$^"  # matches no name
Rule = tuple[str, str | Callable[[re.Match], str]]

# Ours: stages_0.blocks_1.norm1.scale; timm's: stages.0.blocks.1.norm1.weight
_common: tuple[Rule, ...] = (
    (r"_(\d+)\.", r".\1."),
    (r"\.kernel$", ".weight"),
    (r"(?<!act)(?<!act1)(?<!_scale1)(?<!_scale2)\.scale$", ".weight"),
    (r"\.mean$", ".running_mean"),
    (r"\.var$", ".running_var"),
)


@dataclasses.dataclass(frozen=True)
class Table:
    """The names of one family; every pattern is matched against timm's whole name.

    Attributes:
        timm: rules from our names to timm's, after the common ones; where timm does not have the
            family, its authors' names stand in.
        others: other schemes in use, each as rules from timm's names.
        first: weight of the first layer, which sees `in_chans`.
        classifier: weight and bias of the last layer, which sees `num_classes`.
        pointwise: for an architecture, the linear layers that timm stores as 1x1 convolutions.
        positions: learned positions, maps or lists of tokens.
        of_one_size: frozen tensors that fit one grid of tokens and cannot be resized.
        map_first: names of maps that torch stores as [1, C, H, W].
    """

    first: str
    classifier: str
    timm: tuple[Rule, ...] = ()
    others: Mapping[str, tuple[Rule, ...]] = dataclasses.field(default_factory=dict)
    pointwise: Callable[[object], str] = lambda architecture: NOTHING
    positions: str = NOTHING
    of_one_size: str = NOTHING
    map_first: str = NOTHING


def timm_name(table: Table, path: tuple[str, ...]) -> str:
    """Our path ("stages_0", "blocks_1", "norm1", "scale") as timm's name."""
    name = ".".join(path)
    for pattern, replacement in (*_common, *table.timm):
        name = re.sub(pattern, replacement, name)
    return name


def rename(rules: tuple[Rule, ...], name: str) -> str:
    """timm's `name` in the scheme of `rules`."""
    for pattern, replacement in rules:
        if re.match(pattern, name):
            return re.sub(pattern, replacement, name, count=1)
    return name


_poolformer: tuple[Rule, ...] = (
    (r"stem\.conv", "patch_embed.proj"),
    (r"stages\.(\d)\.downsample\.conv", lambda m: f"network.{2 * int(m[1]) - 1}.proj"),
    (r"stages\.(\d)\.blocks\.(\d+)\.layer_scale(\d)\.scale",
     lambda m: f"network.{2 * int(m[1])}.{m[2]}.layer_scale_{m[3]}"),
    (r"stages\.(\d)\.blocks", lambda m: f"network.{2 * int(m[1])}"),
    (r"head\.norm", "norm"),
    (r"head\.fc", "head"),
)  # fmt: skip

_metaformer: tuple[Rule, ...] = (
    (r"stem\.conv", "downsample_layers.0.conv"),
    (r"stem\.norm", "downsample_layers.0.post_norm"),
    (r"stages\.(\d)\.downsample\.norm", r"downsample_layers.\1.pre_norm"),
    (r"stages\.(\d)\.downsample\.conv", r"downsample_layers.\1.conv"),
    (r"stages\.(\d)\.blocks", r"stages.\1"),
    (r"head\.norm", "norm"),
    (r"head\.fc", "head"),
)


def _metaformer_pointwise(a: MetaFormerArchitecture) -> str:
    """Everything but the blocks with attention is made of convolutions in timm."""
    patterns = []
    for i in range(len(a.depths)):
        for j, mixer in enumerate(entries(a, "mixers", i)):
            # "attention(head_dim=16)" is attention too
            if mixer.partition("(")[0] != "attention":
                layer = r"(mlp\.fc\d|token_mixer\.pwconv\d)"
                patterns.append(rf"stages\.{i}\.blocks\.{j}\.{layer}\.weight")
    return "|".join(patterns)


_metanext: tuple[Rule, ...] = (
    (r"^stem\.conv", "stem.0"),
    (r"^stem\.norm", "stem.1"),
    (r"downsample\.norm", "downsample.0"),
    (r"downsample\.conv", "downsample.1"),
    (r"gamma\.weight$", "gamma"),
)

_convnext: tuple[Rule, ...] = (
    (r"stem", "downsample_layers.0"),
    (r"stages\.(\d)\.downsample", r"downsample_layers.\1"),
    (r"stages\.(\d)\.blocks\.(\d+)\.conv_dw", r"stages.\1.\2.dwconv"),
    (r"stages\.(\d)\.blocks\.(\d+)\.mlp\.fc", r"stages.\1.\2.pwconv"),
    (r"stages\.(\d)\.blocks", r"stages.\1"),
    (r"head\.norm", "norm"),
    (r"head\.fc", "head"),
)

_darts: tuple[Rule, ...] = (
    (r"\.ops\.(\d)", r"._ops.\1"),
    (r"\.conv(\d)\.", r".conv_\1."),
)

_embedding: tuple[Rule, ...] = ((r"embedding_table$", "embedding_table.weight"),)

TABLES: dict[type[Network], Table] = {
    MetaFormer: Table(
        first="stem.conv.weight",
        classifier=r"head\.fc(\.fc2)?\.(weight|bias)",
        others={"poolformer": _poolformer, "metaformer": _metaformer},
        pointwise=_metaformer_pointwise,
        of_one_size=r".*\.random_matrix",
    ),
    InceptionNeXt: Table(
        first="stem.0.weight",
        classifier=r"head\.fc2\.(weight|bias)",
        timm=_metanext,
        pointwise=lambda architecture: r".*\.blocks\..*\.mlp\.fc\d\.weight",
    ),
    ConvNeXt: Table(
        first="stem.0.weight",
        classifier=r"head\.fc\.(weight|bias)",
        timm=_metanext,
        others={"convnext": _convnext},
        pointwise=lambda a: r".*\.mlp\.fc\d\.weight" if a.conv_mlp else NOTHING,
    ),
    ViT: Table(
        first="patch_embed.proj.weight",
        classifier=r"head\.(weight|bias)",
        positions="pos_embed",
    ),
    DartsNetwork: Table(
        first="stem.0.weight",
        classifier=r"(auxiliary_head\.)?classifier\.(weight|bias)",
        timm=_darts,
    ),
    NasBench201: Table(first="stem.0.weight", classifier=r"classifier\.(weight|bias)"),
    ResNet: Table(first="conv1.weight", classifier=r"fc\.(weight|bias)"),
    InceptionTransformer: Table(
        first="patch_embed.proj1.weight",
        classifier=r"head\.(weight|bias)",
        timm=((r"layer_scale(\d)\.scale$", r"layer_scale_\1"),),
        pointwise=lambda architecture: r".*\.attn\.(high_mixer\.(conv1|proj2)|proj)\.weight",
        positions=r"pos_embed\d",
    ),
    DualFormer: Table(
        first="patch_embeds.0.proj.weight",
        classifier=r"cls_head\.fc_cls\.(weight|bias)",
        timm=((r"^blocks_(\d)", r"blocks.\1"), (r"^head", "cls_head.fc_cls")),
    ),
    Visformer: Table(
        first="stem.conv1.weight",
        classifier=r"linear\.(weight|bias)",
        timm=((r"(norm\d?)\.(\w+)$", r"\1.bn.\2"),),
        pointwise=lambda architecture: r".*\.(attn\.(qkv|proj)|mlp\.conv[13])\.weight",
        positions=r"pos_embed\d",
        map_first=r"pos_embed\d",
    ),
    DiT: Table(
        first="x_embedder.proj.weight",
        classifier=r"y_embedder\.embedding_table\.weight",
        timm=_embedding,
    ),
    MDT: Table(
        first="x_embedder.proj.weight",
        classifier=r"y_embedder\.embedding_table\.weight",
        timm=_embedding,
        of_one_size=r"(decoder_)?pos_embed|.*\.relative_position_bias_table",
    ),
    UViT: Table(
        first="patch_embed.proj.weight",
        classifier=r"label_emb\.weight",
        timm=((r"label_emb\.embedding_table$", "label_emb.weight"),),
        of_one_size=r"pos_embed|se\..*",
    ),
}
