import jax
import numpy as np

from tests.tasks.pretraining.self_distillation.conftest import make


def test_both_networks_begin_alike_and_of_one_form():
    task = make()
    params, state = jax.eval_shape(task.init, jax.random.key(0), {})
    assert params.keys() == {"encoder", "head"}
    assert params["head"].keys() == {"group"}
    shapes = jax.tree.map(lambda leaf: leaf.shape, params)
    assert shapes == jax.tree.map(lambda leaf: leaf.shape, state["teacher"]["params"])
    assert np.prod(params["head"]["group"]["prototypes"].shape) == 6 * 4
