"""Seeds are whole: 64 bits, and every one its own key."""

import jax
import numpy as np
import pytest

import effjax
from effjax.config import check
from effjax.errors import UserError
from effjax.runs.schema import RunConfig
from effjax.runs.seeds import run_key


def data(key):
    return tuple(np.asarray(jax.random.key_data(key)).tolist())


def test_small_seeds_have_the_key_that_they_always_had():
    for seed in (0, 1, 2**31, 2**32 - 1):
        assert data(run_key(seed)) == data(jax.random.key(seed))


def test_the_high_bits_count():
    seeds = (0, 1, 2**32, 2**32 + 1, 2**33, 2**63, 2**64 - 1)
    assert len({data(run_key(seed)) for seed in seeds}) == len(seeds)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_what_is_no_seed_is_refused(seed):
    config = effjax.default_config()
    config.seed = seed
    with pytest.raises(UserError, match=rf"config\.seed.*{seed}"):
        check(config, RunConfig)
