"""Refuses to continue trials with other data than they began with.

`train` checks the run that it continues. A sweep skips the runs that have finished: without this a
new seed would be trained on the data of today and compared with seeds of yesterday's.
"""

import json
from collections.abc import Sequence
from typing import Any

from effjax.config import View
from effjax.runs.continuing import check_same_data
from effjax.runs.data_record import describe_data
from effjax.runs.folder import CONFIG
from effjax.tasks.registry import find_task
from effjax.trials.trial import RunTrial


def describe_training_data(config: View) -> dict[str, Any]:
    """What the training data of a config are: their number, classes, content and order.

    Raises:
      UserError: data that is not there, or a task that cannot be made.
    """
    # the task's own source, as a run records it: latents and drawn points are no images
    task = find_task(config.task.name)(config)
    return describe_data(task.source())


def check_trials_data(trials: Sequence[RunTrial]) -> None:
    """Compares each run that has begun with the data that its config names now.

    Raises:
      UserError: naming the run, and what has changed.
    """
    described: dict[str, dict[str, Any]] = {}
    for trial in trials:
        if not (trial.workdir / CONFIG).exists():
            continue
        config = View(trial.config)
        # data is opened once, however many variants share it
        section = json.dumps([config.data.to_dict(), config.task.to_dict(), config.seed])
        if section not in described:
            described[section] = describe_training_data(config)
        check_same_data(trial.workdir, described[section])
