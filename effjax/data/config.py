"""What `config.data` and `config.mix` may say: every key, its default, its meaning."""

import dataclasses
from typing import Annotated, Literal

from effjax.ranges import (
    BelowOne,
    Count,
    NotNegative,
    NotNegativeInt,
    Positive,
    Range,
    Rising,
    Share,
)

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# a side of 16,384 is 0.8 GB of pixels for one image: larger ones are mistakes
Side = Annotated[int, Range(1, 16384)]
PositiveShare = Annotated[float, Range(0, 1, "(]")]
Hue = Annotated[float, Range(0, 0.5)]  # half of the circle in either direction is all of it
# from the least to the largest
Shares = Annotated[tuple[PositiveShare, PositiveShare], Rising()]
Ratios = Annotated[tuple[Positive, Positive], Rising()]


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """Host side, on uint8 pixels, one random draw per example."""

    # "pad": resize, then a random window of the image with a black border of `pad` pixels
    crop: Literal["random_resized", "pad", "none"] = "random_resized"
    # random_resized: area, as a share of the image
    scale: Shares = (0.08, 1.0)
    ratio: Ratios = (3 / 4, 4 / 3)  # random_resized: width / height
    interpolation: Literal["bilinear", "bicubic", "random"] = "random"
    pad: NotNegativeInt = 4
    hflip: Share = 0.5  # probability of a left-right flip
    vflip: Share = 0.0  # probability of an upside-down flip
    randaugment: str | None = None  # timm's words; "rand-m9-mstd0.5-inc1" in the usual recipe
    # in the place of randaugment: a fixed policy. 3augment wants color_jitter=0.3 beside it
    policy: Literal["autoaugment", "3augment", "augmix"] | None = None
    color_jitter: NotNegative = 0.0  # brightness, contrast, saturation by up to this share
    # repeated augmentation: a batch shows each of its examples this many times
    repeats: Count = 1


@dataclasses.dataclass(frozen=True)
class ViewConfig:
    """Crops of each example, for learning without labels; None: as the recipe has it.

    They come as `view_NAME` uint8 [B, count, h, w, 3] of a training batch.
    """

    recipe: str = "moco_v2"  # see effjax.data.images.recipes, or package.module:NAME
    count: Count = 1  # crops of this kind, each with draws of its own
    size: Side | None = None  # side of the square crops; None: data.image_size
    scale: tuple[PositiveShare, PositiveShare] | None = None  # area, as a share of the image
    ratio: tuple[Positive, Positive] | None = None  # width / height
    interpolation: Literal["bilinear", "bicubic"] | None = None
    hflip: Share | None = None  # probability of a left-right flip
    # amounts of brightness, contrast, saturation and hue, and the probability of all four
    jitter: tuple[NotNegative, NotNegative, NotNegative, Hue] | None = None
    jitter_prob: Share | None = None
    grey: Share | None = None  # probability
    blur: Share | None = None  # probability
    blur_sigma: tuple[Positive, Positive] | None = None  # in pixels of a crop of 224
    solarize: Share | None = None  # probability
    erase: Share | None = None  # probability
    randaugment: str | None = None  # timm's words
    randaugment_prob: Share | None = None


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where the images come from and how they become a batch of uint8."""

    # a data set's name (see effjax.data.builders), or the path of a prepared directory, a folder of
    # class folders, a .zip or .tar of such, a .csv list, an .npz, a folder of idx files, of
    # WebDataset shards or of Parquet files; "synthetic"; or package.module:Class of your own
    name: str = "digits"
    data_dir: str | None = None  # None: $TFDS_DATA_DIR, else ~/tensorflow_datasets
    # TFDS split syntax, such as "train[:90%]" or "train[:20%]+train[40%:]"; sets that TFDS has not
    # prepared are cut class by class, in an order that `split_seed` draws
    train_split: str = "train"
    # names of the classes that are used, in this order; (): all. What few-shot learning calls base
    # classes: those that are left out are novel
    classes: tuple[str, ...] = ()
    # training: 0 shows examples as they come, 1 every class equally often (see `data.balance`)
    balance: Share = 0.0
    val_split: str = "validation"  # "all": every example, whatever its split
    # validation's part of each class, where the files are not divided into splits
    val_share: Annotated[float, Range(0, 1, "()")] = 0.1
    split_seed: NotNegativeInt = 0  # of that division
    label: str | None = None  # a .csv list: the column of the labels; None: the only one
    # a .csv list, several labels an image: what parts them in their column, such as ";"
    label_separator: str | None = None
    # a .csv list: columns of numbers to learn, 0 and 1 (several labels an image) or measurements
    targets: tuple[str, ...] = ()
    batch_size: Count = 64  # images of one update, over all devices and hosts
    eval_batch_size: Count | None = None  # None: batch_size
    image_size: Side | tuple[Side, Side] = 224  # a square side, or (height, width)
    # per channel, of pixels scaled to 0..1
    mean: tuple[Share, Share, Share] = IMAGENET_MEAN
    std: tuple[Positive, Positive, Positive] = IMAGENET_STD
    augment: AugmentConfig = dataclasses.field(default_factory=AugmentConfig)
    # named crops of each example in the place of one image, such as "query" and "key"; the task
    # says which it wants
    views: dict[str, ViewConfig] = dataclasses.field(default_factory=dict)
    eval_size: Side | tuple[Side, Side] | None = None  # of evaluation; None: image_size
    # evaluation: side of the centre crop, as a share of the resized image
    eval_crop: PositiveShare = 1.0
    eval_interpolation: Literal["bilinear", "bicubic"] = "bicubic"
    workers: NotNegativeInt = 0  # processes that read and augment; 0: threads of this process
    on_error: Literal["fail", "skip"] = "fail"  # a broken file ends the run, or counts as padding
    # a JPEG that can be read in spite of damage is reported and used, or counts as broken
    on_damage: Literal["warn", "error"] = "warn"
    # "memory": decode once, keep the pixels; "device": keep all training images there, and cut
    # windows (crop "pad") and flip in the step; the batches are the same
    cache: Literal["memory", "device"] | None = None
    synthetic_examples: Count = 1024  # name "synthetic": images in each split
    synthetic_classes: Count = 10


@dataclasses.dataclass(frozen=True)
class MixConfig:
    """Device side, inside the training step, on normalised pixels."""

    mixup: NotNegative = 0.0  # alpha of the Beta distribution (0.8 in the usual recipe); 0 is off
    cutmix: NotNegative = 0.0  # the same for cutmix (1.0 in the usual recipe)
    prob: Share = 1.0  # probability that mixup or cutmix is applied at all
    switch_prob: Share = 0.5  # probability of cutmix where both are on
    per: Literal["block", "example"] = "block"  # what shares one draw
    block: Count = 8  # images are mixed inside blocks of this many consecutive examples
    label_smoothing: BelowOne = 0.0
    erase_prob: Share = 0.0  # random erasing, probability per image (0.25 in the usual recipe)
    erase_mode: Literal["pixel", "const"] = "pixel"  # normal noise, or zeros: the mean colour
    erase_area: Shares = (0.02, 1 / 3)  # erased share of the image
    erase_ratio: Ratios = (0.3, 1 / 0.3)  # height / width of the box
