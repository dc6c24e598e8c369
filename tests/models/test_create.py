import jax.numpy as jnp
import pytest

from effjax.errors import UserError
from effjax.models import create_model


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
        ("caformer_s18", {"depths": "3393"}, "expected tuple"),
        (
            "caformer_s18",
            {"dims": (64, 128.5, 320, 512)},
            r"128.5, 320, 512\): expected tuple\[int in \[1, 65536",
        ),
        ("caformer_s18", {"drop_path_rate": "0.1"}, "expected float in"),
        ("caformer_s18", {"drop_path_rate": 1.0}, r"expected float in \[0, 1\)"),
        ("caformer_s18", {"kernel_sizes": 4}, "expected odd sizes"),
        ("caformer_s18", {"dims": (64, 128, 0, 512)}, r"int in \[1, 65536"),
        ("vit_tiny_patch16_224", {"head_dropout": -0.1}, r"expected float in \[0, 1\)"),
        ("caformer_s18", {"remat": 1}, "expected tuple.bool"),
        ("caformer_s18", {"mixers": "atention"}, "attention"),
        ("caformer_s18", {"kernel_sizes": (7, (7, 7), 7, 7)}, "2 entries for a stage of 3 blocks"),
        ("poolformer_s12", {"head": "publshed"}, "published"),
        # what no machine could allocate, and what is no network
        ("caformer_s18", {"depths": ()}, "depths=\\(\\): a network has at least one stage"),
        ("caformer_s18", {"patch_strides": (0, 2, 2, 2)}, r"patch_strides=.*int in \[1"),
        ("caformer_s18", {"dims": (1_000_000_000,) * 4}, r"dims=.*int in \[1, 65536\]"),
        ("caformer_s18", {"num_classes": 1_000_000_000}, r"num_classes=.*int in \[0, 1e\+07\]"),
        ("caformer_s18", {"num_classes": -1}, "num_classes=-1"),
        ("caformer_s18", {"norm_eps": float("nan")}, "norm_eps=nan: expected float > 0"),
    ],
)
def test_mistakes_are_named(name, fields, said):
    with pytest.raises(UserError, match=said) as refused:
        create_model(name, **fields)
    assert str(refused.value).count("\n") <= 1
