"""Learning kernel sizes: differentiable window sizes of depthwise convolutions under a budget."""

from effjax.search.kernel_sizes.discretise import energy_sizes, repair
from effjax.search.kernel_sizes.found import Found
from effjax.search.kernel_sizes.masks import MASKS
from effjax.search.kernel_sizes.options import SearchConfig
from effjax.search.kernel_sizes.sites import Site, Sizes, find_sites, with_sizes
from effjax.search.kernel_sizes.supernet import Supernet
from effjax.search.kernel_sizes.task import KernelSearch, read_off

__all__ = [
    "MASKS",
    "Found",
    "KernelSearch",
    "SearchConfig",
    "Site",
    "Sizes",
    "Supernet",
    "energy_sizes",
    "find_sites",
    "read_off",
    "repair",
    "with_sizes",
]
