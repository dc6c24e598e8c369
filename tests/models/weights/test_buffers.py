import jax
import numpy as np
import pytest

from effjax import models
from effjax.errors import UserError

TINY = {"width": 16, "heads": 2, "depth": 3, "image_size": 8}


def zeros(model):
    shapes = models.abstract_variables(model)
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)


@pytest.mark.parametrize(("name", "extra"), [("dit_s_2", {}), ("mdtv2_s_2", {"decoder": 1})])
def test_published_tables_go_out_and_come_in(name, extra):
    model = models.create_model(name, 5, **TINY, **extra)
    state = models.weights.to_torch(model, zeros(model))
    indices = [name for name in state if name.endswith("relative_position_index")]
    assert len(indices) == (4 if extra else 0)  # three blocks and the side block
    assert state["pos_embed"].shape == (1, 16, 16)
    assert state["y_embedder.embedding_table.weight"].shape == (6, 16)
    back = models.weights.from_torch(model, state)
    assert jax.tree.structure(back) == jax.tree.structure(zeros(model))
    # a model of the registry takes its classes from the file
    loaded, report = models.load_weights(model, zeros(model), state)
    assert not report.left_out
    assert jax.tree.structure(loaded) == jax.tree.structure(back)


def test_another_table_is_refused():
    model = models.create_model("dit_s_2", 5, **TINY)
    state = dict(models.weights.to_torch(model, zeros(model)))
    state["pos_embed"] = state["pos_embed"] + 1
    with pytest.raises(UserError, match="not the table that DiT computes"):
        models.weights.from_torch(model, state)


def test_a_stray_tensor_is_refused():
    model = models.create_model("dit_s_2", 5, **TINY)
    state = dict(models.weights.to_torch(model, zeros(model)), stray=np.zeros(1))
    with pytest.raises(UserError, match="stray"):
        models.weights.from_torch(model, state)
