import pytest

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


def test_an_option_of_another_process_is_refused():
    with pytest.raises(UserError, match=r"task\.min_snr belongs to process 'ddpm'"):
        make_process(DiffusionConfig(min_snr=5.0))


def test_ratios_are_the_middles_of_equal_parts():
    options = DiffusionConfig(mask_ratio=0.3, mask_spread=0.2, mask_ratios=2)
    assert kept_counts(options, 100) == (65, 55)
    fixed = DiffusionConfig(mask_ratio=0.3, mask_spread=0.0, mask_ratios=1)
    assert kept_counts(fixed, 256) == (179,)
