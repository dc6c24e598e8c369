import jax
import jax.numpy as jnp
import numpy as np

from effjax.tasks.pretraining.self_distillation.options import DistillationConfig
from effjax.tasks.pretraining.self_distillation.state import fresh, remember, store


def test_a_run_holds_what_its_terms_need():
    dino = jax.eval_shape(lambda: fresh(jax.random.key(0), DistillationConfig(outputs=6), 4))
    assert dino.keys() == {"centre"}
    pairs = DistillationConfig(terms=("local_group",), local_queue=8, memory=5, neighbours=2)
    mugs = jax.eval_shape(lambda: fresh(jax.random.key(0), pairs, 4))
    assert mugs.keys() == {"local_group_queue", "student_memory", "teacher_memory"}
    assert mugs["student_memory"]["entries"].shape == (5, 4)


def test_crops_are_written_one_after_the_other():
    crops = jnp.arange(6.0).reshape(2, 3, 1)
    held = remember(store(jnp.zeros((8, 1))), crops, jnp.asarray([1.0, 0, 1]), None)
    np.testing.assert_array_equal(held["entries"][:, 0], [0, 2, 3, 5, 0, 0, 0, 0])
    assert int(held["pointer"]) == 4
