"""The way that the cells of a search take: noted down at every epoch, ended early, handed out.

Shapes: E edges of a cell, O operations.
"""

import functools
import itertools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax import models
from effjax.config import Clock
from effjax.contract import Params, Source, TrainState
from effjax.curvature import lanczos, products
from effjax.models.architecture import override
from effjax.search.cells import trajectory
from effjax.search.cells.export import export
from effjax.search.cells.genotype import RULES, fields_of_cells, read_cell
from effjax.search.cells.halves import parts_of
from effjax.search.cells.supernet import CELL_TYPES

LANCZOS_STEPS = 12


class Way:
    """The part of `CellSearch` that looks at the alphas between updates, and at their end.

    Attributes:
      rule: from operation weights to a cell, of `genotype.RULES`.
    """

    rule = "best_inputs"

    def between_every(self, clock: Clock) -> int | None:
        return self._every

    def between(
        self,
        state: TrainState,
        step: int,
        source: Source,
    ) -> Any:
        """Notes the alphas down and, if asked to, the largest eigenvalue in them."""
        alphas = jax.device_get(state.params["alphas"])
        value = self._eigenvalue(state, source) if self.options.curvature_batches else np.nan
        memory = jax.device_get(state.model_state["search"])
        return {**state.model_state, "search": trajectory.written(memory, step, alphas, value)}

    def _eigenvalue(
        self,
        state: TrainState,
        source: Source,
    ) -> float:
        """The largest eigenvalue of the held-out loss in the alphas."""
        chunks = []
        batches = source.batches()
        for batch in itertools.islice(batches, self.options.curvature_batches):
            _, held_out = parts_of(batch)
            network = (state.params["network"], state.model_state["batch_stats"])
            chunks.append(((*network, held_out, state.step), float(held_out["mask"].sum())))
        batches.close()
        operator = products.hessian(self._loss_in_alphas, state.params["alphas"], chunks)
        start = jnp.ones(operator.size, operator.dtype)
        # all alphas of an edge moved together change no softmax: the start must not be even
        start += jnp.linspace(-1.0, 1.0, operator.size, dtype=operator.dtype)
        found = lanczos.lanczos(operator, start, LANCZOS_STEPS)
        return float(lanczos.eigenvalues(found, 1).values[0])

    @functools.cached_property
    def _loss_in_alphas(self) -> Any:
        """(alphas, (network, statistics, batch, step)) -> the loss, with fixed draws."""

        def loss(alphas: Params, chunk: Any) -> jax.Array:
            network, statistics, batch, step = chunk
            key = jax.random.key(0)
            weights = self.operation_weights(alphas, key, step)
            return self.seen(network, {"batch_stats": statistics}, batch, weights, key).loss

        return loss

    def cells_of(self, alphas: Any) -> dict[str, Any]:
        """{"normal": edges, "reduce": edges} that these alphas stand for."""
        cells = {}
        for name in CELL_TYPES:
            weights = np.asarray(jax.nn.softmax(jnp.asarray(alphas[name])))
            cells[name] = RULES[self.rule](weights, self.space)
        return cells

    def noted_cells(self, memory: Any) -> list[dict[str, Any]]:
        """The cells of every entry."""
        found = []
        for place in range(int(memory["count"])):
            found.append(
                self.cells_of({name: memory["alphas"][name][place] for name in CELL_TYPES})
            )
        return found

    def done(self, state: TrainState) -> bool:
        return self.stopped_at(jax.device_get(state.model_state["search"])) is not None

    def stopped_at(self, memory: Any) -> int | None:
        """The entry whose cells are the answer of an early stop; None: there is none."""
        options = self.options
        count = int(memory["count"])
        if options.stop == "eigenvalue":
            values = memory["eigenvalues"][:count]
            place = trajectory.risen(values, options.stop_window, options.stop_ratio)
            # the cells from before the rise
            return None if place is None else place - options.stop_window
        if options.stop == "skips":
            for place, cells in enumerate(self.noted_cells(memory)):
                if place > 0 and read_cell(cells["normal"]).skips >= options.stop_skips:
                    return place
        return None

    @property
    def _every(self) -> int:
        examples = self.parts.num_examples
        epoch = max(1, examples // self.config.data.batch_size)
        return max(1, self._steps("watch", epoch))

    def _entries(self) -> int:
        clock = Clock(self.config.data.batch_size, self.parts.num_examples)
        return 1 + clock.steps(self.config, "total") // self._every

    def _steps(
        self,
        name: str,
        default: int,
    ) -> int:
        return self.options.steps(name, self.config, self.parts.num_examples, default)

    # ---------------------------------------------------------------------------- what comes out

    def finish(
        self,
        state: TrainState,
        workdir: Path,
    ) -> None:
        memory = state.model_state["search"]
        stopped = self.stopped_at(memory)
        noted = self.noted_cells(memory)
        cells = self.cells_of(state.params["alphas"]) if stopped is None else noted[stopped]
        architecture = override(self.model.architecture, fields_of_cells(cells))
        name = models.without_tag(self.config.model.name)
        export(name, architecture, cells, noted, memory, stopped, workdir)
