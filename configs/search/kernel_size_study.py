"""Do learned kernel sizes pay? Twelve paired seeds, under the budgets of 3, 5 and 7 everywhere.

As kernel_size_cifar10.py, but heights and widths are learned apart. A training, of a search or of
a network that was found, is a run in a folder of its own: the same command goes on where it was
stopped.

Score: cifar5: +1.95 points [+1.29, +2.61] over 5 everywhere; the others were not run. See
       docs/kernel_search.md.
Cost: 8 runs a seed, most of 1,560 steps; a minute each on one CPU core, two hours a budget. With
      --config.task.compare_arms="('found','uniform')" half an hour.
Run: effjax data prepare cifar10 --manual-dir=FOLDER_WITH_THE_ZIPS
     effjax search --config=configs/search/kernel_size_study.py:cifar3 --compare
Args: cifar3, cifar5, cifar7 (10,000 images of CIFAR-10), fashion3, fashion5, fashion7
  (10,000 of Fashion-MNIST); the number is the size that sets the budget.
"""

import kernel_size_cifar10
import ml_collections
from kernel_size_cifar10 import quick  # noqa: F401

ARGS = ("cifar3", "cifar5", "cifar7", "fashion3", "fashion5", "fashion7")


def get_config(arg: str = "cifar7") -> ml_collections.ConfigDict:
    """A search under one of the budgets."""
    config = kernel_size_cifar10.get_config()
    data, size = arg[:-1], int(arg[-1])
    config.task.update(separable=True, budget_sizes=(size,), compare_seeds=12)
    if data == "fashion":
        # its images come in no order of classes
        config.data.update(name="fashion_mnist", train_split="train[:10000]", val_split="test")
        config.data.augment.pad = 2
    return config
