import jax
import jax.numpy as jnp
import numpy as np
import pytest

import effjax
from effjax.config import View
from effjax.tasks.pretraining.lejepa import LeJepa
from tests.tasks.pretraining.self_distillation.conftest import batch


def make():
    config = effjax.default_config()
    config.total_steps = 4.0
    config.task.update(name="lejepa", directions=8, hidden=8, outputs=4)
    config.model.update(name="vit_tiny_patch16_224", width=8, heads=2, depth=1, patch_size=2)
    config.data.update(name="synthetic", image_size=8, batch_size=8, synthetic_examples=32)
    for name in ("global1", "global2"):
        effjax.add_view(config, name, recipe="plain")
    effjax.add_view(config, "local", recipe="plain", size=4, count=2)
    return LeJepa(View(config))


@pytest.mark.slow
def test_crops_that_agree_leave_the_gaussian_term_alone():
    task = make()
    params, state = jax.jit(task.init)(jax.random.key(0), batch())
    step = jax.jit(jax.value_and_grad(task.loss, has_aux=True))

    def run(data):
        (loss, (new, metrics)), grads = step(params, state, data, jax.random.key(1), jnp.asarray(0))
        means = {name: float(value / count) for name, (value, count) in metrics.items()}
        return float(loss), new, means, grads

    loss, new, means, grads = run(batch())
    assert loss == pytest.approx(0.95 * means["prediction"] + 0.05 * means["isotropy"], rel=1e-5)
    assert means["prediction"] > 0
    assert means["isotropy"] > 0
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(grads))
    moved = new["head"]["batch_stats"]["norms_0"]["mean"]
    assert np.any(moved)
    data = batch()
    data["mask"][5:] = 0
    some = run(data)[0]
    for name in ("view_global1", "view_global2", "view_local"):
        data[name][5:] = 255
    assert run(data)[0] == pytest.approx(some, rel=1e-4)
