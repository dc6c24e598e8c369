"""Paths are counted right, beside the counts of brute force."""

import itertools

import jax.numpy as jnp
import numpy as np

from effjax.compress.effective import effective
from effjax.compress.programs import make_program

SIZES = (3, 4, 3, 2)
RNG = np.random.default_rng(0)


def masks_of(shapes):
    return {f"layer{i}": RNG.integers(0, 2, shape) for i, shape in enumerate(shapes)}


def chain(weights, x):
    for i in range(3):
        x = jnp.maximum(x @ weights[f"layer{i}"], 0.0)
    return x


def residual(weights, x):
    x = x @ weights["layer0"]
    x = x + (x @ weights["layer1"]) @ weights["layer2"]
    return x @ weights["layer3"]


def measured(network, masks):
    ones = {name: jnp.ones(mask.shape) for name, mask in masks.items()}
    return effective(make_program(network, ones, jnp.ones((1, 3))), masks)


def test_paths_of_a_chain():
    masks = masks_of(list(itertools.pairwise(SIZES)))
    found = measured(chain, masks)
    paths = sum(
        masks["layer0"][a, b] * masks["layer1"][b, c] * masks["layer2"][c, d]
        for a, b, c, d in itertools.product(*map(range, SIZES))
    )
    assert (
        np.exp(found.log_paths) == np.float32(paths) or abs(np.exp(found.log_paths) - paths) < 1e-3
    )
    # without shortcuts the authors' own count is the same
    assert abs(found.log_paths - found.log_paths_own_rule) < 1e-5


def test_paths_with_a_shortcut_are_those_of_both_branches():
    masks = masks_of([(3, 4), (4, 5), (5, 4), (4, 2)])
    found = measured(residual, masks)
    main = masks["layer0"] @ (np.eye(4) + masks["layer1"] @ masks["layer2"]) @ masks["layer3"]
    assert abs(found.log_paths - np.log(main.sum())) < 1e-5
    # DPaI's code divides the branches by different numbers
    assert abs(found.log_paths_own_rule - np.log(main.sum())) > 0.1


def test_a_weight_that_leads_nowhere_is_not_live():
    masks = {
        name: np.ones(shape, int)
        for name, shape in zip(("layer0", "layer1", "layer2"), itertools.pairwise(SIZES))
    }
    masks["layer1"][2] = 0  # hidden unit 2 leads nowhere: its three weights are dead
    found = measured(chain, masks)
    assert found.kept - found.live == 3
    assert found.outputs == {"layer0": 3, "layer1": 3, "layer2": 2}


def test_no_path_at_all():
    masks = {
        name: np.ones(shape, int)
        for name, shape in zip(("layer0", "layer1", "layer2"), itertools.pairwise(SIZES))
    }
    masks["layer1"][:] = 0
    found = measured(chain, masks)
    assert found.log_paths == -np.inf
    assert found.live == found.nodes == 0
