"""What a split says of itself and of its batches."""

import numpy as np

from effjax.data import DataConfig, open_split

CONFIG = DataConfig(name="synthetic", image_size=16, synthetic_examples=50, synthetic_classes=5)


def test_split_describes_itself():
    split = open_split(CONFIG, "train", seed=0, batch_size=8, train=True)
    assert (split.num_examples, split.num_classes, split.steps_per_epoch) == (50, 5, 6)
    assert split.image_shape == (16, 16, 3)
    assert len(split.class_names) == 5


def test_batch_shapes_and_types():
    split = open_split(CONFIG, "train", seed=0, batch_size=8, train=True)
    with split.batches() as batches:
        batch = next(batches)
    assert {key: (value.shape, value.dtype.name) for key, value in batch.items()} == {
        "image": ((8, 16, 16, 3), "uint8"),
        "label": ((8,), "int32"),
        "mask": ((8,), "float32"),
        "index": ((8,), "int32"),
    }
    spec = {key: (value.shape, value.dtype.name) for key, value in split.spec.items()}
    assert spec == {key: (value.shape, value.dtype.name) for key, value in batch.items()}
    np.testing.assert_array_equal(batch["index"], np.arange(8))
