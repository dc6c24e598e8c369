"""Where colours of self-supervised views are changed: host or device, measured in CPU time.

    python benchmarks/views.py [--size=32] [--batch=256]

Host: the whole recipe of a view by OpenCV, image by image. Device: brightness, contrast, saturation
and hue of the whole batch in one compiled program, and nothing else of the recipe.
"""

import argparse
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from effjax.data.images.recipes import find_recipe
from effjax.data.order import Generators
from effjax.data.several import CropKind

ROUNDS = 3
GREY = (0.299, 0.587, 0.114)
# rotates hues around the grey axis, in the plane of I and Q
TO_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))


def jitter(images: jax.Array, key: jax.Array) -> jax.Array:
    """uint8 [B, H, W, 3] -> the same, each with four draws of its own."""
    draws = jax.random.uniform(key, (4, len(images), 1, 1, 1), minval=-1.0)
    x = images / 255.0 * (1 + 0.4 * draws[0])
    grey = jnp.asarray(GREY).reshape(1, 1, 1, 3)
    mean = (x * grey).sum(-1, keepdims=True).mean((1, 2), keepdims=True)
    x = mean + (x - mean) * (1 + 0.4 * draws[1])
    own = (x * grey).sum(-1, keepdims=True)
    x = own + (x - own) * (1 + 0.4 * draws[2])
    angle = 2 * jnp.pi * 0.1 * draws[3][..., 0]
    yiq = x @ jnp.asarray(TO_YIQ).T
    luma, i, q = yiq[..., 0], yiq[..., 1], yiq[..., 2]
    turned_i = i * jnp.cos(angle) - q * jnp.sin(angle)
    turned_q = i * jnp.sin(angle) + q * jnp.cos(angle)
    turned = jnp.stack([luma, turned_i, turned_q], -1) @ jnp.linalg.inv(jnp.asarray(TO_YIQ)).T
    return (jnp.clip(turned, 0, 1) * 255).astype(jnp.uint8)


def cpu_seconds(run: Callable[[], object]) -> float:
    """The least CPU time of a few runs, after one that compiles."""
    run()
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=256)
    args = parser.parse_args()
    shape = (args.batch, args.size, args.size, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    out = np.zeros(shape, np.uint8)
    for name in ("plain", "moco_cifar", "moco_v2"):
        kind = CropKind(name, 1, (args.size, args.size), find_recipe(name), None)

        def host(kind: CropKind = kind) -> None:
            draws = Generators(0, np.arange(args.batch))
            for number, image in enumerate(images):
                kind(image, draws(number), out[number])

        print(f"host, {name}: {1e6 * cpu_seconds(host) / args.batch:.0f} us a view")
    compiled = jax.jit(jitter)

    def device() -> None:
        jax.block_until_ready(compiled(images, jax.random.key(0)))

    print(f"device, jitter alone: {1e6 * cpu_seconds(device) / args.batch:.0f} us a view")


if __name__ == "__main__":
    main()
