"""CPU milliseconds of RandAugment an image of 224 px, as a whole and by operation.

    python benchmarks/randaugment.py [IMAGE ...] [--images=300]

IMAGE are photographs, cut to random crops; else noise of many scales takes their place. With
PYTHONPATH another version of effjax is measured. The table weighs nothing: each operation at the
magnitudes of "rand-m9-mstd0.5-inc1", the median of all images.
"""

import argparse
import time

import cv2
import numpy as np
from PIL import Image

from effjax.data.images.operations import INCREASING, How
from effjax.data.images.randaugment import RandAugment

SIZE = 224
WORDS = "rand-m9-mstd0.5-inc1"
MEAN = (0.485, 0.456, 0.406)
CROPS = 30


def crops(paths: list[str], rng: np.random.Generator) -> list[np.ndarray]:
    """uint8 [SIZE, SIZE, 3] each."""
    if not paths:
        return [noise(rng) for _ in range(CROPS)]
    found = []
    for index in range(CROPS):
        photo = np.asarray(Image.open(paths[index % len(paths)]).convert("RGB"))
        side = int(rng.integers(min(photo.shape[:2]) // 2, min(photo.shape[:2])))
        top, left = (int(rng.integers(length - side + 1)) for length in photo.shape[:2])
        crop = photo[top : top + side, left : left + side]
        found.append(cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_AREA))
    return found


def noise(rng: np.random.Generator) -> np.ndarray:
    """Sums of noise of halved scales, as photographs have them."""
    total = np.full((SIZE, SIZE, 3), 128, np.float32)
    for cells in (4, 8, 16, 32, 64, 128):
        layer = rng.normal(size=(cells, cells, 3)).astype(np.float32) * 120 / cells
        total += cv2.resize(layer, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return np.clip(total, 0, 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", nargs="*")
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--by-operation", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    cv2.setNumThreads(1)  # as a reader of the loader
    rng = np.random.default_rng(0)
    images = crops(args.image, rng)
    augment = RandAugment.parse(WORDS, MEAN)
    for image in images:
        augment(image, rng)
    start = time.process_time()
    for index in range(args.images):
        augment(images[index % len(images)], rng)
    whole = 1e3 * (time.process_time() - start) / args.images
    print(f"RandAugment {whole:.3f} ms an image")
    if not args.by_operation:
        return
    for resample in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC):
        how = How(resample, augment.fill)
        for name, (level, apply) in INCREASING.items():
            taken = []
            for image in images:
                strength = augment.strength(rng)
                chosen = level(strength, rng)
                start = time.process_time()
                apply(image, chosen, how)
                taken.append(time.process_time() - start)
            print(f"{name:14} {resample.name.lower():9} {1e3 * np.median(taken):.3f} ms")


if __name__ == "__main__":
    main()
