from functools import partial

import jax
import numpy as np
from flax import linen as nn

from effjax.models.blocks.norms import LayerNorm
from effjax.models.blocks.stages import Patches, Stage
from effjax.models.families.convnext import ConvNeXtArchitecture

A = ConvNeXtArchitecture((1, 1), (4, 6), (7, 7), (4, 2), (4, 2), (0, 0), remat=(False, False))
IMAGE = np.ones((1, 8, 8, 3), np.float32)


class Add(nn.Module):
    amount: float
    drop_path: float

    @nn.compact
    def __call__(self, x, examples):
        return x + self.param("amount", lambda key: np.float32(self.amount))


def test_the_norm_follows_the_first_patches_and_leads_the_others():
    names, shapes = [], []
    for stage, x in enumerate((IMAGE, np.ones((1, 2, 2, 4), np.float32))):
        y, variables = Patches(A, stage, LayerNorm).init_with_output(jax.random.key(0), x, None)
        names.append(list(variables["params"]))
        shapes.append(y.shape)
    assert names == [["conv", "norm"], ["norm", "conv"]]
    assert shapes == [(1, 2, 2, 4), (1, 1, 1, 6)]


def test_a_stage_is_its_downsampling_and_its_blocks_in_a_row():
    blocks = [partial(Add, 1.0), partial(Add, 2.0)]
    x = np.zeros((1, 2, 2, 4), np.float32)
    stage = Stage(partial(Patches, A, 1, None), blocks, (0.0, 0.1))
    y, variables = stage.init_with_output(jax.random.key(0), x, None)
    assert list(variables["params"]) == ["downsample", "blocks_0", "blocks_1"]
    np.testing.assert_array_equal(y, np.full((1, 1, 1, 6), 3.0))
