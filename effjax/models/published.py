"""Published sets of weights, `architecture.tag`: where they are, what they need and promise.

Top-1 is ImageNet-1k accuracy in percent as the publishers give it; it was not measured here.
"""

from collections.abc import Mapping

from effjax.models.registry import Pretrained, register_pretrained

HALF = (0.5, 0.5, 0.5)
TIMM = "hub:timm/{name}"


def _add(top1: Mapping[str, float | None], source: str = TIMM, **facts: object) -> None:
    """Registers weights {name: top-1} that share their other facts.

    `source` may hold {name}, the {architecture} before the dot and its last word, the {size}.
    """
    for name, accuracy in top1.items():
        architecture = name.partition(".")[0]
        size = architecture.rpartition("_")[2]
        place = source.format(name=name, architecture=architecture, size=size)
        register_pretrained(name, Pretrained(place, accuracy, **facts))


# The first PoolFormer was trained with another crop for each width.
_add(
    {
        "poolformer_s12.sail_in1k": 77.2,
        "poolformer_s24.sail_in1k": 80.3,
        "poolformer_s36.sail_in1k": 81.4,
    },
    crop=0.9,
)
_add(
    {
        "poolformer_m36.sail_in1k": 82.1,
        "poolformer_m48.sail_in1k": 82.5,
    },
    crop=0.95,
)
_add(
    {
        "poolformerv2_s12.sail_in1k": 78.0,
        "poolformerv2_s24.sail_in1k": 80.7,
        "poolformerv2_s36.sail_in1k": 81.6,
        "poolformerv2_m36.sail_in1k": 82.2,
        "poolformerv2_m48.sail_in1k": 82.6,
    },
)
# timm has neither IdentityFormer nor RandFormer: these are the files of the authors.
_add(
    {
        "identityformer_s12.sail_in1k": 74.6,
        "identityformer_s24.sail_in1k": 78.2,
        "identityformer_s36.sail_in1k": 79.3,
        "identityformer_m36.sail_in1k": 80.0,
        "identityformer_m48.sail_in1k": 80.4,
    },
    source="hub:sail/dl:identityformer/{architecture}.pth",
)
_add(
    {
        "randformer_s12.sail_in1k": 76.6,
        "randformer_s24.sail_in1k": 78.2,
        "randformer_s36.sail_in1k": 79.5,
        "randformer_m36.sail_in1k": 81.2,
        "randformer_m48.sail_in1k": 81.4,
    },
    source="hub:sail/dl:randformer/{architecture}.pth",
)
_add(
    {
        "convformer_s18.sail_in1k": 83.0,
        "convformer_s36.sail_in1k": 84.1,
        "convformer_m36.sail_in1k": 84.5,
        "convformer_b36.sail_in1k": 84.8,
        "convformer_s18.sail_in22k_ft_in1k": 83.7,
        "convformer_s36.sail_in22k_ft_in1k": 85.4,
        "convformer_m36.sail_in22k_ft_in1k": 86.1,
        "convformer_b36.sail_in22k_ft_in1k": 87.0,
    },
)
# Fine-tuned at 384x384, from the weights for 224x224.
_add(
    {
        "convformer_s18.sail_in1k_384": 84.4,
        "convformer_s36.sail_in1k_384": 85.4,
        "convformer_m36.sail_in1k_384": 85.6,
        "convformer_b36.sail_in1k_384": 85.7,
        "convformer_s18.sail_in22k_ft_in1k_384": 85.0,
        "convformer_s36.sail_in22k_ft_in1k_384": 86.4,
        "convformer_m36.sail_in22k_ft_in1k_384": 86.9,
        "convformer_b36.sail_in22k_ft_in1k_384": 87.6,
    },
    input_size=384,
)
_add(
    {
        "caformer_s18.sail_in1k": 83.6,
        "caformer_s36.sail_in1k": 84.5,
        "caformer_m36.sail_in1k": 85.2,
        "caformer_b36.sail_in1k": 85.5,
        "caformer_s18.sail_in22k_ft_in1k": 84.1,
        "caformer_s36.sail_in22k_ft_in1k": 85.8,
        "caformer_m36.sail_in22k_ft_in1k": 86.6,
        "caformer_b36.sail_in22k_ft_in1k": 87.4,
    },
)
_add(
    {
        "caformer_s18.sail_in1k_384": 85.0,
        "caformer_s36.sail_in1k_384": 85.7,
        "caformer_m36.sail_in1k_384": 86.2,
        "caformer_b36.sail_in1k_384": 86.4,
        "caformer_s18.sail_in22k_ft_in1k_384": 85.4,
        "caformer_s36.sail_in22k_ft_in1k_384": 86.9,
        "caformer_m36.sail_in22k_ft_in1k_384": 87.5,
        "caformer_b36.sail_in22k_ft_in1k_384": 88.1,
    },
    input_size=384,
)
# The 21,841 classes of ImageNet-22k, of which no top-1 is published.
_add(
    {
        "convformer_s18.sail_in22k": None,
        "convformer_s36.sail_in22k": None,
        "convformer_m36.sail_in22k": None,
        "convformer_b36.sail_in22k": None,
    },
    num_classes=21841,
)
_add(
    {
        "caformer_s18.sail_in22k": None,
        "caformer_s36.sail_in22k": None,
        "caformer_m36.sail_in22k": None,
        "caformer_b36.sail_in22k": None,
    },
    num_classes=21841,
)
_add(
    {
        "inception_next_atto.sail_in1k": 75.3,
        "inception_next_tiny.sail_in1k": 82.3,
        "inception_next_small.sail_in1k": 83.5,
    },
    crop=0.875,
)
_add(
    {
        "inception_next_base.sail_in1k": 84.0,
    },
    crop=0.95,
)
_add(
    {
        "inception_next_base.sail_in1k_384": 85.2,
    },
    input_size=384,
)
# The authors call it iFormer; what timm calls iFormer is another, later network.
_add(
    {
        "inception_transformer_small.sail_in1k": 83.4,
        "inception_transformer_base.sail_in1k": 84.6,
        "inception_transformer_large.sail_in1k": 84.8,
    },
    crop=0.9,
    licence="see source",
    source="hub:sail/dl2:iformer/iformer_{size}.pth",
)
_add(
    {
        "inception_transformer_small.sail_in1k_384": 84.6,
        "inception_transformer_base.sail_in1k_384": 85.7,
        "inception_transformer_large.sail_in1k_384": 85.8,
    },
    input_size=384,
    licence="see source",
    source="hub:sail/dl2:iformer/iformer_{size}_384.pth",
)
_add(
    {
        "convnext_atto.d2_in1k": 75.7,
    },
    crop=0.875,
)
_add(
    {
        "convnext_tiny.fb_in1k": 82.1,
        "convnext_small.fb_in1k": 83.1,
        "convnext_base.fb_in1k": 83.8,
        "convnext_large.fb_in1k": 84.3,
    },
    crop=0.875,
    licence="mit",
)
# Trained with images scaled to [-1, 1].
_add(
    {
        "vit_small_patch16_224.augreg_in1k": 78.84,
        "vit_small_patch16_224.augreg_in21k_ft_in1k": 81.4,
    },
    crop=0.9,
    mean=HALF,
    std=HALF,
)
_add(
    {
        "resnet50.a1_in1k": 80.38,
        "resnet50.a2_in1k": 79.83,
        "resnet50.a3_in1k": 78.05,
    },
    crop=0.95,
)
