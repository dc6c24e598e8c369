import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import models
from effjax.compress.generators.find_experts import (
    find_experts,
    read_experts,
    share_before,
    steps_of,
    with_gates,
)
from effjax.compress.generators.interval_experts import without_blocks
from effjax.diffusion import Flow
from effjax.errors import UserError
from effjax.report import choose_display
from tests.tasks.diffusion.conftest import trained_run

__all__ = ["trained_run"]
QUIET = choose_display(quiet=True)


def test_a_share_is_that_of_the_draws():
    process = Flow(times="logit_normal", mean=-1.0)
    normal = np.random.default_rng(0).standard_normal(20_000)
    times = process.time(jnp.zeros_like(normal), jnp.asarray(normal))
    for time in (0.1, 0.3, 0.7):
        expected = float((times < time).mean())
        assert float(share_before(process, jnp.asarray(time))) == pytest.approx(expected, abs=0.02)
    assert share_before(Flow(), 0.3) == 0.3


def test_steps_are_counted_where_the_sampler_stands():
    np.testing.assert_allclose(steps_of(Flow(), (0.19, 0.49)), [0.2, 0.3, 0.5])
    # most of training lies at early times, where few of the equal steps are
    shares = steps_of(Flow(times="logit_normal", mean=-2.0), (0.5,))
    assert shares[0] < 0.2
    assert shares.sum() == pytest.approx(1)


def test_a_closed_gate_is_a_network_without_the_block():
    fields = {"width": 8, "heads": 1, "in_chans": 1, "learn_sigma": False, "image_size": 4}
    model = models.create_model("dit_s_2", num_classes=2, depth=3, **fields)
    inputs = [jnp.ones(x.shape, x.dtype) for x in model.example_inputs((1, 4, 4, 1))]
    shapes = jax.eval_shape(model.init, jax.random.key(0), *inputs)
    leaves, tree = jax.tree.flatten(shapes)
    rng = np.random.default_rng(1)
    params = tree.unflatten([rng.standard_normal(x.shape).astype(np.float32) for x in leaves])
    small = models.create_model("dit_s_2", num_classes=2, depth=2, **fields)
    less = {"params": without_blocks(params["params"], (0, 2))}
    gates = jnp.asarray([1.0, 0.0, 1.0])
    gated = jax.jit(lambda: with_gates(model, params, gates)(*inputs))()
    np.testing.assert_allclose(gated, jax.jit(small.apply)(less, *inputs), atol=1e-4)


def test_a_folder_without_experts_is_refused(tmp_path):
    with pytest.raises(UserError, match="make it: effjax compress"):
        read_experts(tmp_path)


@pytest.mark.slow
def test_another_network_is_refused(trained_run, tmp_path):
    with pytest.raises(UserError, match="are made of a DiT with process 'flow'"):
        find_experts(trained_run[0], tmp_path, 2, "macs:0.9x", QUIET)
