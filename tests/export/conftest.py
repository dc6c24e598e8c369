"""A small network, and its files in every format."""

import functools
from pathlib import Path

import pytest

from effjax.export import FORMATS
from tests.export.networks import make, needs, quietly

TWO_STAGES = {
    "depths": (1, 1),
    "dims": (8, 16),
    "mixers": ("separable_conv", "attention"),
    "kernel_sizes": (7, 7),
    "patch_kernels": (7, 3),
    "patch_strides": (4, 2),
    "patch_pads": (2, 1),
    "layer_scale": (None, None),
    "residual_scale": (None, 1.0),
    "remat": (False, False),
}


@pytest.fixture(scope="session")
def tiny():
    """A block that convolves and a block of attention."""
    return make("caformer_s18", 32, TWO_STAGES)


@pytest.fixture(scope="session")
def headless():
    """The same without a classifier, as it is learned without labels."""
    return make("caformer_s18", 32, TWO_STAGES, classes=0)


@pytest.fixture(scope="session")
def exported(tiny, tmp_path_factory):
    """Of a format: the folder of `tiny` in it, and what `export` found."""

    @functools.cache
    def write(kind: str) -> tuple[Path, dict]:
        needs(kind)
        folder = tmp_path_factory.mktemp(kind)
        return folder, quietly(tiny, kind, folder / f"model{FORMATS[kind].ending}")

    return write
