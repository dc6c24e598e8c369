"""Every public name of revision 3e71cb4 still works; one that has moved warns once."""

import importlib
import sys
import warnings

import pytest

import effjax
from effjax.moved import MOVED, RENAMED

# module: its `__all__` in that revision
PUBLIC = {
    "effjax.bench": "BenchConfig bench empty_config optimizer use_targets workload",
    "effjax.cli": "VERBS default_workdir main make_parser parse",
    "effjax.config": """
        Clock Duration UNITS UNSET View as_path call_config changed check from_json
        is_remote load set_values to_config
    """,
    "effjax.data": """
        AugmentConfig Batches DataConfig MixConfig Split mix_batch normalise open_split
    """,
    "effjax.evaluate": "compare_workdirs evaluate_weights evaluate_workdir read_run restore",
    "effjax.export": "FORMATS export",
    "effjax.models": """
        Cost ImageModel MIXERS Pretrained TokenMixer convnext cost create_model
        default_fields dualformer entry inception_next inception_transformer list_models
        load_weights metaformer pretrained published read_architecture register
        register_pretrained resnet save_weights visformer vit weights write_architecture
    """,
    "effjax.models.weights": """
        Report fetch from_torch load_weights read_state rewrite save_weights to_torch
        write_state
    """,
    "effjax.ops": """
        depthwise_conv depthwise_conv_reference matrix_product onednn_calls patch_conv
        patch_conv_reference pool_minus_input pool_minus_input_reference
    """,
    "effjax.optim": """
        AdanState Estimator Euclidean Grassmann LookaheadState Manifold MarsState
        MomentumState OptimizerInfo Progress ScheduleInfo SoapState Spd Sphere Spider
        Stiefel Svrg WinState accelerated_step adam_win adamw_win adan adan_win
        add_coupled_decay add_decoupled_decay add_local_penalty cautious clip_by_norm create
        create_injected create_schedule dpsgd eval_params finite_sum hsdmpg in_float32 lamb
        lamb_win layer_depths layer_scales lion_win list_optimizers list_schedules lookahead
        mars match_rules noisy_sgd normalised_steps optimizer_info parameter_paths r_spider
        restart scale_by_adan scale_by_lamb scale_by_mars scale_by_moments scale_by_momentum
        scale_by_soap schedule_free_adamw schedule_free_sgd set_learning_rate sgd_win slrla
        soap steady step_with_decay unused_rules
    """,
    "effjax.report": """
        Display choose_display compare_table draw_confusion draw_reliability draw_severities
        draw_sheet format_bytes format_count format_latex format_seconds format_table
        plot_run plot_runs plot_text
    """,
    "effjax.search": """
        Cost Found KernelSearch MASKS SearchConfig Site Sizes energy_sizes find_sites
        read_off repair with_sizes
    """,
    "effjax.sweep": """
        Sweep choice grid halton integers linear log make_plan random space sweep zipped
    """,
    "effjax.train": """
        Evaluator OptimConfig RunConfig Source Task TrainState add_optimizer default_config
        train
    """,
}


def import_name(module, name):
    """(what `from module import name` gives, its warnings)."""
    namespace = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(f"from {module} import {name}", namespace)
    return namespace[name], [warning.category for warning in caught]


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_of_the_old_revision_work(module):
    moved = MOVED.get(module.removeprefix("effjax."), {})
    for name in PUBLIC[module].split():
        importlib.import_module(module)
        forget(module, name)
        value, warned = import_name(module, name)
        assert value is not None
        assert warned == [DeprecationWarning] * (name in moved), name
        assert import_name(module, name) == (value, [])


def forget(module, name):
    """A moved name that an earlier test has used would not warn again."""
    place = module.removeprefix("effjax.")
    if name in MOVED.get(place, {}):
        vars(sys.modules[module]).pop(name, None)


def test_every_new_place_exists():
    for place, names in MOVED.items():
        for name, new_module in names.items():
            new_name = RENAMED.get((place, name), name)
            assert hasattr(importlib.import_module(f"effjax.{new_module}"), new_name), name


def test_train_is_the_function_whatever_was_imported():
    import effjax.train

    import effjax.tasks.run

    forget("effjax.train", "Task")
    with pytest.warns(DeprecationWarning, match=r"effjax\.contract\.Task"):
        from effjax.train import Task

    assert Task is effjax.contract.Task is effjax.Task
    assert effjax.train is effjax.tasks.run.train
    assert callable(effjax.train)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(ImportError, match="Nothing"):
        from effjax.train import Nothing  # noqa: F401
    with pytest.raises(AttributeError, match="nothing"):
        _ = effjax.nothing


def test_every_room_is_reachable():
    for room in dir(effjax):
        assert getattr(effjax, room) is not None
    assert {"search", "export", "training", "cli"} <= set(dir(effjax))
