"""Published sets of weights, `architecture.tag`: where they are, what they need and promise.

Top-1 is ImageNet-1k accuracy in percent as the publishers give it; it was not measured here.
"""

from effjax.models.registry import Pretrained, register_pretrained

HALF = (0.5, 0.5, 0.5)


def _add(name: str, source: str = "", **facts: object) -> None:
    """Weights that timm hosts need no source."""
    register_pretrained(name, Pretrained(source or f"hub:timm/{name}", **facts))


def _add_metaformers() -> None:
    sizes = ("s12", "s24", "s36", "m36", "m48")
    for size, top1 in zip(sizes, (77.2, 80.3, 81.4, 82.1, 82.5), strict=True):
        crop = 0.95 if size.startswith("m") else 0.9
        _add(f"poolformer_{size}.sail_in1k", top1=top1, crop=crop)
    for size, top1 in zip(sizes, (78.0, 80.7, 81.6, 82.2, 82.6), strict=True):
        _add(f"poolformerv2_{size}.sail_in1k", top1=top1)
    authors = {
        "identityformer": (74.6, 78.2, 79.3, 80.0, 80.4),
        "randformer": (76.6, 78.2, 79.5, 81.2, 81.4),
    }
    for family, accuracies in authors.items():
        for size, top1 in zip(sizes, accuracies, strict=True):
            source = f"hub:sail/dl:{family}/{family}_{size}.pth"
            _add(f"{family}_{size}.sail_in1k", source, top1=top1)
    accuracies = {  # s18, s36, m36, b36
        ("convformer", "in1k"): (83.0, 84.1, 84.5, 84.8),
        ("convformer", "in1k_384"): (84.4, 85.4, 85.6, 85.7),
        ("convformer", "in22k_ft_in1k"): (83.7, 85.4, 86.1, 87.0),
        ("convformer", "in22k_ft_in1k_384"): (85.0, 86.4, 86.9, 87.6),
        ("caformer", "in1k"): (83.6, 84.5, 85.2, 85.5),
        ("caformer", "in1k_384"): (85.0, 85.7, 86.2, 86.4),
        ("caformer", "in22k_ft_in1k"): (84.1, 85.8, 86.6, 87.4),
        ("caformer", "in22k_ft_in1k_384"): (85.4, 86.9, 87.5, 88.1),
    }
    for (family, tag), row in accuracies.items():
        input_size = 384 if tag.endswith("384") else 224
        for size, top1 in zip(("s18", "s36", "m36", "b36"), row, strict=True):
            _add(f"{family}_{size}.sail_{tag}", top1=top1, input_size=input_size)
    for family in ("convformer", "caformer"):
        for size in ("s18", "s36", "m36", "b36"):
            _add(f"{family}_{size}.sail_in22k", top1=None, num_classes=21841)


def _add_others() -> None:
    for size, top1, crop in (
        ("atto", 75.3, 0.875),
        ("tiny", 82.3, 0.875),
        ("small", 83.5, 0.875),
        ("base", 84.0, 0.95),
    ):
        _add(f"inception_next_{size}.sail_in1k", top1=top1, crop=crop)
    _add("inception_next_base.sail_in1k_384", top1=85.2, input_size=384)
    for size, top1, top1_384 in (
        ("small", 83.4, 84.6),
        ("base", 84.6, 85.7),
        ("large", 84.8, 85.8),
    ):
        name, source = f"inception_transformer_{size}", f"hub:sail/dl2:iformer/iformer_{size}"
        facts = {"licence": "see source", "crop": 0.9}
        _add(f"{name}.sail_in1k", f"{source}.pth", top1=top1, **facts)
        facts |= {"crop": 1.0, "input_size": 384}
        _add(f"{name}.sail_in1k_384", f"{source}_384.pth", top1=top1_384, **facts)
    _add("convnext_atto.d2_in1k", top1=75.7, crop=0.875)
    for size, top1 in (("tiny", 82.1), ("small", 83.1), ("base", 83.8), ("large", 84.3)):
        _add(f"convnext_{size}.fb_in1k", top1=top1, crop=0.875, licence="mit")
    augreg = {"crop": 0.9, "mean": HALF, "std": HALF}
    _add("vit_small_patch16_224.augreg_in1k", top1=78.84, **augreg)
    _add("vit_small_patch16_224.augreg_in21k_ft_in1k", top1=81.40, **augreg)
    for tag, top1 in (("a1", 80.38), ("a2", 79.83), ("a3", 78.05)):
        _add(f"resnet50.{tag}_in1k", top1=top1, crop=0.95)


_add_metaformers()
_add_others()
