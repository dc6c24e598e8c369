"""What `config.data` and `config.mix` may say: every key, its default, its meaning."""

import dataclasses
from typing import Annotated, Literal

from effjax.ranges import BelowOne, Count, NotNegative, NotNegativeInt, Positive, Range, Share

Part = Annotated[float, Range(0, 1, "(]")]  # of an image's area
Inside = Annotated[float, Range(0, 1, "()")]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """Host side, on uint8 pixels, one random draw per example."""

    # "pad": resize, then a random window of the image with a black border of `pad` pixels
    crop: Literal["random_resized", "pad", "none"] = "random_resized"
    scale: tuple[Part, Part] = (0.08, 1.0)  # random_resized: area, as a share of the image
    ratio: tuple[Positive, Positive] = (3 / 4, 4 / 3)  # random_resized: width / height
    interpolation: Literal["bilinear", "bicubic", "random"] = "random"
    pad: NotNegativeInt = 4
    hflip: Share = 0.5  # probability of a left-right flip
    vflip: Share = 0.0  # probability of an upside-down flip
    randaugment: str | None = None  # timm's words; "rand-m9-mstd0.5-inc1" in the usual recipe
    color_jitter: NotNegative = 0.0  # brightness, contrast, saturation by up to this share
    # repeated augmentation: so many views of an example in each batch, if this divides it
    repeats: Count = 1


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where the images come from and how they become a batch of uint8."""

    # a data set's name (see effjax.data.builders), or the path of a prepared directory, a folder of
    # class folders, a .zip or .tar of such, an .npz, a folder of idx files; or "synthetic"
    name: str = "digits"
    data_dir: str | None = None  # None: $TFDS_DATA_DIR, else ~/tensorflow_datasets
    train_split: str = "train"  # TFDS split syntax, such as "train[:90%]"
    val_split: str = "validation"
    val_share: Inside = 0.1  # of each class, where the files are not divided into splits
    split_seed: NotNegativeInt = 0  # of that division
    batch_size: Count = 64  # images of one update, over all devices and hosts
    eval_batch_size: Count | None = None  # None: batch_size
    image_size: Count | tuple[Count, Count] = 224  # a square side, or (height, width)
    mean: tuple[float, float, float] = IMAGENET_MEAN  # per channel, of pixels scaled to 0..1
    std: tuple[Positive, Positive, Positive] = IMAGENET_STD
    augment: AugmentConfig = dataclasses.field(default_factory=AugmentConfig)
    eval_size: Count | tuple[Count, Count] | None = None  # of evaluation; None: image_size
    eval_crop: Part = 1.0  # evaluation: side of the centre crop, as a share of the resized image
    eval_interpolation: Literal["bilinear", "bicubic"] = "bicubic"
    workers: NotNegativeInt = 0  # processes that read and augment; 0: threads of this process
    on_error: Literal["fail", "skip"] = "fail"  # a broken file ends the run, or counts as padding
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
    block: Count = 8  # images are mixed inside blocks of so many consecutive examples
    label_smoothing: BelowOne = 0.0
    erase_prob: Share = 0.0  # random erasing, probability per image (0.25 in the usual recipe)
    erase_mode: Literal["pixel", "const"] = "pixel"  # normal noise, or zeros: the mean colour
    erase_area: tuple[Part, Part] = (0.02, 1 / 3)  # erased share of the image
    erase_ratio: tuple[Positive, Positive] = (0.3, 1 / 0.3)  # height / width of the box
