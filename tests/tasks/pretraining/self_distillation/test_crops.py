import jax.numpy as jnp
import numpy as np

from effjax.models import create_model
from effjax.tasks.pretraining.self_distillation.crops import (
    by_crop,
    by_example,
    fitted,
    for_any_square,
    gather_crops,
    without_drops,
)


def test_crops_of_one_size_go_together():
    batch = {
        "view_a": np.zeros((2, 1, 8, 8, 3), np.uint8),
        "view_b": np.ones((2, 2, 8, 8, 3), np.uint8),
        "view_c": np.ones((2, 3, 4, 4, 3), np.uint8),
    }
    large, small = gather_crops(batch, ("a", "b", "c"))
    assert large.shape == (2, 3, 8, 8, 3)
    assert small.shape == (2, 3, 4, 4, 3)


def test_rows_are_ordered_by_crop_and_back():
    rows = jnp.asarray([10, 11, 12, 20, 21, 22])  # two examples, three crops each
    crops = by_crop(rows, 2)
    assert crops.tolist() == [[10, 20], [11, 21], [12, 22]]
    assert by_example(crops).tolist() == rows.tolist()


def test_positions_fit_smaller_crops():
    model = create_model("vit_tiny_patch16_224", 0, width=8, heads=2, depth=1, patch_size=4)
    params = {"pos_embed": jnp.ones((1, 17, 8)), "rest": 1}
    small = fitted(model, params, (8, 8))
    np.testing.assert_allclose(small["pos_embed"], np.ones((1, 5, 8)), rtol=1e-5)
    assert fitted(model, params, (16, 16)) is params


def test_a_teacher_drops_nothing():
    model = create_model("vit_tiny_patch16_224", 0, drop_path_rate=0.3, image_size=32)
    assert without_drops(model).architecture.drop_path_rate == 0
    assert for_any_square(model).architecture.image_size is None
