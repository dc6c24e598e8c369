import jax.numpy as jnp
import numpy as np
import pytest

from effjax.diffusion import Ddpm, Edm, Flow, MeanFlow, draw, plan_for
from effjax.diffusion.noise_schedule import Schedule
from effjax.errors import UserError

CHAIN = Ddpm(Schedule.named("linear", 100))
POINT = 0.25


def to_a_point(process):
    """The exact network where all data are one point."""

    def network(x, told):
        if isinstance(process, Edm):
            # F such that D is the point
            sigma = jnp.exp(4 * told)
            c = process.scalings(sigma, x)
            return (POINT - c.skip * x / c.input) / c.out
        if isinstance(process, Flow):
            return (POINT - x) / (1 - told[:, None] / process.time_scale)
        return (x - POINT) / (told[:, :1] / process.time_scale)

    return network


@pytest.mark.parametrize("process", [Flow(), Edm(), MeanFlow()])
def test_each_process_ends_at_the_point(process):
    noise = jnp.asarray([[0.4, -1.3], [2.0, 0.1]])
    plan = plan_for(process, None, 12)
    found = draw(process, to_a_point(process), noise, jnp.zeros_like, plan)
    np.testing.assert_allclose(found, POINT, atol=1e-4)


def test_defaults_fit_short_chains():
    assert plan_for(CHAIN, "ancestral", None).steps == 100
    assert plan_for(CHAIN, None, 20).sampler == "ddim"


def test_what_a_process_does_not_have_is_refused():
    with pytest.raises(UserError, match="is drawn by ddim or ancestral"):
        plan_for(CHAIN, "heun", None)
    with pytest.raises(UserError, match="the chain has 100 steps"):
        plan_for(CHAIN, None, 101)
