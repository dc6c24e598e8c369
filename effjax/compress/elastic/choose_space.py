"""Which space to search under a limit of activation memory: the one whose fitting networks do most.

    effjax compress --config=configs/compress/once_for_all_digits.py \
        --choose-space=memory:20KB

A space is a width multiplier of the config's network together with a resolution. Of each some
networks are drawn; those whose exact peak of activation memory is within the limit are compared by
the distribution of their multiply-adds. The space with the largest mean is chosen: within the same
memory a network that computes more has, by and large, the higher accuracy.

TinyNAS of MCUNet (Lin et al. 2020), https://arxiv.org/abs/2007.10319

Shapes: n networks that fit.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import ml_collections
import numpy as np

from effjax.compress.elastic.costs import ElasticCosts
from effjax.compress.elastic.supernet import Supernet
from effjax.compress.elastic.widths import make_divisible
from effjax.costs import Budget, describe
from effjax.errors import UserError
from effjax.report import Display, format_count
from effjax.report.figures import save_figure
from effjax.report.style import line_colours
from effjax.tasks.run import build

WIDTHS = (0.5, 0.75, 1.0, 1.25)  # multipliers of all stages
SIDES = (0.5, 0.75, 1.0)  # of the config's resolution
DRAWN = 50  # networks of each space
PICTURE = "spaces.png"


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A space, and what its networks within the limit compute.

    Attributes:
      width: the multiplier.
      side: of the images.
      dims: channels of the stages of its largest network.
      drawn: how many networks were drawn.
      macs: of those that fit, ascending, [n].
    """

    width: float
    side: int
    dims: tuple[int, ...]
    drawn: int
    macs: np.ndarray

    @property
    def mean(self) -> float:
        """The mean of the multiply-adds; 0 where no network fits."""
        return float(self.macs.mean()) if len(self.macs) else 0.0


def fitting_macs(
    costs: ElasticCosts,
    limit: float,
    drawn: int,
    seed: int,
) -> np.ndarray:
    """Multiply-adds of those of `drawn` networks whose peak of memory is within the limit, [n]."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(drawn):
        point = costs.space.sample(rng)
        if costs.of(point, "memory") <= limit:
            found.append(costs.of(point, "macs"))
    return np.sort(np.asarray(found, float))


def compare_spaces(
    make_costs: Callable[[tuple[int, ...], int], ElasticCosts],
    dims: Sequence[int],
    side: int,
    multiple: int,
    limit: float,
    seed: int,
    drawn: int = DRAWN,
) -> list[Candidate]:
    """All spaces, the one to choose first.

    Args:
      make_costs: (channels of the stages, side of the images) -> costs of that space.
      dims, side: of the config.
      multiple: of which widths are one.
      limit: bytes.

    Raises:
      UserError: no network of any of them fits.
    """
    found = []
    widths = {}
    for width in WIDTHS:
        own = tuple(make_divisible(width * channels, multiple) for channels in dims)
        # of multipliers that are rounded to the same channels the one nearest to the config's
        widths.setdefault(own, width)
        if abs(width - 1.0) < abs(widths[own] - 1.0):
            widths[own] = width
    for own, width in widths.items():
        for share in SIDES:
            own_side = round(side * share)
            macs = fitting_macs(make_costs(own, own_side), limit, drawn, seed)
            found.append(Candidate(width, own_side, own, drawn, macs))
    found.sort(key=lambda candidate: -candidate.mean)
    if not len(found[0].macs):
        raise UserError(
            f"no drawn network of any space fits into {describe('memory', limit)}\n"
            "give a larger limit, or a narrower config.model.dims"
        )
    return found


def choose_space(
    config: ml_collections.ConfigDict,
    budget: Budget,
    workdir: Path,
    display: Display,
) -> Candidate:
    """Shows the spaces around a config's network, and which one to train under a limit.

    Raises:
      UserError: a budget that is none of bytes, a task that is not elastic, or nothing that fits.
    """
    if budget.unit != "memory" or budget.is_share:
        raise UserError("spaces are compared under a limit of bytes: --choose-space=memory:64KB")
    task = build(config.copy_and_resolve_references()).task
    net = task.supernet
    classes = task.model.num_classes
    extent = dataclasses.replace(net.space.extent, resolutions=())

    def make_costs(
        dims: tuple[int, ...],
        side: int,
    ) -> ElasticCosts:
        architecture = dataclasses.replace(net.model.architecture, dims=dims)
        model = net.model.clone(architecture=architecture)
        shape = (side, side, net.image_shape[2])
        return ElasticCosts(Supernet(model, net.space.name, extent, shape), classes)

    a = net.model.architecture
    limit = budget.limit
    candidates = compare_spaces(
        make_costs, a.dims, net.image_shape[0], extent.multiple, limit, config.seed
    )
    _show(candidates, limit, display)
    workdir.mkdir(parents=True, exist_ok=True)
    plot_spaces(candidates, workdir / PICTURE)
    best = candidates[0]
    dims = ",".join(map(str, best.dims))
    display.line(f"picture: {workdir / PICTURE}")
    display.line(
        f"train it: effjax compress --config=F --config.model.dims='({dims})' "
        f"--config.data.image_size={best.side}"
    )
    return best


def _show(
    candidates: Sequence[Candidate],
    limit: float,
    display: Display,
) -> None:
    rows = []
    for candidate in candidates:
        fits = 100 * len(candidate.macs) / candidate.drawn
        rows.append(
            (
                f"{candidate.width:g}x at {candidate.side}",
                str(candidate.dims),
                f"{fits:.0f} %",
                format_count(candidate.mean) if len(candidate.macs) else "-",
            )
        )
    header = ("space", "channels", "fit", "mean multiply-adds")
    display.table(f"within {describe('memory', limit)}", rows, header, right=(2, 3))


def plot_spaces(
    candidates: Sequence[Candidate],
    path: Path,
) -> None:
    """Writes a PNG: of each space the share of fitting networks below so many multiply-adds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 3.8), layout="constrained")
    axes = figure.subplots()
    fitting = [candidate for candidate in candidates if len(candidate.macs)]
    colours = line_colours(len(fitting), front=range(4))
    for candidate, colour in reversed(list(zip(fitting, colours))):
        shares = np.arange(1, len(candidate.macs) + 1) / len(candidate.macs)
        label = f"{candidate.width:g}x at {candidate.side}"
        axes.step(candidate.macs / 1e6, shares, where="post", color=colour, label=label)
    axes.set_xlabel("million multiply-adds")
    axes.set_ylabel("share of the networks that fit")
    axes.grid(alpha=0.3)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside right upper", fontsize=7)
    save_figure(figure, path)
