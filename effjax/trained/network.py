"""A trained classifier with all that its use needs: weights, preprocessing and class names.

Shapes: N images, B batch, H W space, C channels, K classes.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.data import normalise
from effjax.data.config import IMAGENET_MEAN, IMAGENET_STD
from effjax.data.images.centre_crop import EvalTransform
from effjax.errors import UserError, nearest
from effjax.models import ImageModel
from effjax.trained.batches import Seen, over_images
from effjax.trained.images import as_images
from effjax.trained.meaning import ONE_CLASS, Meaning
from effjax.trained.predictions import NOT_FINITE, Predictions, html_table

Triple = tuple[float, float, float]
Function = Callable[[Any, jax.Array], jax.Array]  # (variables, uint8 [B, H, W, 3]) -> [B, ...]
BATCH = 32
NAMED = 5  # classes in the description of a network
WORDS = {"class": "classes", "labels": "labels", "numbers": "numbers"}


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """From an image of any size to what the network takes.

    Attributes:
      size: (height, width) of what enters the network, in pixels.
      crop: side of the centre crop, as a share of the resized image.
      interpolation: "bilinear" or "bicubic".
      mean, std: per channel, of pixels scaled to 0..1.
    """

    size: tuple[int, int]
    crop: float = 1.0
    interpolation: str = "bicubic"
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD

    def transform(self) -> EvalTransform:
        """uint8 [., ., 3] -> uint8 [H, W, 3]; `mean` and `std` are applied on the device."""
        return EvalTransform(self.size, self.crop, self.interpolation)


@dataclasses.dataclass(frozen=True, repr=False)
class Trained:
    """A trained classifier, see `effjax.load`.

    Images are given as a path (a file, a folder, a .zip or .tar), an array uint8 [H, W, 3] or
    [N, H, W, 3], a picture of Pillow, or a list of these.

    Attributes:
      name: what to call it in titles.
      base: the registered architecture that `model` is made from, fields changed or not.
      model: the network; its `num_classes` is K.
      variables: its parameters and state.
      preprocessing: what its images go through.
      labels: the names of the classes, labels or numbers, K of them.
      weights: which weights these are, in words.
      meaning: whether it gives one class, several labels or numbers.
    """

    name: str
    base: str  # the key of the registry, which an exported file needs
    model: ImageModel
    variables: Any
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    weights: str = ""
    meaning: Meaning = ONE_CLASS

    def predict(self, images: Any, batch_size: int = BATCH) -> Predictions:
        """Probabilities or numbers [N, K] of images; those that cannot be read are named.

        Args:
          images: see the class.
          batch_size: images at a time.

        Raises:
          UserError: no images, or pixels of another type or shape.
        """
        seen = list(self._over(self.answers, images, batch_size))
        unknown = np.full(len(self.labels), np.nan, np.float32)
        rows = [unknown if one.output is None else one.output for one in seen]
        errors = []
        for one, row in zip(seen, rows):
            finite = np.isfinite(row).all()
            errors.append(one.error or (None if finite else NOT_FINITE))
        names = tuple(one.name for one in seen)
        return Predictions(names, np.stack(rows), self.labels, tuple(errors), self.meaning.kind)

    def features(
        self, images: Any, layer: str = "prelogits", batch_size: int = BATCH
    ) -> np.ndarray:
        """What a layer gives for each image, float32 [N, ...].

        Args:
          images: see the class.
          layer: "stage1", ..., "pooled" or "prelogits", see `layers`.
          batch_size: images at a time.

        Raises:
          UserError: no such layer, no images, or one that cannot be read.
        """
        rows = []
        for one in self._over(self.layer(layer), images, batch_size):
            if one.output is None:
                raise UserError(f"{one.name} cannot be read: {one.error}\nleave it out")
            rows.append(one.output)
        return np.stack(rows)

    def preprocess(self, images: Any) -> jax.Array:
        """What `model` takes, float [N, H, W, 3]: resized, cropped and normalised.

        Raises:
          UserError: no images, or one that is none.
        """
        transform = self.preprocessing.transform()
        pixels = [transform(image.pixels()) for image in as_images(images)]
        return self.normalised(jnp.asarray(np.stack(pixels)))

    @functools.cached_property
    def layers(self) -> dict[str, tuple[int, ...]]:
        """{layer: shape of its output for one image}, what `features` can be asked for."""
        shape = (1, *self.preprocessing.size, 3)
        images = jax.ShapeDtypeStruct(shape, jnp.float32)
        apply = functools.partial(self.model.apply, method="features")
        found = jax.eval_shape(apply, self.variables, images)
        return {name: leaf.shape[1:] for name, leaf in found.items()}

    @property
    def gives(self) -> str:
        """What an image is given: "class", "labels", "numbers", "features" without a classifier."""
        return self.meaning.kind if self.model.num_classes else "features"

    @functools.cached_property
    def width(self) -> int:
        """How many outputs an image has: K, or without a classifier the features."""
        return self.model.num_classes or self.layers["prelogits"][-1]

    # ------------------------------------------------------------------- functions to compile

    def normalised(self, images: jax.Array) -> jax.Array:
        """uint8 [B, H, W, 3] -> what the model takes, float [B, H, W, 3]."""
        return normalise(images, self.preprocessing.mean, self.preprocessing.std)

    def logits(self, variables: Any, images: jax.Array) -> jax.Array:
        """Logits [B, K] of uint8 images [B, H, W, 3], numbers in their units, or features; pure."""
        outputs = self.model.apply(variables, self.normalised(images), train=False)
        return self.meaning.in_units(outputs)

    @functools.cached_property
    def answers(self) -> Function:
        """(variables, uint8 [B, H, W, 3]) -> probabilities, or numbers in their units, [B, K].

        Compiled once for each batch size.

        Raises:
          UserError: the network has no classifier.
        """
        if not self.model.num_classes:
            raise UserError(
                f"{self.name} has no classifier\n"
                "take its features: effjax predict --features=F.npz; or fine-tune it: effjax train"
            )

        def answers(variables: Any, images: jax.Array) -> jax.Array:
            return self.meaning.answers(self.logits(variables, images))

        return jax.jit(answers)

    @property
    def probabilities(self) -> Function:
        """`answers` of a network of classes or labels.

        Raises:
          UserError: it gives numbers.
        """
        if self.meaning.kind == "numbers":
            raise UserError(f"{self.name} gives numbers, not probabilities; ask for `answers`")
        return self.answers

    @functools.cached_property
    def _compiled_layers(self) -> dict[str, Function]:
        return {}

    def layer(self, name: str) -> Function:
        """(variables, uint8 [B, H, W, 3]) -> the output of a layer, float32; compiled.

        Raises:
          UserError: no such layer.
        """
        if name not in self.layers:
            raise UserError(f"{self.base} has no layer {name!r}; {nearest(name, self.layers)}")

        def features(variables: Any, images: jax.Array) -> jax.Array:
            pixels = self.normalised(images)
            found = self.model.apply(variables, pixels, method="features")
            # a network may compute in bfloat16, too coarse for distances
            return found[name].astype(jnp.float32)

        return self._compiled_layers.setdefault(name, jax.jit(features))

    def _over(self, function: Function, images: Any, batch_size: int) -> Iterator[Seen]:
        if batch_size < 1:
            raise UserError(f"batch_size={batch_size}: give 1 or more")
        transform = self.preprocessing.transform()
        return over_images(function, self.variables, transform, as_images(images), batch_size)

    # ---------------------------------------------------------------------------- for readers

    def facts(self) -> list[tuple[str, str]]:
        """(what, value) that describes the network in a few lines."""
        height, width = self.preprocessing.size
        count = sum(leaf.size for leaf in jax.tree.leaves(self.variables["params"]))
        names = ", ".join(self.labels[:NAMED])
        if len(self.labels) > NAMED:
            names += ", ..."
        rows = [
            ("network", f"{self.base}, {count:,} parameters"),
            ("images", f"{height} x {width} pixels"),
        ]
        if self.gives == "features":
            rows.append(("gives", f"{self.width:,} features, no classes"))
        elif self.labels:
            rows.append((WORDS[self.meaning.kind], f"{len(self.labels):,}: {names}"))
        if self.weights:
            rows.append(("weights", self.weights))
        return rows

    def __repr__(self) -> str:
        described = "; ".join(f"{what}: {value}" for what, value in self.facts())
        return f"<Trained {self.name}: {described}>"

    def _repr_html_(self) -> str:
        """The table of a notebook."""
        return html_table(self.facts(), (), self.name)
