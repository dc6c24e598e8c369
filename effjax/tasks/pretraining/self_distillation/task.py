"""The task `self_distillation`: a student learns what its own moving average says of other crops.

DINO: Emerging Properties in Self-Supervised Vision Transformers, Caron et al. 2021,
https://arxiv.org/abs/2104.14294. Mugs: A Multi-Granular Self-Supervised Learning Framework, Zhou
et al. 2022, https://arxiv.org/abs/2203.14415. iBOT: https://arxiv.org/abs/2111.07832.

Shapes: B batch, T crops of the teacher, V of the student, h w the size of a crop, K outputs, D
features of a pair, N patches.
"""

import functools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from effjax.config import UNITS, Clock
from effjax.contract import Apply, Batch, Metrics, Params, TrainState, Variables
from effjax.contract.gradient import whole_gradient
from effjax.contract.sharpness_aware import mean_over_devices
from effjax.data.several import PREFIX
from effjax.errors import UserError
from effjax.models import ImageModel
from effjax.models.families.vit import ViT
from effjax.tasks.pretraining.self_distillation import losses
from effjax.tasks.pretraining.self_distillation.clipping import (
    clip_each,
    prototypes_kept,
    without_prototypes,
)
from effjax.tasks.pretraining.self_distillation.crops import for_any_square
from effjax.tasks.pretraining.self_distillation.measures import averaged, signs_of_collapse
from effjax.tasks.pretraining.self_distillation.networks import Networks, Outputs
from effjax.tasks.pretraining.self_distillation.options import DistillationConfig
from effjax.tasks.pretraining.self_distillation.schedules import cosine, risen
from effjax.tasks.pretraining.self_distillation.state import PAIRS, fresh, remember
from effjax.tasks.pretraining.task import TEACHER, Pretraining
from effjax.tasks.pretraining.teacher import follow, gather_examples
from effjax.tasks.registry import register_task

LARGE = ("global1", "global2")  # what the teacher sees
OWN_LARGE = ("student1", "student2")  # what the student sees in their place, if they are given
SMALL = "local"  # what the student alone sees


@register_task("self_distillation", "crops of an image agree with a moving average: DINO, Mugs")
class SelfDistillation(Pretraining):
    """Learns `config.model` by a teacher that is the average of the student.

    The teacher sees the views `global1` and `global2`, the student these and `local`, or `student1`
    and `student2` in their place. The teacher moves after each update.
    """

    Config = DistillationConfig
    handed_on: ClassVar[str] = TEACHER
    needs_views: ClassVar[tuple[str, ...]] = LARGE
    may_have_views: ClassVar[tuple[str, ...]] = (SMALL, *OWN_LARGE)

    # ------------------------------------------------------------------------ what is learned

    @functools.cached_property
    def student_views(self) -> tuple[str, ...]:
        """The views that the student sees, the large ones first."""
        given = self.config.data.views
        own = [name for name in OWN_LARGE if name in given]
        if len(own) == 1:
            raise UserError(
                f"config.data.views.{own[0]} alone: give both of {', '.join(OWN_LARGE)}, or none"
            )
        large = OWN_LARGE if own else LARGE
        for name in (*LARGE, *own):
            if given[name].count != 1:
                raise UserError(
                    f"config.data.views.{name}.count = {given[name].count}: a large view is one "
                    "crop; leave it out"
                )
        return (*large, SMALL) if SMALL in given else large

    @functools.cached_property
    def model(self) -> ImageModel:
        """The encoder.

        Raises:
          UserError: no ViT where the tokens of one are needed.
        """
        model = Pretraining.model.func(self)
        wants = {
            "config.task.terms with local_group": "local_group" in self.options.terms,
            "config.task.patch_weight": self.options.patch_weight > 0,
        }
        for what, is_wanted in wants.items():
            if is_wanted and not isinstance(model, ViT):
                raise UserError(
                    f"{what} needs the tokens of a ViT, which {self.config.model.name} is not\n"
                    "give --config.model.name=vit_tiny_patch16_224, or leave it out"
                )
        return for_any_square(model)

    @functools.cached_property
    def networks_of_crops(self) -> Networks:
        """Student and teacher, as functions of crops."""
        return Networks(
            self.model,
            self.options,
            self.pixels,
            teacher_views=LARGE,
            student_views=self.student_views,
            size=self._largest(),
        )

    def _largest(self) -> tuple[int, int, int]:
        """[h, w, 3] of a large crop."""
        return tuple(self.split.spec[PREFIX + LARGE[0]].shape[-3:])

    def init(self, rng: Array, batch: Batch) -> tuple[Params, Any]:
        network_key, state_key = jax.random.split(rng)
        params, collections = self.networks_of_crops.init(network_key)
        channels = self.networks_of_crops.channels(params["encoder"], collections)
        state = {"encoder": collections, **fresh(state_key, self.options, channels)}
        # arrays of its own: the compiled step is given the memory of all
        state["teacher"] = jax.tree.map(jnp.copy, {"params": params, "encoder": collections})
        return params, state

    # -------------------------------------------------------------------------- schedules

    @functools.cached_property
    def _clock(self) -> Clock:
        config = self.config
        clock = Clock(config.data.batch_size, self.split.num_examples)
        total = clock.steps(config, "total")
        return Clock(config.data.batch_size, self.split.num_examples, total)

    def _steps(self, name: str, default: int) -> int:
        """The updates of a duration of `config.task`."""
        section = self.config.task
        keys = [f"{name}_{unit}" for unit in UNITS]
        given = {key: section[key] if key in set(section) else None for key in keys}
        return self._clock.steps(given, name, default)

    def teacher_temperature(self, step: Array) -> Array:
        """It rises in a line, then stays."""
        o = self.options
        warmup = self._steps("temperature_warmup", 0)
        return risen(o.teacher_temperature_start, o.teacher_temperature, step, warmup)

    def momentum(self, step: Array) -> Array:
        """How much of the teacher stays at an update."""
        o = self.options
        return cosine(o.momentum, o.momentum_end, step, self._clock.total_steps)

    # --------------------------------------------------------------------------------- step

    def update(
        self, state: TrainState, batch: Batch, rng: Array, apply: Apply, variant: Any = ()
    ) -> tuple[TrainState, Metrics]:
        """One gradient, each tensor clipped by itself; then the teacher follows the new weights."""
        found = whole_gradient(self.loss, state, batch, rng)
        # clipping is of the gradient of the whole batch
        grads = mean_over_devices(found.grads, self.batch_axis, self.weight(batch))
        if self.options.clip_each is not None:
            grads = clip_each(grads, self.options.clip_each)
        held = self._held(state.step)
        grads = without_prototypes(grads, held)
        state = state.replace(model_state=found.model_state)
        before = state.params
        state = apply(state, grads, value=found.value)
        params = prototypes_kept(before, state.params, held)
        teacher = dict(state.model_state["teacher"])
        teacher["params"] = follow(teacher["params"], params, self.momentum(state.step))
        model_state = {**state.model_state, "teacher": teacher}
        return state.replace(params=params, model_state=model_state), found.metrics

    def _held(self, step: Array) -> Array:
        """Whether the prototypes stay as they are."""
        one_epoch = max(1, self.split.num_examples // self.config.data.batch_size)
        return step < self._steps("held", one_epoch)

    def loss(
        self, params: Params, model_state: Any, batch: Batch, rng: Array, step: Array
    ) -> tuple[Array, tuple[Any, Metrics]]:
        mask = batch["mask"]
        examples = jnp.where(mask > 0, batch["index"], -1 - batch["index"])
        new_state = dict(model_state)
        networks = self.networks_of_crops
        teacher = networks.teacher(model_state, batch, examples)
        student = networks.student(params, model_state, batch, examples, rng)
        new_state["encoder"] = student.pop("collections")
        moved = {**model_state["teacher"], "encoder": teacher.pop("collections")}
        new_state["teacher"] = moved
        of_terms: dict[str, Array] = {}  # [B] each
        entropies: Outputs = {}
        if "group" in self.options.terms:
            shares = self._teacher_shares(teacher["group"], model_state["centre"], mask, step)
            said = student["group"] / self.options.temperature
            of_terms["group"] = self._reduced(losses.cross_entropies(said, shares))
            entropies = signs_of_collapse(shares, mask, self.batch_axis)
            new_state["centre"] = losses.moved_centre(
                model_state["centre"],
                teacher["group"],
                mask,
                self.options.centre_momentum,
                self.batch_axis,
            )
        for term in PAIRS:
            if term not in self.options.terms:
                continue
            name = f"{term}_queue"
            queue = model_state[name]["entries"]  # as it was before this batch
            temperature = self.options.pair_temperature
            pairs = losses.info_nce(student[term], teacher[term], queue, temperature)
            of_terms[term] = self._reduced(pairs)
            new_state[name] = self._remember(model_state[name], teacher[term], mask)
        if "local_group" in self.options.terms:
            for side, outputs in (("student", student), ("teacher", teacher)):
                name = f"{side}_memory"
                first = outputs["mean_patch"][:1]  # of one large crop
                new_state[name] = self._remember(model_state[name], first, mask)
        total = sum(of_terms.values()) / len(of_terms)
        of_terms |= self._on_request(student, teacher, mask, step)
        if "patch" in of_terms:
            total += self.options.patch_weight * of_terms["patch"]
        if "koleo" in of_terms:
            total += self.options.koleo_weight * of_terms["koleo"]
        return averaged(total, of_terms | entropies, mask, new_state)

    def _remember(self, held: Any, crops: Array, mask: Array) -> Any:
        return remember(held, crops, mask, self.batch_axis)

    def _reduced(self, pairs: Array) -> Array:
        """[B] of [T, V, B]."""
        if self.options.pairs == "halves":
            return losses.mean_of_halves(pairs, len(LARGE))
        return losses.mean_of_pairs(pairs)

    def _teacher_shares(self, logits: Array, centre: Array, mask: Array, step: Array) -> Array:
        """[T, B, K]: what the teacher says of its crops."""
        temperature = self.teacher_temperature(step)
        if self.options.centring == "centre":
            return losses.sharpened(logits, centre, temperature)
        rows = logits.reshape(-1, logits.shape[-1])
        valid = jnp.tile(mask, len(logits))
        return losses.sinkhorn(rows, temperature, valid, self.batch_axis).reshape(logits.shape)

    # ----------------------------------------------------------------------------- on request

    def _on_request(self, student: Outputs, teacher: Outputs, mask: Array, step: Array) -> Outputs:
        """[B] each: iBOT's patches and DINOv2's distances."""
        found: Outputs = {}
        if self.options.patch_weight:
            temperature = self.teacher_temperature(step)
            # without a centre of their own: patches differ more than images do
            shares = losses.sharpened(teacher["patches"], 0.0, temperature)
            per_crop = jax.vmap(losses.patch_loss, in_axes=(0, 0, 0, None))
            of_crops = per_crop(
                student["patches"], shares, student["hidden"], self.options.temperature
            )
            found["patch"] = of_crops.mean(0)
        if self.options.koleo_weight:
            found["koleo"] = self._koleo(student["token"][: len(LARGE)], mask)
        return found

    def _koleo(self, crops: Array, mask: Array) -> Array:
        """[B]: the mean over large crops [2, B, C], each among the same crop of other images."""
        everyone = gather_examples(mask, self.batch_axis)
        place = jnp.arange(len(mask))
        if self.batch_axis is not None:
            place += jax.lax.axis_index(self.batch_axis) * len(mask)
        is_own = place[:, None] == jnp.arange(len(everyone))[None]
        excluded = is_own | (everyone[None] == 0)
        of_crops = []
        for rows in crops:
            wide = rows.astype(jnp.float32)
            others = gather_examples(wide, self.batch_axis)
            of_crops.append(losses.koleo(wide, others, excluded))
        return sum(of_crops) / len(of_crops)

    # ---------------------------------------------------------------------------- evaluation

    def predict(self, params: Params, model_state: Any, batch: Batch) -> Array:
        """The teacher's features [B, C]."""
        variables = self.hand_over(params, model_state, None)
        return self.model.apply(variables, self.pixels(batch["image"]), train=False)

    def measures(self, variables: Variables) -> dict[str, float]:
        """The entropy of the centre's softmax, in nats: log K where no output is preferred."""
        if "centre" not in variables:
            return {}
        centre = variables["centre"] / self.options.temperature
        return {"centre_entropy": float(losses.entropy(jax.nn.softmax(centre)))}
