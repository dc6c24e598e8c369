import jax.numpy as jnp
import pytest

from effjax.errors import UserError
from effjax.models import create_model, default_fields, list_models, register
from effjax.models.registry import entry


def test_list_takes_a_pattern():
    assert list_models("caformer*") == [f"caformer_{size}" for size in ("b36", "m36", "s18", "s36")]


def test_fields_are_overridden():
    model = create_model(
        "caformer_s18",
        num_classes=10,
        dtype="bfloat16",
        depths=[1, 2, 1, 1],
        mixers=["identity", ["pooling", "attention"], "separable_conv", "attention"],
        kernel_sizes=3,
        drop_path_rate=0,
    )
    assert (model.num_classes, model.dtype, model.param_dtype) == (10, jnp.bfloat16, jnp.float32)
    assert model.architecture.depths == (1, 2, 1, 1)
    assert model.architecture.mixers[1] == ("pooling", "attention")
    assert model.architecture.kernel_sizes == (3, 3, 3, 3)
    assert isinstance(model.architecture.drop_path_rate, float)


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        ("caformer_s19", {}, "caformer_s18"),
        ("caformer_s18", {"depth": 3}, "depths"),
        ("caformer_s18", {"dtype": "bf16"}, "bfloat16"),
        ("caformer_s18", {"depths": (3, 3, 9)}, "dims has 4 entries"),
        ("caformer_s18", {"depths": "3393"}, "is not int"),
        ("dualformer_tiny", {"dims": (16, 64, 64, 64)}, "heads of 32"),
        ("visformer_micro_80", {"dims": (128, 4, 512)}, "leave nothing"),
        ("caformer_s18", {"dims": (64, 128.5, 320, 512)}, "128.5 is not int"),
        ("caformer_s18", {"drop_path_rate": "0.1"}, "is not float"),
        ("caformer_s18", {"drop_path_rate": 1.0}, "0 <= drop_path_rate < 1"),
        ("caformer_s18", {"kernel_sizes": 4}, "expected odd sizes"),
        ("caformer_s18", {"dims": (64, 128, 0, 512)}, "at least 1"),
        ("vit_tiny_patch16_224", {"head_dropout": -0.1}, "0 <= head_dropout < 1"),
        ("caformer_s18", {"remat": 1}, "1 is not bool"),
        ("caformer_s18", {"mixers": "atention"}, "attention"),
        ("caformer_s18", {"kernel_sizes": (7, (7, 7), 7, 7)}, "2 entries for a stage of 3 blocks"),
        ("poolformer_s12", {"head": "publshed"}, "published"),
    ],
)
def test_mistakes_are_named(name, fields, said):
    with pytest.raises(UserError, match=said):
        create_model(name, **fields)


def test_default_fields_rebuild_the_architecture():
    fields = default_fields("randformer_m48")
    assert (
        create_model("caformer_s18", **fields).architecture == entry("randformer_m48").architecture
    )


def test_a_name_is_registered_once():
    known = entry("caformer_s18")
    with pytest.raises(ValueError, match="registered already"):
        register("caformer_s18", "another", known.model, known.architecture)
