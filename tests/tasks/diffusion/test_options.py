import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import ndtri

from effjax.diffusion import Ddpm, Edm, Flow, MeanFlow
from effjax.errors import UserError
from effjax.tasks.diffusion.options import DiffusionConfig, kept_counts, make_process


def test_each_process_gets_its_options():
    assert make_process(DiffusionConfig()) == Flow()
    assert make_process(DiffusionConfig(process="meanflow", equal_times=0.5)) == MeanFlow(equal=0.5)
    fdm = make_process(DiffusionConfig(process="edm", momentum=2.0, weight_warmup=200))
    assert fdm == Edm(momentum=2.0, weight_warmup=200)
    chain = make_process(DiffusionConfig(process="ddpm", chain=50, variance="learned", min_snr=5.0))
    assert isinstance(chain, Ddpm)
    assert len(chain.schedule) == 50
    assert (chain.variance, chain.min_snr) == ("learned", 5.0)


def test_noise_levels_have_the_given_moments():
    process = make_process(DiffusionConfig(process="edm", noise_mean=1.0, noise_std=0.7))
    normal = ndtri((jnp.arange(2000) + 0.5) / 2000)  # evenly spread quantiles
    logs = np.log(process.time(normal, normal))
    assert logs.mean() == pytest.approx(1.0, abs=1e-3)
    assert logs.std() == pytest.approx(0.7, abs=2e-3)


def test_noise_levels_are_the_published_ones_by_default():
    process = make_process(DiffusionConfig(process="edm"))
    assert process == Edm()
    normal = jnp.asarray([-2.0, -0.3, 0.0, 1.7])
    assert (process.time(normal, normal) == jnp.exp(-1.2 + 1.2 * normal)).all()


@pytest.mark.parametrize("key", ["sigma_data", "noise_mean", "noise_std"])
def test_scalings_with_noise_levels_of_their_own_take_none(key):
    with pytest.raises(UserError, match=rf"task\.{key} belongs to scaling 'edm', not to 've'"):
        make_process(DiffusionConfig(process="edm", scaling="ve", **{key: 0.7}))


def test_an_option_of_another_process_is_refused():
    with pytest.raises(UserError, match=r"task\.min_snr belongs to process 'ddpm'"):
        make_process(DiffusionConfig(min_snr=5.0))


def test_noise_levels_belong_to_edm():
    with pytest.raises(UserError, match=r"task\.noise_mean belongs to process 'edm'"):
        make_process(DiffusionConfig(noise_mean=0.0))


def test_ratios_are_the_middles_of_equal_parts():
    options = DiffusionConfig(mask_ratio=0.3, mask_spread=0.2, mask_ratios=2)
    assert kept_counts(options, 100) == (65, 55)
    fixed = DiffusionConfig(mask_ratio=0.3, mask_spread=0.0, mask_ratios=1)
    assert kept_counts(fixed, 256) == (179,)
