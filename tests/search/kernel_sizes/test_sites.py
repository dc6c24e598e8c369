"""Which windows are found, and how sizes stand in an architecture."""

import jax
import jax.numpy as jnp
import pytest

from effjax import create_model
from effjax.errors import UserError
from effjax.models import cost
from effjax.search.kernel_sizes import Sizes, find_sites, with_sizes

SHAPE = (64, 64, 3)


def sites_of(name, where="", max_size=11, separable=False, **fields):
    model = create_model(name, depths=1, **fields)
    return model, find_sites(model, SHAPE, where, max_size, separable)


@pytest.mark.parametrize(
    ("name", "count", "last"),
    [
        ("convformer_s18", 4, "stages_3.blocks_0.token_mixer.dwconv"),
        ("caformer_s18", 2, "stages_1.blocks_0.token_mixer.dwconv"),
        ("convnext_atto", 4, "stages_3.blocks_0.conv_dw"),
        ("poolformer_s12", 4, "stages_3.blocks_0.token_mixer"),
        ("inception_next_atto", 12, "stages_3.blocks_0.token_mixer.dwconv_h"),
    ],
)
def test_sites_of_each_family(name, count, last):
    _, sites = sites_of(name)
    assert (len(sites), sites[-1].name) == (count, last)


def test_small_maps_have_small_windows():
    _, sites = sites_of("convformer_s18")  # maps of 16, 8, 4, 2
    assert [site.largest for site in sites] == [(11,), (11,), (7,), (3,)]


def test_where_chooses():
    _, sites = sites_of("inception_next_atto", where=r"stages_[01].*dwconv_[hw]$")
    assert [site.path[-1] for site in sites] == ["dwconv_w", "dwconv_h"] * 2


def test_bands_have_one_size_and_separable_squares_two():
    _, sites = sites_of("inception_next_atto", where="stages_0", separable=True)
    assert [site.axes for site in sites] == [("high", "wide"), ("wide",), ("high",)]
    sizes = Sizes(sites)
    assert sizes.site_of == (0, 0, 1, 2)
    assert sizes.names[0].endswith("dwconv_hw.high")


@pytest.mark.parametrize("name", ["convformer_s18", "convnext_atto", "poolformer_s12"])
def test_sizes_in_an_architecture(name):
    model, sites = sites_of(name)
    architecture = with_sizes(model.architecture, sites, [(1,), (3,), (5,), (3,)])
    assert architecture.kernel_sizes == ((1,), (3,), (5,), (3,))
    again = find_sites(model.clone(architecture=architecture), SHAPE, "", 11)
    assert [site.given for site in again] == [(1,), (3,), (5,), (3,)]


def test_heights_and_widths_in_an_architecture():
    model, sites = sites_of("inception_next_atto", where="stages_0", separable=True)
    architecture = with_sizes(model.architecture, sites, [(5, 3), (9,), (7,)])
    assert architecture.square_kernels == (((5, 3),), (3,), (3,), (3,))
    assert architecture.band_kernels == (((7, 9),), (9,), (9,), (9,))
    again = find_sites(model.clone(architecture=architecture), SHAPE, "stages_0", 11)
    assert [site.given for site in again] == [(5, 3), (9,), (7,)]
    assert cost(model.clone(architecture=architecture), SHAPE).macs > 0


def test_sites_that_are_not_searched_keep_their_size():
    model, sites = sites_of("convformer_s18", where="stages_1")
    assert with_sizes(model.architecture, sites, [(3,)]).kernel_sizes == ((7,), (3,), (7,), (7,))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"where": "stages_9"}, "matches no depthwise"),
        ({"where": "("}, "is not a pattern"),
        ({"max_size": 8}, "give an odd size"),
    ],
)
def test_mistakes(changed, message):
    with pytest.raises(UserError, match=message):
        sites_of("convformer_s18", **changed)


def test_pooling_windows_are_square():
    model = create_model("poolformer_s12", depths=1, kernel_sizes=(((3, 5),), 3, 3, 3))
    with pytest.raises(UserError, match="pooling windows are square"):
        jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, *SHAPE)))
