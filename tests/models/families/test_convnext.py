import jax

from effjax.models import abstract_variables, create_model

SMALL = {"depths": (1, 2, 1, 1), "dims": (4, 4, 8, 8)}


def test_windows_may_differ_from_block_to_block():
    sizes = (3, (5, (3, 7)), 7, 7)
    model = create_model("convnext_tiny", 2, kernel_sizes=sizes, **SMALL)
    params = abstract_variables(model, (32, 32, 3))["params"]
    shapes = []
    for window in model.windows():
        module = params
        for name in window.path:
            module = module[name]
        shapes.append(module["kernel"].shape[:2])
    assert shapes == [(3, 3), (5, 5), (3, 7), (7, 7), (7, 7)]


def test_the_first_stage_has_no_downsampling():
    params = abstract_variables(create_model("convnext_tiny", 2, **SMALL), (32, 32, 3))["params"]
    assert [name for name in params if "downsample" in params[name]] == [
        "stages_1",
        "stages_2",
        "stages_3",
    ]
    assert jax.tree.leaves(params["stem"])[0].shape == (4,)
