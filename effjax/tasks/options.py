"""What `config.task` may say of a classification: every key, its default, its meaning."""

import dataclasses
from typing import Literal

from effjax.contract import Task
from effjax.data.config import Side
from effjax.ranges import Count, NotNegative, NotNegativeInt, Positive


@dataclasses.dataclass(frozen=True)
class ClassificationConfig(Task.Config):
    """Keys of `config.task`."""

    loss: str = "cross_entropy"  # a registered loss, or "package.module:function"
    focal_gamma: NotNegative | None = None  # loss "focal": its exponent; None: 2
    # "balanced", or (class name, weight) of some classes: factors of the training loss
    class_weights: Literal["balanced"] | tuple[tuple[str, Positive], ...] | None = None
    # regex over the paths of parameters that are not learned; their layers run as in
    # evaluation. "backbone": all but the classifier, and the whole network runs as in
    # evaluation, a linear probe
    frozen: str | None = None
    # (regex or "backbone", when these parameters begin to learn), the first match counts; until
    # then they are frozen. What none matches learns from the start
    unfreeze_steps: tuple[tuple[str, NotNegativeInt], ...] | None = None
    unfreeze_epochs: tuple[tuple[str, NotNegative], ...] | None = None
    # factor of the loss of an auxiliary classifier, which a network of cells may have
    auxiliary_weight: NotNegative = 0.4
    # sizes at which the network is trained, at most data.image_size; (): that size alone
    image_sizes: tuple[Side | tuple[Side, Side], ...] = ()
    # "rise": each for an equal share of the run, in this order; "draw": one an update
    size_order: Literal["rise", "draw"] = "rise"
    patch_sizes: tuple[Count, ...] = ()  # of a ViT: one is drawn for each update
