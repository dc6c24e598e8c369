import jax
import jax.numpy as jnp
import numpy as np
import pytest

import effjax
from effjax.errors import UserError
from effjax.models import cost, create_model, read_architecture, write_architecture
from effjax.models.families.genotypes import write_genotype
from effjax.tasks.run import build

SMALL = {
    "normal": (("sep_conv_3x3", 0), ("skip_connect", 1)),
    "reduce": (("max_pool_3x3", 0), ("skip_connect", 1)),
    "normal_concat": (2,),
    "reduce_concat": (2,),
    "width": 4,
    "layers": 3,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "classes", "size", "params"),
    [
        # as printed in the authors' logs, without the auxiliary head
        ("darts_v2", 10, 32, 3_349_342),
        ("darts_v2_imagenet", 1000, 224, 4_718_752),
    ],
)
def test_parameters_are_the_published_ones(name, classes, size, params):
    assert cost(create_model(name, classes), (size, size, 3)).params == params


def test_the_genotype_is_the_architecture(tmp_path):
    architecture = create_model("darts_v1").architecture
    text = write_genotype(architecture)
    assert create_model("darts_v2", genotype=text).architecture == architecture
    write_architecture("darts_v2", architecture, tmp_path / "architecture.json")
    name, fields = read_architecture(tmp_path / "architecture.json")
    assert create_model(name, **fields).architecture == architecture


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"normal": (("sep_conv_3x3", 0),)}, "normal has 1 edges: give two for each node"),
        ({"normal": (("skip_connect", 0), ("skip_connect", 2))}, "comes after the states 0 to 1"),
        ({"normal": (("conv", 0), ("conv", 1))}, "expected"),
        ({"reduce_concat": (7,)}, "reduce_concat = \\(7,\\): name states of the cell"),
        ({"genotype": "Genotype(normal=3)"}, "cannot be read; write it as"),
    ],
)
def test_cells_that_cannot_be_are_refused(fields, message):
    with pytest.raises(UserError, match=message):
        create_model("darts_v2", **{**SMALL, **fields})


def test_maps_halve_at_reductions():
    model = create_model("darts_v2", num_classes=0, **SMALL)
    images = jnp.zeros((2, 8, 8, 3))
    variables = jax.eval_shape(model.init, jax.random.key(1), images)
    maps = jax.eval_shape(lambda v: model.apply(v, images, method="features"), variables)
    assert [maps[f"stage{n}"].shape[1:] for n in (1, 2, 3)] == [(8, 8, 4), (4, 4, 8), (2, 2, 16)]
    assert maps["prelogits"].shape == (2, 16)


@pytest.mark.slow
def test_the_auxiliary_head_is_a_part_of_the_loss_in_training_alone():
    config = effjax.default_config()
    config.total_steps = 1.0
    config.data.update(name="synthetic", image_size=32, batch_size=2, synthetic_examples=8)
    config.model.update(name="darts_v2", **SMALL, auxiliary=True)
    config.parallel.devices = 1
    task = build(config).task
    batch = {
        "image": np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8),
        "label": np.array([0, 1], np.int32),
        "mask": np.ones(2, np.float32),
        "index": np.arange(2, dtype=np.int32),
    }
    params, model_state = task.init(jax.random.key(0), batch)
    assert "auxiliary_head" in params
    assert task.predict(params, model_state, batch).shape == (2, task.model.num_classes)

    def loss(head):
        whole = {**params, "auxiliary_head": head}
        return task.loss(whole, model_state, batch, jax.random.key(0), jnp.int32(0))[0]

    grads = jax.grad(loss)(params["auxiliary_head"])
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(grads))
    assert float(jnp.abs(grads["classifier"]["kernel"]).max()) > 0


def test_a_map_too_small_for_the_auxiliary_head_is_refused():
    model = create_model("darts_v2", 10, **SMALL, auxiliary=True)
    with pytest.raises(UserError, match="auxiliary head meets a map of 2x2"):
        jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
