"""What tasks that learn an encoder without labels share.

Shapes: B batch, V crops of a kind, H W space, C channels.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jax

from effjax import models
from effjax.config import View
from effjax.contract import (
    Batch,
    Evaluator,
    Params,
    Source,
    Task,
    Variables,
    join_variables,
    split_variables,
)
from effjax.data import Split, normalise, open_training
from effjax.errors import UserError
from effjax.tasks.few_shot.evaluator import NAME as EPISODES
from effjax.tasks.few_shot.evaluator import EpisodeEvaluator
from effjax.tasks.model_kind import check_kind
from effjax.tasks.network import create_model
from effjax.tasks.pretraining.evaluators import FeatureEvaluator
from effjax.tasks.starting import load_start

STUDENT = "student"
TEACHER = "teacher"


class Pretraining(Task):
    """Learns `config.model`, without its classifier, on images whose labels it does not see.

    The parameters are {"encoder": those of `model`, ...}. The model state is {"encoder": the
    student's collections, "teacher": {"params": as the student's, "encoder": its collections},
    ...}.

    Attributes:
      networks: the encoders that a run has, by name.
      handed_on: the one that is evaluated, exported and fine-tuned unless another is named.
      needs_views: the entries of `config.data.views` that the task takes; () for single images.
      may_have_views: those that it takes where they are given.
      parts_allowed: whether a batch may be taken in parts: not where a queue would see them.
      trains_model: what the run hands over is `model`, ready for use.
    """

    networks: ClassVar[tuple[str, ...]] = (STUDENT, TEACHER)
    handed_on: ClassVar[str] = STUDENT
    needs_views: ClassVar[tuple[str, ...]] = ()
    may_have_views: ClassVar[tuple[str, ...]] = ()
    parts_allowed: ClassVar[bool] = False
    trains_model = True

    def __init__(self, config: View, batch_axis: str | None = None):
        super().__init__(config, batch_axis)
        if config.accumulate > 1 and not self.parts_allowed:
            raise UserError(
                f"config.accumulate = {config.accumulate}: in parts, task {self.name!r} would "
                "compare each example with fewer others\n"
                "set accumulate=1, and a smaller data.batch_size"
            )
        has_teacher = TEACHER in self.networks
        if has_teacher and config.ema.decay is not None:
            raise UserError(
                f"config.ema.decay = {config.ema.decay}: the teacher of task {self.name!r} is an "
                "average already\nleave it out"
            )
        if has_teacher and config.sam.rho is not None:
            raise UserError(
                f"config.sam.rho = {config.sam.rho}: the teacher of task {self.name!r} would "
                "follow what SAM climbs\nleave it out"
            )
        self._check_views()

    def _check_views(self) -> None:
        given = set(self.config.data.views)
        for name in self.needs_views:
            if name not in given:
                raise UserError(
                    f"task {self.name!r} needs config.data.views.{name}\n"
                    f'set effjax.add_view(config, "{name}", recipe="moco_v2")'
                )
        known = (*self.needs_views, *self.may_have_views)
        strange = sorted(given.difference(known))
        if strange:
            wanted = ", ".join(known) or "single images"
            raise UserError(
                f"config.data.views.{strange[0]}: task {self.name!r} takes {wanted}\nleave it out"
            )

    # ------------------------------------------------------------------------- data and model

    @functools.cached_property
    def split(self) -> Split:
        """The training images."""
        return open_training(self.config, views=True)

    def source(self) -> Source:
        return self.split

    @functools.cached_property
    def model(self) -> models.ImageModel:
        """The encoder: the network that `config.model` describes, without a classifier.

        Raises:
          UserError: a number of classes, or anything that the model refuses.
        """
        section = self.config.model
        check_kind(section.name, "classifier", self.name)
        if section.num_classes:
            raise UserError(
                f"config.model.num_classes = {section.num_classes}: task {self.name!r} learns no "
                "classes\nleave it out"
            )
        fields = section.extras("name", "num_classes", "dtype", "param_dtype", "arch")
        height, width, _ = self.split.image_shape
        if "image_size" in models.default_fields(section.name):
            fields.setdefault("image_size", height if height == width else (height, width))
        return create_model(section, 0, self.batch_axis, **fields)

    def pixels(self, images: jax.Array) -> jax.Array:
        """uint8 [..., H, W, 3] -> normalised float, as the encoder takes them."""
        data = self.config.data
        return normalise(images, data.mean, data.std, self.config.model.dtype)

    def depths(self, params: Params) -> tuple[Any, int]:
        # heads and predictors count as what comes last
        last = self.model.layer_count
        found = {}
        for name, tree in params.items():
            found[name] = jax.tree.map(lambda _: last, tree)
        found["encoder"] = self.model.layer_depths(params["encoder"])
        return found, last

    # --------------------------------------------------------------------------- handing over

    def network_variables(self, params: Params, model_state: Any, network: str) -> Variables:
        """The variables of `model` for one of `networks`."""
        if network == STUDENT:
            return join_variables(params["encoder"], model_state.get("encoder", {}))
        teacher = model_state["teacher"]
        return join_variables(teacher["params"]["encoder"], teacher.get("encoder", {}))

    def hand_over(self, params: Params, model_state: Any, network: str | None) -> Variables:
        """The variables of `model`, of a network that may be named.

        Raises:
          UserError: the run has no such network.
        """
        network = network or self.handed_on
        if network not in self.networks:
            raise UserError(
                f"task {self.name!r} has no network {network!r}; it has {', '.join(self.networks)}"
            )
        return self.network_variables(params, model_state, network)

    def network_alone(
        self, params: Params, model_state: Any, network: str | None = None
    ) -> tuple[Params, Any]:
        """The encoder, without heads, teacher and queue."""
        return split_variables(self.hand_over(params, model_state, network))

    def load(
        self, params: Params, model_state: Any, source: str
    ) -> tuple[Params, Any, Mapping[str, Any]]:
        """The encoder from a run's folder, a file or a published name; the teacher begins there."""
        variables = self.network_variables(params, model_state, STUDENT)
        variables, report = load_start(self.model, variables, source, (), self.config)
        encoder, collections = split_variables(variables)
        params = {**params, "encoder": encoder}
        model_state = {**model_state, "encoder": collections}
        if TEACHER in self.networks:
            teacher = dict(model_state["teacher"])
            teacher["params"] = {**teacher["params"], "encoder": encoder}
            teacher["encoder"] = collections
            model_state["teacher"] = teacher
        return params, model_state, report

    # ----------------------------------------------------------------------------- evaluation

    def measures(self, variables: Variables) -> dict[str, float]:
        """Numbers of the task's own, {name: value}, beside what features are worth."""
        return {}

    def evaluators(self, config: View, leave_out: Sequence[str] = ()) -> dict[str, Evaluator]:
        """{name: evaluator}; a task that has evaluators of its own leaves their sections out."""
        found: dict[str, Evaluator] = {}
        for name in config.evals:
            if name in leave_out:
                continue
            is_episodes = config.evals[name].evaluator == EPISODES
            kind = EpisodeEvaluator if is_episodes else FeatureEvaluator
            found[name] = kind(self, config, name)
        return found

    def record(self) -> dict[str, Any]:
        return {"labels": list(self.split.class_names), "examples": self.split.num_examples}

    def facts(self, params: Params, batch: Batch) -> dict[str, Any]:
        return {"macs": models.cost(self.model, self.split.image_shape).macs}
