"""The metrics of updates, each read after the next update was sent, so that no device waits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from effjax.contract import Source
from effjax.devices.runner import Runner
from effjax.errors import NonFinite
from effjax.runs.bad_batch import write_bad_batch
from effjax.training.layer_norms import METRIC


class Updates:
    """Remembers the update that is under way, and judges it when its metrics are read.

    Args:
      runner: fetches metrics.
      source: knows the examples of a bad batch.
      workdir: where a bad batch is named.
      limit: how many updates in a row may be left out because they are not finite; 0: none.
      warn: takes a line for the user.

    Attributes:
      skipped: how many updates were left out.
      norms: of the layers, [2, L], of the update that was read last; None: they are not made.
    """

    def __init__(
        self,
        runner: Runner,
        source: Source,
        workdir: Path,
        limit: int,
        warn: Callable[[str], None],
    ):
        self._runner = runner
        self._source = source
        self._workdir = workdir
        self._limit = limit
        self._warn = warn
        self._pending: tuple[int, Any] | None = None
        self.skipped = 0
        self.norms: np.ndarray | None = None

    @property
    def may_skip(self) -> bool:
        """Whether updates that are not finite may be left out."""
        return self._limit > 0

    def send(self, step: int, metrics: Any) -> None:
        """Takes the metrics of update `step`, which need not be there yet."""
        self._pending = step, metrics

    def settle(self) -> tuple[int, dict[str, float]] | None:
        """(step, metrics) of the update that is under way; waits for it. None: there is none.

        Raises:
          NonFinite: the update was not finite, and too many were.
        """
        if self._pending is None:
            return None
        step, metrics = self._pending
        self._pending = None
        # waits for the device
        fetched = dict(self._runner.fetch(metrics))
        self.norms = fetched.pop(METRIC, None)
        values = {name: float(value) for name, value in fetched.items()}
        # for the loop alone, no metric of the run
        bad = int(values.pop("bad"))
        if bad:
            self._judge(step, bad, values)
        return step, values

    def _judge(self, step: int, bad: int, values: dict[str, float]) -> None:
        if bad < self._limit:
            self.skipped += 1
            self._warn(f"update {step} is not finite and was left out")
            return
        # named rather than saved: the source can make the batch again
        saved_as = write_bad_batch(self._workdir, step, self._source, values)
        raise NonFinite(
            f"update {step} is not finite (gradient norm {_norms(values)}); stopped; its "
            f"batch is named in {saved_as}\n"
            "try a lower learning rate, optim.<group>.clip_norm, or --config.nonfinite=skip"
        )


def _norms(values: dict[str, float]) -> str:
    norms = []
    for name, value in values.items():
        if name.startswith("optim/grad_norm"):
            norms.append(f"{value:g}")
    return ", ".join(norms)
