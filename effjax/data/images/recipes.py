"""How a view of an example is made, by the names of the papers that made views so.

    register_recipe("moco_v2", "one line")(Recipe(...))

A config names one and may change its fields: `config.data.views.query.recipe = "moco_v2"`,
`config.data.views.query.blur = 0.0`.
"""

import dataclasses
from typing import Literal

from effjax.data.images.colours import Amounts
from effjax.registry import Registry

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A random crop, a flip, then colours: each with its probability.

    Attributes:
      scale: area of the crop, as a share of the image.
      ratio: width / height of the crop, before it is resized.
      hflip: probability of a left-right flip.
      jitter: amounts of brightness, contrast, saturation and hue.
      jitter_prob, grey, blur, solarize, erase: probabilities.
      blur_sigma: from where the blur's deviation is drawn, in pixels of a view of 224; smaller
        views are blurred by as much less.
      randaugment: timm's words; takes the place of the jitter with `randaugment_prob`.
    """

    scale: Range = (0.2, 1.0)
    ratio: Range = (3 / 4, 4 / 3)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    hflip: float = 0.5
    jitter: Amounts = (0.0, 0.0, 0.0, 0.0)
    jitter_prob: float = 0.0
    grey: float = 0.0
    blur: float = 0.0
    blur_sigma: Range = (0.1, 2.0)
    solarize: float = 0.0
    erase: float = 0.0
    randaugment: str | None = None
    randaugment_prob: float = 0.0


RECIPES: Registry[Recipe] = Registry(
    "recipe",
    "--config.data.views.NAME.recipe=package.module:NAME",
    fits=lambda found: isinstance(found, Recipe),
    expected="Recipe",
)
register_recipe = RECIPES.register
list_recipes = RECIPES.lines
find_recipe = RECIPES.find

STRONG = (0.4, 0.4, 0.4, 0.1)
MILD = (0.4, 0.4, 0.2, 0.1)

register_recipe("plain", "crop and flip, no colours")(Recipe())
register_recipe("mae", "MAE: crop and flip, bicubic")(Recipe(interpolation="bicubic"))
register_recipe("moco_v1", "MoCo: jitter with much hue, grey")(
    Recipe(jitter=(0.4, 0.4, 0.4, 0.4), jitter_prob=1.0, grey=0.2)
)
register_recipe("moco_v2", "MoCo v2 and SimCLR in small: jitter, grey, blur")(
    Recipe(jitter=STRONG, jitter_prob=0.8, grey=0.2, blur=0.5)
)
register_recipe("moco_cifar", "MoCo's CIFAR-10: smaller crops, jitter, grey, no blur")(
    Recipe(scale=(0.08, 1.0), jitter=STRONG, jitter_prob=0.8, grey=0.2)
)

BYOL = Recipe(
    scale=(0.08, 1.0), interpolation="bicubic", jitter=MILD, jitter_prob=0.8, grey=0.2, blur=1.0
)
register_recipe("byol1", "BYOL's first view, also MoCo v3's: always blurred")(BYOL)
register_recipe("byol2", "BYOL's second view: seldom blurred, some solarized")(
    dataclasses.replace(BYOL, blur=0.1, solarize=0.2)
)

GLOBAL = dataclasses.replace(BYOL, scale=(0.4, 1.0))
LOCAL = dataclasses.replace(BYOL, scale=(0.05, 0.4), blur=0.5)
register_recipe("dino_global1", "DINO's first large crop")(GLOBAL)
register_recipe("dino_global2", "DINO's second large crop: seldom blurred, some solarized")(
    dataclasses.replace(GLOBAL, blur=0.1, solarize=0.2)
)
register_recipe("dino_local", "DINO's small crops")(LOCAL)

# a strong view is RandAugment in the place of the jitter half of the time, and erased at times
MUGS_STRONG = {"randaugment": "rand-m9-mstd0.5-inc1", "randaugment_prob": 0.5, "erase": 0.25}
MUGS_WEAK = dataclasses.replace(GLOBAL, scale=(0.25, 1.0), blur=0.5)
MUGS_LOCAL = dataclasses.replace(LOCAL, scale=(0.05, 0.25))
register_recipe("mugs_weak", "Mugs' large crops of the teacher")(MUGS_WEAK)
register_recipe("mugs_strong", "Mugs' large crops of the student")(
    dataclasses.replace(MUGS_WEAK, **MUGS_STRONG)
)
register_recipe("mugs_local", "Mugs' small crops")(dataclasses.replace(MUGS_LOCAL, **MUGS_STRONG))
