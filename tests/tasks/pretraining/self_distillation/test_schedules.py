import jax.numpy as jnp
import numpy as np

from effjax.tasks.pretraining.self_distillation.schedules import risen
from tests.parity.selfsup_check import check_recorded


def test_as_recorded():
    check_recorded("dino_schedule/")


def test_a_rise_arrives_on_its_last_step_and_stays():
    values = risen(0.04, 0.08, jnp.arange(5), 3)
    np.testing.assert_allclose(values, [0.04, 0.06, 0.08, 0.08, 0.08], rtol=1e-6)
    assert float(risen(0.04, 0.08, jnp.asarray(0), 0)) == np.float32(0.08)
