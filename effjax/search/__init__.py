"""Learning what a network looks like: kernel sizes under a budget."""

from effjax.search.budget import Cost
from effjax.search.discretise import energy_sizes, repair
from effjax.search.found import Found, read_off
from effjax.search.masks import MASKS
from effjax.search.options import SearchConfig
from effjax.search.sites import Site, Sizes, find_sites, with_sizes
from effjax.search.task import KernelSearch

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
