import pytest

from effjax.models import abstract_variables, create_model


@pytest.mark.parametrize(
    ("name", "width", "convolutions"), [("resnet18", 8, 2), ("resnet50", 32, 3)]
)
def test_blocks_and_their_shortcuts(name, width, convolutions):
    model = create_model(name, 0, depths=(2, 1, 1, 1), dims=8)
    params = abstract_variables(model, (32, 32, 3))["params"]
    names = [f"{kind}{n}" for n in range(1, convolutions + 1) for kind in ("conv", "bn")]
    # A shortcut has a convolution only where width or stride change.
    assert sorted(params["layer1_1"]) == sorted(names)
    assert ("downsample_0" in params["layer1_0"]) == (name == "resnet50")
    assert params["layer2_0"]["downsample_0"]["kernel"].shape == (1, 1, width, width)
