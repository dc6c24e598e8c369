"""Searching cells as a task: the network is a stack of cells, whose edges have alphas.

A subclass says how alphas become operation weights, and what gradient they get: see `DartsSearch`
and `PrDartsSearch`. The alphas are {"normal": [E, O], "reduce": [E, O]}.

Shapes: B batch, E edges of a cell, O operations, K classes.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax import models
from effjax.config import View
from effjax.contract import Params
from effjax.errors import UserError
from effjax.models.architecture import override
from effjax.models.blocks.arguments import Examples
from effjax.models.families.darts import DartsArchitecture
from effjax.search.cells.bilevel import BilevelSearch, Weights, noted_alphas
from effjax.search.cells.export import export
from effjax.search.cells.genotype import RULES, fields_of_cells, read_cell
from effjax.search.cells.options import CellConfig
from effjax.search.cells.supernet import CELL_TYPES, CellSpace, CellSupernet, thirds


class CellSearch(BilevelSearch):
    """The part that all searches of cells share."""

    Config = CellConfig
    rule = "best_inputs"  # from operation weights to a cell, of `genotype.RULES`
    norm_pools = True
    last_norm = False

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        self.space = CellSpace(
            self.options.operations, self.options.nodes, self.norm_pools, self.last_norm
        )

    @functools.cached_property
    def model(self) -> models.ImageModel:
        """The network that will have the cells that are found."""
        model = self.build_model()
        if not isinstance(model.architecture, DartsArchitecture):
            raise UserError(
                f"config.model.name = {self.config.model.name!r} is no network of such cells\n"
                "give --config.model.name=darts_v2"
            )
        return model

    @functools.cached_property
    def supernet(self) -> CellSupernet:
        """The network that is searched."""
        options = self.options
        return CellSupernet(
            self.space,
            self.model.num_classes,
            options.search_width,
            options.search_layers,
            thirds(options.search_layers),
            options.stem_multiplier,
            self.batch_axis,
        )

    def alpha_shapes(self) -> Mapping[str, tuple[int, ...]]:
        shape = (len(self.space.edges), len(self.space.operations))
        return dict.fromkeys(CELL_TYPES, shape)

    def init_network(
        self, key: jax.Array, images: jax.Array, weights: Weights
    ) -> tuple[Params, dict[str, Any]]:
        variables = self.supernet.init(key, images, weights)
        return variables["params"], {"batch_stats": variables["batch_stats"]}

    def run_network(
        self,
        network: Params,
        model_state: Mapping[str, Any],
        images: jax.Array,
        weights: Weights,
        examples: Examples,
        key: jax.Array | None,
    ) -> tuple[jax.Array, dict[str, Any]]:
        del key  # nothing in a searched cell is drawn
        variables = {"params": network, "batch_stats": model_state["batch_stats"]}
        if examples is None:
            return self.supernet.apply(variables, images, weights), {}
        return self.supernet.apply(variables, images, weights, examples, mutable=["batch_stats"])

    def cells_of(self, alphas: Any) -> dict[str, Any]:
        """{"normal": edges, "reduce": edges} that these alphas stand for."""
        cells = {}
        for name in CELL_TYPES:
            weights = np.asarray(jax.nn.softmax(jnp.asarray(alphas[name])))
            cells[name] = RULES[self.rule](weights, self.space)
        return cells

    def skips_of(self, alphas: Mapping[str, Any]) -> int:
        return read_cell(self.cells_of(alphas)["normal"]).skips

    def write(
        self,
        alphas: Mapping[str, Any],
        memory: Mapping[str, Any],
        stopped: int | None,
        workdir: Path,
    ) -> None:
        noted = [self.cells_of(then) for then in noted_alphas(memory)]
        cells = self.cells_of(alphas)
        architecture = override(self.model.architecture, fields_of_cells(cells))
        name = models.without_tag(self.config.model.name)
        export(name, architecture, cells, noted, memory, stopped, workdir)
