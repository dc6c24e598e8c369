"""Points of a space: equal architectures are one point, and every move stays inside."""

import pytest

from effjax.errors import UserError
from effjax.search.choices import Choice
from effjax.search.space import ArchSpace
from tests.search.conftest import SMALL


def test_each_architecture_once(space):
    points = list(space.points())
    assert space.size == 24
    # the window of the second block is no choice where there is one block
    assert len(points) == 18
    assert len({space.decode(point) for point in points}) == 18


def test_canonical(space):
    assert space.canonical((1, 0, 1, 1)) == (1, 0, 0, 1)
    assert space.decode((1, 0, 1, 1)) == space.decode((1, 0, 0, 1))
    assert space.canonical((1, 1, 1, 1)) == (1, 1, 1, 1)


def test_decode(space):
    architecture = space.decode((2, 1, 1, 0))
    assert architecture.depths == (1, 2)
    assert architecture.mixers == (("separable_conv"), "separable_conv")
    assert architecture.kernel_sizes == (3, (7, 5))
    assert architecture.mlp_ratio == 2.0


def test_a_window_without_a_mixer_is_idle():
    choices = [
        Choice("stages_0.blocks_0.mixers", ("identity", "pooling")),
        Choice("stages_0.blocks_0.kernel_sizes", (3, 5)),
    ]
    space = ArchSpace("convformer_s18", choices, **SMALL)
    assert space.is_idle((0, 1)) == (False, True)
    assert len(list(space.points())) == 3


@pytest.mark.parametrize(
    ("base", "choices", "fields"),
    [
        ("convnext_tiny", [Choice("dims.0", (8, 16)), Choice("stages_1.kernel_sizes", (3, 7))], {}),
        (
            "inception_next_atto",
            [Choice("stages_0.blocks_1.square_kernels", (3, 5)), Choice("depths.0", (1, 2))],
            {},
        ),
        ("vit_tiny_patch16_224", [Choice("width", (96, 192)), Choice("heads", (3, 5))], {}),
    ],
)
def test_families(base, choices, fields):
    space = ArchSpace(base, choices, **fields)
    points = list(space.points())
    assert len({space.decode(point) for point in points}) == len(points) > 1


def test_what_contradicts_is_no_point():
    choices = [Choice("width", (96, 100)), Choice("heads", (3, 4))]
    space = ArchSpace("vit_tiny_patch16_224", choices)
    assert not space.is_valid((1, 0))  # 100 channels, 3 heads
    assert list(space.points()) == [(0, 0), (0, 1), (1, 1)]


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("mlp_rati", (1.0, 2.0), "has no field 'mlp_rati'"),
        ("stages_0.mlp_ratio", (1.0, 2.0), "one mlp_ratio for all stages"),
        ("stages_2.mixer", ("identity", "pooling"), "there are 2 stages"),
        ("stages_0.blocks_0.dims", (8, 16), "none for blocks"),
        ("depths.5", (1, 2), "no entry 5"),
        ("stages_0.mixer", ("identity", "pooled"), "option 'pooled'"),
        ("stages_0.kernel_sizes", (3, 4), "option 4"),
        ("mixer", ("identity", "pooling"), "name the stage"),
        ("resolution", (32, 0), "no side of images"),
    ],
)
def test_refused(path, options, message):
    with pytest.raises(UserError, match=message):
        ArchSpace("convformer_s18", [Choice(path, options)], **SMALL)


def test_two_choices_of_the_same():
    choices = [
        Choice("stages_0.mixer", ("identity", "depthwise3")),
        Choice("kernel_sizes.0", (3, 5)),
    ]
    with pytest.raises(UserError, match="decide the same"):
        ArchSpace("convformer_s18", choices, **SMALL)
