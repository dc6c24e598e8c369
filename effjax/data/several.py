"""Several crops of each example: the training stream of tasks that learn without labels.

Shapes: b examples of a batch, V crops of a kind, h w the crop.
"""

import dataclasses
import re
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from effjax.data.config import AugmentConfig
from effjax.data.images.colours import blur, jitter, solarize, to_grey
from effjax.data.images.randaugment import RandAugment
from effjax.data.images.random_crop import BOX, random_box
from effjax.data.images.recipes import Recipe, find_recipe
from effjax.data.images.resize import image_size, resize
from effjax.data.order import Generators, rows_of_step
from effjax.data.stream import HostArrays
from effjax.data.views import Views
from effjax.errors import UserError

PREFIX = "view_"  # of the arrays of a batch
NAME = re.compile(r"[a-z][a-z0-9_]*")
BLURRED = 224  # the side for which blurs are stated
ERASED = ((0.02, 1 / 3), (0.3, 1 / 0.3))  # area and height / width of an erased box
OVERRIDES = [field.name for field in dataclasses.fields(Recipe)]


@dataclasses.dataclass(frozen=True)
class CropKind:
    """One kind of crop.

    Attributes:
      name: of the kind.
      count: V.
      size: (h, w).
      recipe: what is drawn.
      randaugment: what `recipe.randaugment` says.
    """

    name: str
    count: int
    size: tuple[int, int]
    recipe: Recipe
    randaugment: RandAugment | None

    def key(self, number: int) -> int:
        """Tells the draws of crop `number` from those of all others, whatever other kinds exist."""
        # above all numbers of positions that another stream could use: never 0
        return (1 << 32) + zlib.crc32(f"{self.name}/{number}".encode())

    def __call__(self, image: np.ndarray, rng: np.random.Generator, out: np.ndarray) -> None:
        """One crop of an image [., ., 3] into `out` [h, w, 3]."""
        recipe = self.recipe
        box = random_box(rng.random(BOX), image.shape[:2], recipe.scale, recipe.ratio)
        top, left, height, width = box
        part = image[top : top + height, left : left + width]
        crop = resize(part, self.size, recipe.interpolation)
        flipped, coloured, strong, grey, blurred, solar, erased = rng.random(7)
        if flipped < recipe.hflip:
            crop = cv2.flip(crop, 1)
        if self.randaugment and strong < recipe.randaugment_prob:
            crop = self.randaugment(crop, rng)
        elif coloured < recipe.jitter_prob:
            crop = jitter(crop, recipe.jitter, rng)
        if grey < recipe.grey:
            crop = to_grey(crop)
        if blurred < recipe.blur:
            sigma = rng.uniform(*recipe.blur_sigma)
            # a blur that suits 224 pixels would leave nothing of 32
            crop = blur(crop, sigma * max(self.size) / BLURRED)
        if solar < recipe.solarize:
            crop = solarize(crop)
        out[...] = crop
        if erased < recipe.erase:
            _erase(out, rng)


def _erase(image: np.ndarray, rng: np.random.Generator) -> None:
    """A random box of noise, in place."""
    area, ratio = ERASED
    # of height / width: turned, as boxes are drawn by width / height
    turned = (1 / ratio[1], 1 / ratio[0])
    top, left, height, width = random_box(rng.random(BOX), image.shape[:2], area, turned)
    noise = rng.integers(0, 256, (height, width, 3), np.uint8)
    image[top : top + height, left : left + width] = noise


@dataclasses.dataclass(frozen=True)
class SeveralStream:
    """The endless training stream of several crops an example.

    Attributes:
      views: the examples at their own size.
      kinds: of crops.
      order: epoch -> what it shows; see `rows_of_step`.
    """

    views: Views
    kinds: tuple[CropKind, ...]
    seed: int
    batch_size: int
    order: Callable[[int], np.ndarray] | None = None

    def __call__(self, step: int, slots: np.ndarray) -> HostArrays:
        """The crops of the examples at `slots` [b] of the batch of a step.

        `row` [b] is the place of each example in the data set.
        """
        rows = self.rows(step, slots)
        positions = step * self.batch_size + slots
        batch = {
            "label": np.zeros(len(rows), np.int32),
            "mask": np.zeros(len(rows), np.float32),
            "index": slots.astype(np.int32),
            "row": rows.astype(np.int32),
        }
        generators = []  # (array [b, h, w, 3] to fill, kind, generators) of each crop
        for kind in self.kinds:
            # a broken image stays black
            crops = np.zeros((len(rows), kind.count, *kind.size, 3), np.uint8)
            batch[PREFIX + kind.name] = crops
            for number in range(kind.count):
                draws = Generators(self.seed, positions, kind.key(number))
                generators.append((crops[:, number], kind, draws))
        for k, row in enumerate(rows.tolist()):
            # decoded once for all crops
            image, batch["label"][k] = self.views.pixels(row)
            if image is None:
                continue
            batch["mask"][k] = 1.0
            for out, kind, draws in generators:
                kind(image, draws(k), out[k])
        return batch

    def rows(self, step: int, slots: np.ndarray) -> np.ndarray:
        """Which examples [b] the slots [b] of a step show."""
        examples = len(self.views.pixels.source)
        return rows_of_step(self.seed, step, slots, self.batch_size, 1, examples, self.order)


def read_views(config: Any) -> tuple[CropKind, ...]:
    """The kinds of crops that `config.views` (see `ViewConfig`) describes, in order of name.

    Raises:
      UserError: a name that is none, an unknown recipe, or settings that belong to single images.
    """
    kinds = []
    for name in sorted(config.views):
        if not NAME.fullmatch(name):
            raise UserError(
                f"config.data.views.{name}: a name has small letters, digits and _, such as 'query'"
            )
        kinds.append(_read(name, config.views[name], config))
    if config.cache == "device":
        raise UserError(
            "data.cache=device holds single images; data.views are cut by the host\n"
            "set data.cache=memory"
        )
    if config.augment.repeats != AugmentConfig.repeats:
        raise UserError("data.augment.repeats is of single images; set data.views.NAME.count")
    return tuple(kinds)


def _read(name: str, section: Any, config: Any) -> CropKind:
    changes = {}
    for field in OVERRIDES:
        value = getattr(section, field)
        if value is not None:
            changes[field] = value
    recipe = dataclasses.replace(find_recipe(section.recipe), **changes)
    for field in ("scale", "ratio", "blur_sigma"):
        low, high = getattr(recipe, field)
        if low > high:
            raise UserError(f"config.data.views.{name}.{field} = {(low, high)}: the smaller first")
    words = recipe.randaugment
    randaugment = RandAugment.parse(words, config.mean) if words else None
    if changes.get("randaugment") and not recipe.randaugment_prob:
        raise UserError(
            f"config.data.views.{name}.randaugment is never used\n"
            f"set --config.data.views.{name}.randaugment_prob=0.5"
        )
    size = section.size
    side = image_size(config) if size is None else (size, size)
    return CropKind(name, section.count, side, recipe, randaugment)


def enough_for(kinds: tuple[CropKind, ...]) -> tuple[int, int]:
    """(h, w) of a whole image from which even the smallest crop has all its pixels."""
    height, width = 1, 1
    for kind in kinds:
        share = kind.recipe.scale[0] ** 0.5  # of each side
        height = max(height, int(np.ceil(kind.size[0] / share)))
        width = max(width, int(np.ceil(kind.size[1] / share)))
    return height, width


def view_arrays(batch: Any) -> dict[str, Any]:
    """{name: [B, V, h, w, 3]} of the kinds of crops in a batch."""
    found = {}
    for name in batch:
        if name.startswith(PREFIX):
            found[name.removeprefix(PREFIX)] = batch[name]
    return found
