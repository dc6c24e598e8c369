"""The first state; the moving average: its start, its warm-up, its dtype."""

import jax
import jax.numpy as jnp
import numpy as np

from effjax.tasks.run import build
from effjax.training.first_state import init_state, moved_average
from effjax.training.groups import Groups
from tests.training.toy import line_config


def test_it_warms_up():
    ema, expected = {"w": np.float32(0.0)}, 0.0
    for step in range(3):
        decay = min(0.9, (1 + step) / (10 + step))
        ema = moved_average(ema, {"w": np.float32(1.0)}, step, 0.9, True)
        expected = decay * expected + (1 - decay)
    np.testing.assert_allclose(ema["w"], expected, rtol=1e-6)
    plain = moved_average({"w": np.float32(0.0)}, {"w": np.float32(1.0)}, 0, 0.9, False)
    np.testing.assert_allclose(plain["w"], 0.1, rtol=1e-6)


def test_bfloat16_is_averaged_in_float32_and_counters_stay_integers():
    params = {"w": jnp.ones(2, jnp.bfloat16)}
    state = init_state(Groups({"w": "frozen"}, {}, {}), None, params, {"n": jnp.int32(3)}, ema=True)
    assert state.ema["params"]["w"].dtype == jnp.float32
    ema, fresh = state.ema, {"params": {"w": jnp.full(2, 1.01)}, "model_state": {"n": 5}}
    for _ in range(60):
        # far less than bfloat16 resolves beside 1
        ema = moved_average(ema, fresh, 0, 0.999, False)
    np.testing.assert_allclose(ema["params"]["w"], 1 + 0.01 * (1 - 0.999**60), rtol=1e-6)
    assert ema["model_state"]["n"].dtype == jnp.int32


def test_a_state_compiled_ahead_is_the_same():
    config = line_config(ema={"decay": 0.9})
    config.parallel.devices = 1
    setup = build(config)
    at_once = setup.fresh()
    setup.fresh.compile_ahead()
    for state in (setup.fresh(), setup.fresh()):  # the second is not from the program kept
        jax.tree.map(np.testing.assert_array_equal, _plain(state), _plain(at_once))


def _plain(state):
    return state.replace(rng=jax.random.key_data(state.rng))
