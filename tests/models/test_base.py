import jax
import pytest
from flax import traverse_util

from effjax.errors import UserError
from effjax.models import ImageModel, abstract_variables, create_model, entry, list_models
from effjax.optim import depth_scales
from tests.models.model_parity import images


def depths_of(name, num_classes=10):
    model = create_model(name, num_classes)
    params = abstract_variables(model)["params"]
    return model, traverse_util.flatten_dict(model.layer_depths(params), sep="/")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("caformer_s18", {"stem/conv/kernel": 0, "stages_2/downsample/conv/kernel": 7}),
        ("inception_next_atto", {"stages_3/blocks_1/norm/scale": 12, "head/fc2/kernel": 13}),
        (
            "inception_transformer_small",
            {
                "pos_embed1": 0,
                "patch_embed/proj1/kernel": 0,
                "pos_embed4": 16,
                "patch_embed4/proj/kernel": 16,
                "blocks4_0/norm1/scale": 16,
                "norm/scale": 19,
            },
        ),
        ("convnext_atto", {"stages_0/blocks_0/gamma/scale": 1, "head/norm/scale": 13}),
        ("vit_tiny_patch16_224", {"cls_token": 0, "blocks_10/norm1/scale": 11, "norm/scale": 13}),
        ("resnet50", {"bn1/scale": 0, "layer2_0/downsample_0/kernel": 4, "fc/bias": 17}),
        ("visformer_micro_80", {"pos_embed2": 5, "stage3_2/norm2/scale": 9, "linear/bias": 10}),
        (
            "dualformer_tiny",
            {
                "patch_embeds_0/norm/scale": 0,
                "pos_block_0/proj_0/bias": 1,
                "blocks_2_9/norm2/bias": 14,
            },
        ),
    ],
)
def test_every_family_states_the_depth_of_each_parameter(name, expected):
    model, depths = depths_of(name)
    assert {path: depths[path] for path in expected} == expected
    assert max(depths.values()) == model.layer_count
    blocks = range(1, model.layer_count)
    assert set(blocks) <= set(depths.values())


@pytest.mark.parametrize(
    ("name", "factors"),
    [
        ("inception_transformer_small", {"patch_embed4/proj/bias": 0.512, "pos_embed4": 0.512}),
        ("visformer_micro_80", {"linear/kernel": 1.0}),
        ("caformer_s18", {"stages_1/blocks_2/mlp/fc1/kernel": 0.8**13}),
    ],
)
def test_factors_of_layer_decay(name, factors):
    model, depths = depths_of(name)
    scales = depth_scales(depths, model.layer_count, 0.8)
    assert {path: scales[path] for path in factors} == pytest.approx(factors)


def test_a_family_without_layout_is_refused():
    model = ImageModel(create_model("caformer_s18").architecture)
    with pytest.raises(UserError, match="ImageModel states no depth for its parameter kernel"):
        model.layer_depths({"kernel": 0})


def test_channels_must_match():
    model = create_model("caformer_s18", depths=1, dims=(4, 4, 32, 32))
    with pytest.raises(UserError, match="set in_chans=1"):
        jax.eval_shape(model.init, jax.random.key(0), images((1, 32, 32, 1)))


def test_windows_are_paths_of_modules():
    model = create_model("poolformer_s12")
    assert [window.path for window in model.windows()[:2]] == [
        ("stages_0", "blocks_0", "token_mixer"),
        ("stages_0", "blocks_1", "token_mixer"),
    ]
    # attention has no window
    assert len(create_model("caformer_s18").windows()) == 6
    assert create_model("resnet18").windows() == ()


def test_every_registered_model_has_a_layout():
    assert all(entry(name).model.layout is not None for name in list_models())
