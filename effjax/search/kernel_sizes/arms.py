"""The arms of a comparison: where each gets its sizes from.

    found     the search as its config describes it
    uniform   one size everywhere
    random    allocations that are drawn and brought to the budget
    trim      no size predictor: trained at the largest size, then the energy rule and the repair
    free      a search in which every size is a parameter of its own

Every arm's sizes cost at most the budget.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ml_collections
import numpy as np

from effjax.config import from_json
from effjax.errors import UserError, nearest
from effjax.report import choose_display
from effjax.runs.schema import RunConfig
from effjax.search.kernel_sizes.discretise import repair
from effjax.search.kernel_sizes.export import SEARCH
from effjax.search.kernel_sizes.run import check_same_table
from effjax.search.kernel_sizes.supernet import Supernet
from effjax.tasks.run import train

# arm -> the keys of config.task in which its search differs
SEARCHES: dict[str, dict[str, Any]] = {
    "found": {},
    "trim": {"form": "two_sided", "weight": 0.0, "rule": "energy", "repair": True},
    "free": {"sizes": "free"},
}
NAMES = (*SEARCHES, "uniform", "random")


@dataclasses.dataclass(frozen=True)
class Chosen:
    """What an arm has chosen.

    Attributes:
      sizes: [S], odd.
      search: the summary of the search that found them; {} where there was none.
    """

    sizes: list[int]
    search: Mapping[str, Any] = dataclasses.field(default_factory=dict)


# (config of the search, folder of the comparison, seed) -> the sizes that an arm trains
Arm = Callable[[ml_collections.ConfigDict, Path, int], Chosen]


def make_arms(net: Supernet) -> dict[str, Arm]:
    """{arm: where its sizes come from}; each random allocation is an arm of its own.

    Raises:
      UserError: an unknown name in `config.task.compare_arms`.
    """
    arms: dict[str, Arm] = {}
    for name in net.keys.compare_arms:
        if name in SEARCHES:
            arms[name] = _searching(name, net)
        elif name == "uniform":
            arms[name] = _always(uniform_sizes(net))
        elif name == "random":
            for draw in range(net.keys.compare_random):
                arms[f"random{draw}"] = _always(random_sizes(net, draw))
        else:
            raise UserError(f"config.task.compare_arms: unknown {name!r}; {nearest(name, NAMES)}")
    return arms


def _always(sizes: list[int]) -> Arm:
    return lambda config, workdir, seed: Chosen(sizes)


def _searching(
    name: str,
    net: Supernet,
) -> Arm:
    """The arm whose sizes a search finds, with the seed of the training."""

    def search(
        config: ml_collections.ConfigDict,
        workdir: Path,
        seed: int,
    ) -> Chosen:
        own = search_config(config, name, seed)
        folder = workdir / f"search-{name}-s{seed}"
        check_same_table(own, folder)
        summary = train(own, folder, display=choose_display(quiet=True))
        record = json.loads((folder / SEARCH).read_text())[0]
        return Chosen([record["sizes"][size] for size in net.sizes.names], summary)

    return search


def search_config(
    config: ml_collections.ConfigDict,
    name: str,
    seed: int,
) -> ml_collections.ConfigDict:
    """The config of the search of an arm."""
    plain = to_plain(config)
    # without them, more seeds or arms later would be another search, which is refused
    own = {}
    for key, value in plain["task"].items():
        if not key.startswith("compare_"):
            own[key] = value
    plain["task"] = own | SEARCHES[name]
    plain["seed"] = seed
    plain["evals"] = {}  # the default evaluation alone, at the end: only the sizes are wanted
    return from_json(plain, RunConfig)


def to_plain(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """A config as JSON data, of which a part can be changed."""
    return json.loads(config.to_json_best_effort())


def uniform_sizes(net: Supernet) -> list[int]:
    """The largest size that fits the budget everywhere."""
    fitting = [1] * len(net.sizes.largest)  # which every feasible budget allows
    for size in range(3, net.keys.max_size + 1, 2):
        sizes = net.sizes.uniform(size).tolist()
        if net.cost.exact(sizes) <= net.budgets[0]:
            fitting = sizes
    return fitting


def random_sizes(
    net: Supernet,
    draw: int,
) -> list[int]:
    """Sizes that are drawn evenly, then shrunk and grown in a random order to fill the budget."""
    rng = np.random.default_rng((7, draw))
    counts = [(int(size) + 1) // 2 for size in net.sizes.largest]
    worth = [rng.random(count) + 1e-3 for count in counts]
    start = [2 * int(rng.integers(count)) + 1 for count in counts]
    return repair(start, worth, net.cost.exact, net.budgets[0])
