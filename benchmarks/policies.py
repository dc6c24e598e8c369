"""What the policies of `data.augment` cost: CPU time of one image on one thread.

python benchmarks/policies.py [--size=224] [--images=64]
"""

import argparse
import time

import cv2
import numpy as np

from effjax.data import AugmentConfig, DataConfig
from effjax.data.images.augment import train_transform

ROUNDS = 5
POLICIES = {
    "randaugment=rand-m9-mstd0.5-inc1": {"randaugment": "rand-m9-mstd0.5-inc1"},
    "policy=autoaugment": {"policy": "autoaugment"},
    "policy=3augment": {"policy": "3augment"},
    "policy=augmix": {"policy": "augmix"},
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--images", type=int, default=64)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (args.images, args.size, args.size, 3), np.uint8)
    for words, settings in POLICIES.items():
        config = DataConfig(image_size=args.size, augment=AugmentConfig(**settings))
        apply = train_transform(config).policy
        times = []
        for _ in range(ROUNDS):
            # the same draws in every round
            drawn = np.random.default_rng(1)
            start = time.process_time()
            for image in images:
                apply(image, drawn)
            times.append(time.process_time() - start)
        print(f"{words}: {1e3 * min(times) / args.images:.2f} ms an image")


if __name__ == "__main__":
    main()
