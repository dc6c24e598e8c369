import numpy as np
import pytest

from effjax.diffusion.noise_schedule import Schedule, kept_steps
from effjax.errors import UserError


def test_a_respaced_chain_has_the_noise_of_the_steps_that_it_keeps():
    whole = Schedule.named("cosine")
    short = whole.respaced("20")
    np.testing.assert_allclose(short.alphas_cumprod, whole.alphas_cumprod[short.times])
    assert short.times[0] == 0
    assert short.times[-1] == 999


def test_a_chain_of_all_steps_is_itself():
    whole = Schedule.named("linear", 100)
    np.testing.assert_allclose(whole.respaced("100").betas, whole.betas)


@pytest.mark.parametrize("how", ["ddim300", "0", "1001", "many", "500,501"])
def test_what_no_chain_can_keep_is_refused(how):
    with pytest.raises(UserError, match="steps="):
        kept_steps(1000, how)
