"""The keys of `config.task` for momentum contrast, and what of them does not go together."""

import dataclasses
from typing import Annotated

from effjax.contract import Task
from effjax.errors import UserError
from effjax.ranges import Count, NotNegative, NotNegativeInt, Positive, Range, Share

AtLeastTwo = Annotated[int, Range(2, 2**31 - 1)]


@dataclasses.dataclass(frozen=True)
class ContrastConfig(Task.Config):
    """Keys of `config.task`. The defaults are MoCo v2's, with a queue for small sets."""

    # keys of batches before, that others are compared with; 0: none, the other examples of the
    # batch serve (MoCo v3). Well under an epoch, or an image meets its own earlier keys
    queue: NotNegativeInt = 4096
    temperature: Positive = 0.2
    # what the teacher keeps of itself in a step; 0.99 for small sets
    momentum: Share = 0.999
    momentum_end: Share | None = None  # where half a cosine leads it; None: constant
    dim: Count = 128  # of the features that are compared
    head_layers: Count = 2  # linear layers of the projector; MoCo v1 has 1
    head_width: Count | None = None  # between them; None: as wide as the encoder's features
    head_norm: bool = False  # batch norm in projector and predictor (MoCo v3)
    predictor_layers: NotNegativeInt = 0  # of the student alone, on the projector; MoCo v3 has 2
    # batch norm takes the statistics of so many equal parts of a batch, and keys are shuffled over
    # them; networks without batch norm need none
    norm_groups: Count = 8
    frozen: str | None = None  # regex over the paths of parameters that are not learned
    stop_gradient: bool = True  # off: keys learn too, which only an ablation wants
    # PCL: numbers of prototypes, each its own clustering of the training set; (): no prototypes
    clusters: tuple[AtLeastTwo, ...] = ()
    cluster_warmup_epochs: NotNegative = 20.0  # without prototypes
    # prototypes drawn as negatives beside those of the batch, as published; None: all prototypes
    cluster_negatives: Count | None = None
    cluster_iterations: Count = 20
    cluster_restarts: Count = 5


def check_options(options: ContrastConfig, batch_size: int) -> None:
    """Refuses what cannot be.

    Raises:
      UserError: a queue that batches do not fill, keys that do nothing, or too many negatives.
    """
    if options.queue and options.queue % batch_size:
        raise UserError(
            f"config.task.queue = {options.queue} is no multiple of data.batch_size = {batch_size}"
            f"\nset it to {max(1, round(options.queue / batch_size)) * batch_size}"
        )
    if not options.queue and batch_size < 2:
        raise UserError("without a queue an example needs others: set data.batch_size above 1")
    if batch_size % options.norm_groups:
        raise UserError(
            f"config.task.norm_groups = {options.norm_groups} does not divide data.batch_size = "
            f"{batch_size}\nset one that does; without batch norm any will do, such as 1"
        )
    if options.predictor_layers and options.queue:
        raise UserError(
            "config.task.predictor_layers is of MoCo v3, which has no queue\n"
            "set config.task.queue=0, or leave it out"
        )
    if not options.clusters:
        _refuse_unused_clusters(options)
        return
    if not options.queue:
        raise UserError(
            "config.task.clusters (PCL) stands on MoCo with a queue; set config.task.queue=4096"
        )
    if options.cluster_negatives is None:
        return
    room = min(options.clusters) - batch_size
    if options.cluster_negatives > room:
        raise UserError(
            f"config.task.cluster_negatives = {options.cluster_negatives}: of "
            f"{min(options.clusters)} prototypes {batch_size} may be those of the batch\n"
            f"give at most {max(room, 0)}, or None for all"
        )


def _refuse_unused_clusters(options: ContrastConfig) -> None:
    for field in dataclasses.fields(ContrastConfig):
        is_set = getattr(options, field.name) != field.default
        if is_set and field.name.startswith("cluster_"):
            raise UserError(
                f"config.task.{field.name} does nothing without config.task.clusters\n"
                "leave it out, or set clusters=(100, 200)"
            )
