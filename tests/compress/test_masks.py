"""A pruned weight stays 0, whatever the optimizer does."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax import optim
from effjax.compress import masks as m
from effjax.errors import UserError

INFO = optim.list_optimizers()
FEW = ("adan", "adamw", "lamb", "lookahead", "muon", "soap", "schedule_free_adamw")
NAMES = [pytest.param(n, marks=[] if n in FEW else pytest.mark.slow) for n in sorted(INFO)]
# what a method cannot do without
SETTINGS = {
    "dpsgd": {"l2_norm_clip": 10.0, "noise_multiplier": 0.1},
    "galore": {"rank": 1},
    "lookahead": {"inner": "adam", "sync_period": 2},
    "slrla": {"penalty": 0.01, "momentum": 0.9},
}
PARAMS = {"layer": {"kernel": jnp.linspace(-1.0, 1.0, 12).reshape(4, 3), "bias": jnp.ones(3)}}
MASK = np.arange(12).reshape(4, 3) % 3 == 0
MASKS = {"layer/kernel": MASK.astype(np.int8)}


def loss(params):
    return jnp.sum((params["layer"]["kernel"].sum(0) - params["layer"]["bias"]) ** 2)


@pytest.mark.parametrize("name", NAMES)
def test_a_pruned_weight_stays_zero(name):
    info = INFO[name]
    decay = {} if info.decay is None else {"weight_decay": 0.1}
    tx = m.under_masks(optim.create(name, 0.1, **decay, **SETTINGS.get(name, {})), MASKS)
    params = m.apply_masks(PARAMS, MASKS)
    state = tx.init(params)
    average = params

    @jax.jit
    def step(params, state, average):
        value, grads = jax.value_and_grad(loss)(params)
        extras = {"value": value, "grad": grads, "value_fn": loss, "obj_fn": loss}
        if name == "dpsgd":
            grads = jax.tree.map(lambda g: jnp.stack([g, g]), grads)
        given = {key: extras[key] for key in info.needs if key in extras}
        updates, state = tx.update(grads, state, params, **given)
        params = optax.apply_updates(params, updates)
        evaluated = m.apply_masks(optim.eval_params(params, state), MASKS)
        average = optax.incremental_update(evaluated, average, 0.5)
        return params, state, average, evaluated

    for _ in range(3):
        params, state, average, evaluated = step(params, state, average)
    for tree in (params, evaluated, average):
        assert not np.asarray(tree["layer"]["kernel"])[MASK == 0].any()
    moved = np.asarray(params["layer"]["kernel"]) != np.asarray(PARAMS["layer"]["kernel"])
    assert moved[MASK].any()


def test_masks_count_and_shuffle():
    assert m.density(MASKS) == 4 / 12
    again = m.shuffled(MASKS, seed=1)
    assert m.kept_counts(again) == m.kept_counts(MASKS)
    assert (again["layer/kernel"] != MASKS["layer/kernel"]).any()


def test_a_masked_weight_that_is_not_finite_is_zero():
    params = {"layer": {"kernel": jnp.full((4, 3), jnp.nan), "bias": jnp.ones(3)}}
    assert not np.isnan(m.apply_masks(params, MASKS)["layer"]["kernel"][MASK == 0]).any()


def test_only_kernels_are_pruned():
    assert list(m.prunable(PARAMS)) == ["layer/kernel"]
    with pytest.raises(UserError, match="matches every kernel"):
        m.prunable(PARAMS, keep="layer")
    with pytest.raises(UserError, match="regular expression"):
        m.prunable(PARAMS, keep="(")


def test_a_tree_of_masks_has_none_elsewhere():
    tree = m.as_tree(PARAMS, MASKS)
    assert tree["layer"]["bias"] is None
