"""Learning what a network looks like: kernel sizes under a budget."""

from effjax.search.kernel_sizes.budget import Cost
from effjax.search.kernel_sizes.discretise import energy_sizes, repair
from effjax.search.kernel_sizes.found import Found, read_off
from effjax.search.kernel_sizes.masks import MASKS
from effjax.search.kernel_sizes.options import SearchConfig
from effjax.search.kernel_sizes.sites import Site, Sizes, find_sites, with_sizes
from effjax.search.kernel_sizes.task import KernelSearch

__all__ = [
    "MASKS",
    "Cost",
    "Found",
    "KernelSearch",
    "SearchConfig",
    "Site",
    "Sizes",
    "energy_sizes",
    "find_sites",
    "read_off",
    "repair",
    "with_sizes",
]
