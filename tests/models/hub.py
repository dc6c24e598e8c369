"""A cache of the hub's client with weights in it."""

import numpy as np

from effjax.models.weights import to_torch, write_state


def hub_cache(folder, repository, model, variables):
    """A cache laid out as the hub's client lays it, with one file of weights."""
    name = folder / f"models--{repository.replace('/', '--')}"
    (name / "refs").mkdir(parents=True)
    (name / "refs" / "main").write_text("0" * 40)
    write_state(to_torch(model, variables), name / "snapshots" / ("0" * 40) / "model.safetensors")


SMALL = {"depths": 1, "dims": (8, 8, 32, 32)}
KERNEL = ("params", "stem", "conv", "kernel")


def kernel(variables):
    for key in KERNEL:
        variables = variables[key]
    return np.asarray(variables)
