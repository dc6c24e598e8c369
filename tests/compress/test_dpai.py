"""Masks by gradient steps."""

import jax.numpy as jnp
import numpy as np

from effjax.compress.dpai import dpai_masks, masks_of, zeros_of
from effjax.compress.effective import effective
from effjax.compress.programs import make_program

SHAPES = {"a": (6, 12), "b": (12, 12), "c": (12, 4)}
DENSITY = 0.08


def program():
    ones = {name: jnp.ones(shape) for name, shape in SHAPES.items()}
    network = lambda w, x: x @ w["a"] @ w["b"] @ w["c"]  # noqa: E731
    return make_program(network, ones, jnp.ones((1, 6)))


def test_steps_gain_nodes_over_their_start():
    flow = program()
    before = effective(flow, dpai_masks(flow, SHAPES, DENSITY, seed=1, steps=0))
    after = effective(flow, dpai_masks(flow, SHAPES, DENSITY, seed=1, steps=60, rate=0.05))
    assert after.kept == before.kept
    assert after.nodes > before.nodes
    assert after.live > before.live


def test_masks_drop_the_smallest_of_each_layer():
    zeros = zeros_of(SHAPES, DENSITY)
    scores = {name: jnp.arange(float(np.prod(shape))).reshape(shape) - 20
              for name, shape in SHAPES.items()}  # fmt: skip
    masks = masks_of(scores, zeros)
    for name, mask in masks.items():
        assert int((mask == 0).sum()) == zeros[name]
        dropped = np.abs(scores[name])[np.asarray(mask) == 0]
        assert dropped.max() <= np.abs(scores[name])[np.asarray(mask) == 1].min()
