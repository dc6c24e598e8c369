"""What benchmarks/input_pipeline.py compares with; needs torch and Pillow, or tensorflow, alone.

    python benchmarks/input_rivals.py LIBRARY FOLDER SIZE WORKERS BATCH WARM BATCHES

prints {"per_cpu": images per CPU second, "per_clock": images per second} as its last line.
"""

import json
import math
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator


def file_names(folder: str) -> list[str]:
    """Every file of the training split, or of all."""
    inside = os.path.join(folder, "train")
    top = inside if os.path.isdir(inside) else folder
    return [os.path.join(at, name) for at, _, names in os.walk(top) for name in names]


def torch_batches(names: list[str], size: int, workers: int, batch: int) -> Iterator:
    """Pillow in a map-style data set with a DataLoader, as most code has it."""
    import numpy as np
    import torch
    from PIL import Image

    class Photos:
        def __len__(self) -> int:
            return len(names)

        def __getitem__(self, row: int) -> torch.Tensor:
            image = Image.open(names[row]).convert("RGB")
            box = random_box(*image.size)
            kind = random.choice([Image.Resampling.BILINEAR, Image.Resampling.BICUBIC])
            view = image.resize((size, size), kind, box=box)
            if random.random() < 0.5:
                view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            return torch.from_numpy(np.array(view))

    torch.set_num_threads(1)
    sampler = torch.utils.data.RandomSampler(names, replacement=True, num_samples=10**9)
    loader = torch.utils.data.DataLoader(Photos(), batch, sampler=sampler, num_workers=workers)
    return iter(loader)


def random_box(width: int, height: int) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) with 8 to 100 % of the area and a ratio of 3/4 to 4/3."""
    for _ in range(10):
        area = width * height * random.uniform(0.08, 1)
        ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = random.randint(0, width - w), random.randint(0, height - h)
            return left, top, left + w, top + h
    return 0, 0, width, height


def tf_batches(names: list[str], size: int, workers: int, batch: int) -> Iterator:
    """tf.data with decode_and_crop_jpeg and the fast transform, uint8 out."""
    import tensorflow as tf

    # as many threads as the other libraries have processes
    threads = max(1, workers)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.threading.set_intra_op_parallelism_threads(1)

    def load(name: tf.Tensor) -> tf.Tensor:
        data = tf.io.read_file(name)
        begin, extent, _ = tf.image.sample_distorted_bounding_box(
            tf.io.extract_jpeg_shape(data),
            tf.zeros([1, 0, 4]),
            area_range=(0.08, 1.0),
            aspect_ratio_range=(3 / 4, 4 / 3),
            max_attempts=10,
            use_image_if_no_bounding_boxes=True,
        )
        window = tf.concat([begin[:2], extent[:2]], 0)
        image = tf.io.decode_and_crop_jpeg(data, window, channels=3, dct_method="INTEGER_FAST")
        image = tf.image.resize(image, (size, size))
        return tf.image.random_flip_left_right(tf.cast(image, tf.uint8))

    data = tf.data.Dataset.from_tensor_slices(names).shuffle(len(names)).repeat()
    data = data.map(load, num_parallel_calls=threads).batch(batch).prefetch(4)
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    return data.with_options(options).as_numpy_iterator()


def cpu_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def cost(make: Callable[[], Iterator], batches: int) -> tuple[float, float]:
    """CPU and clock seconds of reading some batches from a new iterator."""
    before, start = cpu_seconds(), time.perf_counter()
    iterator = make()
    for _ in range(batches):
        next(iterator)
    clock = time.perf_counter() - start
    del iterator  # torch's workers end here, and count
    return cpu_seconds() - before, clock


def main() -> None:
    library, folder, *numbers = sys.argv[1:]
    size, workers, batch, warm, batches = map(int, numbers)
    make = {"torch, Pillow": torch_batches, "tf.data": tf_batches}[library]
    names = file_names(folder)

    def start() -> Iterator:
        return make(names, size, workers, batch)

    cost(start, warm)  # imports, and the page cache
    short, long = cost(start, warm), cost(start, warm + batches)
    images = batches * batch
    rates = {"per_cpu": images / (long[0] - short[0]), "per_clock": images / (long[1] - short[1])}
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
