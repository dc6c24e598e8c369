"""Draws docs/pictures/augmentation.png and mixing.png: what training does to images.

python docs/draw_augmentation.py
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scenes import scenes

from effjax.data import AugmentConfig, DataConfig, MixConfig, mix_batch, normalise
from effjax.data.images.augment import DRAWN, train_transform
from effjax.data.images.centre_crop import eval_transform
from effjax.data.images.random_crop import BOX
from effjax.data.tools.picture import caption

SIZE, COLUMNS, GAP, LEFT, LINE = 96, 6, 4, 150, 13  # pixels, but for the columns
COLOURS = 256  # of a picture, which keeps the files small
SEED, KEY = 12, 10
PICTURES = Path(__file__).parent / "pictures"
INTERPOLATION = "interpolation = random\n(of a detail)"
DETAILS = ((186, 126), (160, 164))  # top and left of what that row enlarges
PLAIN = {"crop": "none", "hflip": 0.0, "interpolation": "bilinear"}
# what stands beside a row: the settings that make it
AUGMENTATIONS = {
    "none": PLAIN,
    "crop\n= random_resized": {"crop": "random_resized", "hflip": 0.0},
    INTERPOLATION: {**PLAIN, "interpolation": "random"},
    "crop = pad\npad = 16": {**PLAIN, "crop": "pad", "pad": 16},
    "hflip = 0.5": {**PLAIN, "hflip": 0.5},
    "vflip = 0.5": {**PLAIN, "vflip": 0.5},
    "color_jitter = 0.4": {**PLAIN, "color_jitter": 0.4},
    "randaugment =\nrand-m9-mstd0.5-inc1": {**PLAIN, "randaugment": "rand-m9-mstd0.5-inc1"},
    "repeats = 3": {"crop": "random_resized", "repeats": 3},
}
MIXES = {
    "mixup = 0.8": {"mixup": 0.8},
    "cutmix = 1.0": {"cutmix": 1.0},
    "both,\nper = example": {"mixup": 0.8, "cutmix": 1.0, "per": "example"},
    "erase_prob = 0.5\nerase_mode = pixel": {"erase_prob": 0.5},
    "erase_prob = 0.5\nerase_mode = const": {"erase_prob": 0.5, "erase_mode": "const"},
    "label_smoothing\n= 0.1": {"label_smoothing": 0.1},
}


def views(images: list[np.ndarray], settings: dict) -> np.ndarray:
    """uint8 [COLUMNS, SIZE, SIZE, 3] of one batch with these settings."""
    config = DataConfig(image_size=SIZE, augment=AugmentConfig(**settings))
    transform = train_transform(config)
    uniform = np.random.default_rng(SEED).random
    draws, places = transform.draws(uniform((COLUMNS, DRAWN))), uniform((COLUMNS, BOX))
    generators = [np.random.default_rng((SEED, k)) for k in range(COLUMNS)]
    found = np.zeros((COLUMNS, SIZE, SIZE, 3), np.uint8)
    distinct = -(-COLUMNS // transform.augment.repeats)
    for k, choice in enumerate(draws.choice):
        image = images[k % distinct % 2]
        top, left, h, w = 0, 0, *image.shape[:2]
        if transform.boxes:
            top, left, h, w = transform.box(places[k], image.shape[:2])
        transform.whole(image[top : top + h, left : left + w], choice, found[k])
    return transform.finish(found, draws, generators.__getitem__)


def mixed(images: list[np.ndarray], settings: dict) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [COLUMNS, SIZE, SIZE, 3] and labels [COLUMNS, 2] as the network gets them."""
    data = DataConfig(image_size=SIZE)
    whole = [eval_transform(data)(image) for image in images]
    normal = normalise(np.stack([whole[k % 2] for k in range(COLUMNS)]), data.mean, data.std)
    labels = jax.nn.one_hot(np.arange(COLUMNS) % 2, 2)
    config = MixConfig(**{"block": 2, **settings})
    found, soft = mix_batch(jax.random.key(KEY), normal, labels, jnp.arange(COLUMNS), config)
    pixels = 255 * np.clip(np.asarray(found) * data.std + data.mean, 0, 1)
    return pixels.round().astype(np.uint8), np.asarray(soft)


def draw(rows: dict[str, tuple[np.ndarray, list[str]]], path: Path) -> None:
    """One row of images for each entry, its name on the left, captions above the images."""
    lines = {
        name: max(len(c.splitlines()) for c in captions) for name, (_, captions) in rows.items()
    }
    height = sum(SIZE + GAP + LINE * count for count in lines.values())
    sheet = Image.new("RGB", (LEFT + COLUMNS * (SIZE + GAP), height), "white")
    pen = ImageDraw.Draw(sheet)
    small, usual = ImageFont.load_default(10), ImageFont.load_default(12)
    top = -SIZE
    for name, (images, captions) in rows.items():
        top += SIZE + GAP + LINE * lines[name]
        at = LEFT - 8, top + SIZE / 2
        pen.multiline_text(at, name, "black", usual, anchor="rm", align="right")
        for column, (image, words) in enumerate(zip(images, captions, strict=True)):
            left = LEFT + column * (SIZE + GAP)
            sheet.paste(Image.fromarray(image), (left, top))
            at = left + SIZE / 2, top - 2
            pen.multiline_text(at, words, "black", small, anchor="md", align="center", spacing=1)
    path.parent.mkdir(exist_ok=True)
    sheet.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path)


def main(folder: Path = PICTURES) -> None:
    names, images = zip(*scenes().items())
    details = [image[y : y + 14, x : x + 14] for image, (y, x) in zip(images, DETAILS, strict=True)]
    shown = {
        key: (views(details if key == INTERPOLATION else images, words), [""] * COLUMNS)
        for key, words in AUGMENTATIONS.items()
    }
    draw(shown, folder / "augmentation.png")
    pairs = {key: mixed(images, words) for key, words in MIXES.items()}
    drawn = {
        key: (found, [caption(label, names).replace(", ", "\n") for label in labels])
        for key, (found, labels) in pairs.items()
    }
    draw(drawn, folder / "mixing.png")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
