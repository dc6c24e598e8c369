"""Student and teacher as functions of crops: encoder, heads, what the memories get.

Shapes: B batch, V crops, C channels of the encoder, K outputs, D features of a pair, N patches.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from effjax.contract import Batch, Params
from effjax.models import ImageModel
from effjax.models.families.vit import PREFIX, Block, Shown
from effjax.tasks.pretraining.self_distillation.crops import (
    Encoder,
    Features,
    by_crop,
    by_example,
    concatenated,
    gather_crops,
    stopped,
    without_drops,
)
from effjax.tasks.pretraining.self_distillation.heads import PairHead, PrototypeHead
from effjax.tasks.pretraining.self_distillation.hidden import draw_hidden
from effjax.tasks.pretraining.self_distillation.options import DistillationConfig
from effjax.tasks.pretraining.self_distillation.relation import mean_patch, related
from effjax.tasks.pretraining.self_distillation.state import PAIRS

Outputs = dict[str, Any]  # arrays [V, B, ...], and "collections" of the encoder


@dataclasses.dataclass(frozen=True)
class Networks:
    """Both networks: they have the same form.

    Attributes:
      pixels: uint8 images -> what the encoder takes.
      teacher_views, student_views: what each sees, the large crops first.
      size: [h, w, 3] of a large crop.
    """

    model: ImageModel
    options: DistillationConfig
    pixels: Callable[[Array], Array]
    teacher_views: Sequence[str]
    student_views: Sequence[str]
    size: tuple[int, int, int]

    def init(self, rng: Array) -> tuple[Params, Any]:
        """({"encoder", "head"}, the encoder's collections), both fresh."""
        encoder_key, head_key = jax.random.split(rng)
        variables = dict(self.model.init(encoder_key, self._image()))
        encoder = variables.pop("params")
        channels = self.channels(encoder, variables)
        features = jnp.zeros((1, channels), self.model.dtype)
        head: dict[str, Any] = {}
        for number, (term, layer) in enumerate(self._heads().items()):
            own_key = jax.random.fold_in(head_key, number)
            head[term] = layer.init(own_key, features)["params"]
        relation_key, token_key = jax.random.split(jax.random.fold_in(head_key, len(head)))
        if "local_group" in self.options.terms:
            tokens = jnp.zeros((1, 1 + self.options.neighbours, channels), self.model.dtype)
            block = Block(self.model.architecture, 0.0)
            head["relation"] = block.init(relation_key, tokens, None)["params"]
        if self.options.patch_weight:
            head["mask_token"] = 0.02 * jax.random.normal(token_key, (channels,))
        head = jax.tree.map(lambda leaf: leaf.astype(self.model.param_dtype), head)
        return {"encoder": encoder, "head": head}, variables

    def channels(self, encoder: Params, collections: Any) -> int:
        """C."""
        variables = {"params": encoder, **collections}
        return jax.eval_shape(self.model.apply, variables, self._image()).shape[-1]

    def _image(self) -> Array:
        return self.pixels(jnp.zeros((1, *self.size), jnp.uint8))

    def _heads(self) -> dict[str, Any]:
        """{term: its head}."""
        o = self.options
        found: dict[str, Any] = {}
        for term in o.terms:
            if term == "group":
                found[term] = PrototypeHead(o.hidden, o.bottleneck, o.outputs)
            else:
                found[term] = PairHead(o.hidden, o.pair_outputs, o.predictor_hidden)
        return found

    # ------------------------------------------------------------------------------- forward

    def teacher(self, model_state: Any, batch: Batch, examples: Array) -> Outputs:
        """What the teacher says of its crops."""
        held = stopped(model_state["teacher"])
        params = held["params"]
        model = without_drops(self.model)
        encoder = Encoder(model, params["encoder"], held["encoder"], examples)
        (crops,) = gather_crops(batch, self.teacher_views)
        found = [encoder(self.pixels(crops), 0)]
        memory = model_state.get("teacher_memory")
        outputs = self._outputs(params, found, len(examples), memory, is_target=True)
        return stopped({**outputs, "collections": encoder.collections})

    def student(
        self, params: Params, model_state: Any, batch: Batch, examples: Array, rng: Array
    ) -> Outputs:
        """What the student says of its crops; "hidden" [2, B, N] if patches are."""
        mask_key, dropout_key = jax.random.split(rng)
        encoder = Encoder(
            self.model, params["encoder"], model_state["encoder"], examples, dropout_key
        )
        hidden = None
        shown = None
        if self.options.patch_weight:
            hidden = self._draw_hidden(mask_key, batch["index"])
            shown = Shown(hidden=by_example(hidden) > 0, stand_in=params["head"]["mask_token"])
        found = []
        number = 0
        for crops in gather_crops(batch, self.student_views):
            # of the large crops alone, which come first
            found.append(encoder(self.pixels(crops), number, shown))
            number += crops.shape[1]
            shown = None
        memory = model_state.get("student_memory")
        outputs = self._outputs(params, found, len(examples), memory, is_target=False)
        if hidden is not None:
            outputs["hidden"] = hidden
        return {**outputs, "collections": encoder.collections}

    def _draw_hidden(self, key: Array, index: Array) -> Array:
        side = self.model.architecture.patch_size
        height, width, _ = self.size
        patches = (height // side) * (width // side)
        large = len(self.teacher_views)
        return draw_hidden(key, index, large, patches, self.options.patch_ratio)

    def _outputs(
        self, params: Params, found: list[Features], batch: int, memory: Any, is_target: bool
    ) -> Outputs:
        """Through the heads.

        Args:
          found: features of the crops, those of one size together, the large ones first.
          memory: in which an image finds its neighbours, or None.
          is_target: whether this is the teacher, which predicts nothing.
        """
        heads = self._heads()
        token = concatenated(found, "prelogits", batch)
        outputs: Outputs = {"token": token}
        for term, layer in heads.items():
            x = token
            if term == "local_group":
                for one in found:
                    one["related"] = self._related(params, one, memory["entries"])
                x = concatenated(found, "related", batch)
                outputs["mean_patch"] = by_crop(mean_patch(found[0]), batch)
            method = "target" if is_target and term in PAIRS else "__call__"
            outputs[term] = layer.apply({"params": params["head"][term]}, x, method=method)
        if self.options.patch_weight:
            tokens = by_crop(found[0]["tokens"][:, PREFIX:], batch)  # [2, B, N, C]
            own = {"params": params["head"]["group"]}
            outputs["patches"] = heads["group"].apply(own, tokens)
        return outputs

    def _related(self, params: Params, features: Features, memory: Array) -> Array:
        return related(
            self.model.architecture,
            params["head"]["relation"],
            params["encoder"]["norm"],
            features,
            memory,
            self.options.neighbours,
        )
