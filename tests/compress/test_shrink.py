"""What is masked and what is smaller give the same logits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import models
from effjax.compress.importance import taylor
from effjax.compress.shrink import masked, remove_blocks, shrink
from effjax.compress.sites import flat, nested, sites_of
from effjax.costs.exact import count
from effjax.errors import UserError

FOUR = {"depths": (1, 2, 1, 1), "patch_strides": (2, 2, 1, 1)}
RESNET = {"depths": (1, 2), "dims": (3, 4), "strides": (1, 2), "remat": (False,) * 2,
          "stem_kernel": 3, "stem_stride": 1, "stem_pool": False}  # fmt: skip
FAMILIES = {
    "resnet18": RESNET,
    "resnet50": RESNET,
    "caformer_s18": {**FOUR, "dims": (4, 4, 64, 64)},
    "poolformer_s12": {**FOUR, "dims": (4, 4, 4, 4)},
    "convnext_tiny": {**FOUR, "dims": (4, 4, 4, 4)},
    "inception_next_tiny": {**FOUR, "dims": (16, 16, 16, 16)},
    "vit_small_patch16_224": {"width": 8, "heads": 2, "depth": 2, "patch_size": 8},
}
FAST = ("resnet50", "caformer_s18")
NAMES = [pytest.param(n, marks=[] if n in FAST else pytest.mark.slow) for n in FAMILIES]
SIDE = 16


@pytest.fixture(autouse=True)
def doubles():
    with jax.enable_x64(True):
        yield


def filled(name):
    """A float64 network whose every number matters: no zeros, no ones."""
    model = models.create_model(name, num_classes=3, dtype="float64", **FAMILIES[name])
    images = jax.ShapeDtypeStruct((1, SIDE, SIDE, 3), np.float64)
    shapes = jax.eval_shape(model.init, jax.random.key(0), images)
    rng = np.random.default_rng(0)

    def fill(leaf):
        return np.asarray(0.5 + 0.5 * rng.random(leaf.shape), np.float64)

    variables = jax.tree.map(fill, shapes)
    # kernels around 0, or every activation would be huge
    arrays = flat(variables)
    for path, array in arrays.items():
        if path.endswith("kernel"):
            arrays[path] = rng.normal(size=array.shape) / np.sqrt(array[..., 0].size)
    return model, nested(arrays), rng.normal(size=(2, SIDE, SIDE, 3))


def some_of(sites, rng):
    """A random half of each group."""
    kept = {}
    for site in sites:
        size = site.group.size
        # another number in each group, so that no two widths become equal by chance
        stay = max(1, size // 2 + (site.stage + 1) % 2)
        kept[site.group.name] = rng.permutation(size)[: min(stay, size)].tolist()
    return kept


@pytest.mark.parametrize("name", NAMES)
def test_masked_is_shrunk(name):
    with jax.enable_x64(True):
        model, variables, images = filled(name)
        sites = sites_of(model, variables)
        kept = some_of(sites, np.random.default_rng(1))
        small, smaller = shrink(model, variables, kept)
        ours = jax.jit(small.apply)(smaller, images)
        logits = jax.jit(model.apply)
        theirs = logits(masked(model, variables, kept), images)
        whole = logits(variables, images)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12 * np.abs(theirs).max())
    assert np.abs(whole - theirs).max() > 1e-3 * np.abs(whole).max()
    # an ordinary network: its cost is the cost model's, and its architecture is data
    params = sum(leaf.size for leaf in jax.tree.leaves(smaller["params"]))
    assert count(small, (SIDE, SIDE, 3), "params") == params
    assert count(small, (SIDE, SIDE, 3), "macs") < count(model, (SIDE, SIDE, 3), "macs")


def test_a_smaller_network_is_shrunk_again_and_written_down(tmp_path):
    with jax.enable_x64(True):
        model, variables, images = filled("caformer_s18")
        kept = some_of(sites_of(model, variables), np.random.default_rng(1))
        small, smaller = shrink(model, variables, kept)
        name = "stages_1/blocks_1/mlp/fc1"
        again, least = shrink(small, smaller, {name: [0, 3]})
        models.write_architecture("caformer_s18", again.architecture, tmp_path / "a.json")
        read = models.create_model(str(tmp_path / "a.json"), num_classes=3, dtype="float64")
        logits = jax.jit(again.apply)(least, images)
        np.testing.assert_array_equal(jax.jit(read.apply)(least, images), logits)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["caformer_s18", "convnext_tiny", "resnet18"])
def test_a_block_whose_branches_are_zero_can_go(name):
    with jax.enable_x64(True):
        model, variables, images = filled(name)
        arrays = flat(variables)
        block = "layer2_1" if name.startswith("resnet") else "stages_1/blocks_1"
        for path, array in arrays.items():
            if block in path and path.endswith(("kernel", "bias", "gamma/scale")):
                arrays[path] = np.zeros_like(array)
            if block in path and path.endswith(("mean",)):
                arrays[path] = np.zeros_like(array)
            if "res_scale" in path:
                arrays[path] = np.ones_like(array)
        small, smaller = remove_blocks(model, nested(arrays), [(1, 1)])
        ours = jax.jit(small.apply)(smaller, images)
        theirs = jax.jit(model.apply)(nested(arrays), images)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_mistakes_are_answered():
    model, variables, _ = filled("resnet50")
    with pytest.raises(UserError, match="no group 'layer1_0/conv': did you mean"):
        shrink(model, variables, {"layer1_0/conv": [0]})
    with pytest.raises(UserError, match="keep at least one"):
        shrink(model, variables, {"layer1_0/conv1": []})
    with pytest.raises(UserError, match="channels 0 to 2"):
        shrink(model, variables, {"layer1_0/conv1": [3]})
    with pytest.raises(UserError, match="there is no block"):
        remove_blocks(model, variables, [(0, 5)])
    with pytest.raises(UserError, match="would have no block"):
        remove_blocks(model, variables, [(0, 0)])
    with pytest.raises(UserError, match=r"keep other widths|no shortcut"):
        remove_blocks(model, variables, [(1, 0)])


def test_a_family_without_groups_is_refused():
    model = models.create_model("visformer_micro_80", num_classes=3)
    with pytest.raises(UserError, match=r"for a Visformer: its architecture states one"):
        sites_of(model, {"params": {}})


def test_a_channel_that_leads_nowhere_goes_first_and_nothing_moves():
    model, variables, images = filled("resnet50")
    groups = [s.group for s in sites_of(model, variables) if s.field == "inner_widths"]
    arrays = flat(variables)
    dead = {groups[0].name: 1, groups[3].name: 2}
    for group in groups:
        for member in group.members:
            if member.role == "in" and group.name in dead:
                array = arrays[member.path].copy()
                np.moveaxis(array, member.axis, 0)[dead[group.name]] = 0.0
                arrays[member.path] = array
    planted = nested(arrays)

    @jax.jit
    def logits(params):
        return model.apply({**planted, "params": params}, images)

    gradients = jax.grad(lambda params: jnp.square(logits(params)).sum())(planted["params"])
    gradients = flat({"params": gradients})
    kept = {}
    for group in groups:
        if group.name in dead:
            scores = taylor(group, arrays, gradients)
            assert scores[dead[group.name]] == scores.min() == 0.0
            kept[group.name] = [c for c in range(group.size) if c != dead[group.name]]
    small, smaller = shrink(model, planted, kept)
    expected = logits(planted["params"])
    np.testing.assert_allclose(small.apply(smaller, images), expected, rtol=1e-12)
