"""Parts of a network that begin to learn one after another."""

import types

import jax
import numpy as np
import pytest

import effjax
from effjax.config import Clock
from effjax.errors import UserError
from effjax.inspect.show import parameter_rows
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.tasks.run import build
from effjax.tasks.unfreezing import Unfreezing, parameter_labels, read_unfreezing
from effjax.training.programs import compile_step

PARAMS = {"stem": {"w": 0}, "layer1": {"w": 0, "b": 0}, "head": {"w": 0}}
BACKBONE = {"stem/w", "layer1/w", "layer1/b"}


def test_the_first_rule_that_matches_decides():
    found = Unfreezing((("layer1/b", 0), ("^layer", 30), ("^stem", 20)))
    labels = parameter_labels(PARAMS, None, found, lambda: BACKBONE)
    assert labels == {
        "stem": {"w": "default_part1"},
        "layer1": {"w": "default_part2", "b": "default"},
        "head": {"w": "default"},
    }
    assert [found.phase(step) for step in (0, 19, 20, 29, 30)] == [0, 0, 1, 1, 2]
    assert found.waiting(0) == {"default_part1", "default_part2"}
    assert found.waiting(1) == {"default_part2"}
    assert found.waiting(2) == frozenset()
    frozen = parameter_labels(PARAMS, "stem", Unfreezing((("backbone", 9),)), lambda: BACKBONE)
    assert frozen["stem"]["w"] == "frozen"
    assert frozen["layer1"]["w"] == "default_part1"


def options(**keys):
    return types.SimpleNamespace(**{"unfreeze_steps": None, "unfreeze_epochs": None, **keys})


def test_epochs_are_turned_into_steps():
    found = read_unfreezing(options(unfreeze_epochs=(("a", 1.5),)), Clock(8, 80), 100)
    assert found.rules == (("a", 15),)
    with pytest.raises(UserError, match="'a' would begin at step 100 of a run of 100"):
        read_unfreezing(options(unfreeze_steps=(("a", 100),)), Clock(8, 80), 100)


@pytest.mark.parametrize(
    ("rules", "frozen", "told"),
    [
        ((("nothing", 3),), None, "'nothing' decides for no parameter"),
        (((".*", 3), ("stem", 4)), None, "'stem' decides for no parameter"),
        (((".*", 3),), None, "nothing learns at the start"),
        ((("(", 3),), None, "config.task.unfreeze = '.' is not a regular expression"),
        ((), "nothing", "freezes none of the parameters"),
    ],
)
def test_rules_that_do_nothing_are_refused(rules, frozen, told):
    with pytest.raises(UserError, match=told):
        parameter_labels(PARAMS, frozen, Unfreezing(rules), lambda: BACKBONE)


# ------------------------------------------------------------------------------- in a run

RULES = (("^layer4", 2), ("^(conv1|bn1|layer)", 4))


def make_config(**task):
    """A ResNet with batch norm; the classifier learns first."""
    config = effjax.default_config()
    config.total_steps = 6.0
    config.data.update(name="synthetic", image_size=8, batch_size=8, synthetic_examples=16)
    config.data.augment.update(crop="none", hflip=0.0)
    config.model.update(name="resnet18", depths=(1, 1, 1, 1), dims=(4, 4, 4, 4), stem_pool=False)
    config.optim.default.update(name="adamw", learning_rate=1e-2, clip_norm=0.5)
    config.checkpoint.update(every_steps=3.0, keep_last=9)
    config.parallel.devices = 1
    config.log.update(every_steps=1.0, tensorboard=False, curves=False)
    config.task.update(task)
    return config


def parts_of(tree):
    """{part: leaves} of a tree like the parameters."""
    found = {"head": [], "layer4": [], "rest": []}
    for name, layer in tree.items():
        part = "head" if name == "fc" else "layer4" if name.startswith("layer4") else "rest"
        found[part] += jax.tree.leaves(layer)
    return found


def same(old, new):
    pairs = zip(jax.tree.leaves(old), jax.tree.leaves(new), strict=True)
    return all((np.asarray(a) == np.asarray(b)).all() for a, b in pairs)


@pytest.fixture(scope="module")
def walk():
    """States after each of six updates, with the metrics of each."""
    setup = build(make_config(unfreeze_steps=RULES))
    states, rows = [jax.device_get(setup.fresh())], []
    state = setup.runner.place(setup.fresh())
    programs = {}
    with setup.source.batches() as batches:
        for step in range(6):
            variant = setup.task.variant(step)
            if variant not in programs:
                programs[variant] = compile_step(setup, variant, state)
            state, metrics = programs[variant](state, setup.runner.send(next(batches)))
            states.append(jax.device_get(setup.runner.gather(state)))
            rows.append(setup.runner.fetch(metrics))
    return setup, states, rows, len(programs)


def test_what_waits_stays_whole_and_its_optimizer_is_untouched(walk):
    _, states, rows, programs = walk
    assert programs == 3
    begins = {"head": 0, "layer4": 2, "rest": 4}
    group = {"head": "default", "layer4": "default_part1", "rest": "default_part2"}
    for step in range(6):
        old, new = states[step], states[step + 1]
        for part, first in begins.items():
            waits = step < first
            assert same(parts_of(old.params)[part], parts_of(new.params)[part]) == waits
            name = group[part]
            assert same(old.opt_state[name], new.opt_state[name]) == waits
            suffix = "" if name == "default" else f"_{name}"
            assert (rows[step][f"optim/lr{suffix}"] == 0) == waits
            assert (rows[step][f"optim/grad_norm{suffix}"] == 0) == waits
            if part != "head":
                averages = [parts_of(state.model_state["batch_stats"]) for state in (old, new)]
                assert same(averages[0][part], averages[1][part]) == waits


def test_parts_are_clipped_by_their_common_norm(walk):
    """From the last step of all parts: with plain SGD the update is the clipped gradient."""
    config = make_config(unfreeze_steps=RULES)
    config.optim.default.update(name="sgd", learning_rate=1.0, clip_norm=1e-3)
    config.schedule.name = "constant"
    setup = build(config)
    state = setup.runner.place(setup.fresh())
    with setup.source.batches() as batches:
        program = compile_step(setup, setup.task.variant(5), state)
        moved, _ = program(state, setup.runner.send(next(batches)))
    old, new = setup.fresh().params, setup.runner.gather(moved).params
    squares = jax.tree.map(lambda a, b: float(((a - b) ** 2).sum()), old, new)
    assert sum(jax.tree.leaves(squares)) ** 0.5 == pytest.approx(1e-3, rel=1e-3)


def test_what_is_learned_is_counted_apart(walk):
    setup, *_ = walk
    counts = [row[1] for row in parameter_rows(setup) if row[0].startswith("learned from step")]
    numbers = [int(count.replace(",", "")) for count in counts]
    total = sum(leaf.size for leaf in jax.tree.leaves(setup.abstract.params))
    assert len(numbers) == 3
    assert 0 < numbers[0] < numbers[1] < numbers[2] == total


@pytest.mark.slow
def test_a_run_goes_on_to_the_bit_across_a_beginning(tmp_path, capsys):
    config = make_config(unfreeze_steps=RULES)
    effjax.train(config, tmp_path / "whole", display=choose_display(quiet=True))
    stopped = tmp_path / "stopped"
    effjax.train(config, stopped, display=choose_display(quiet=True))
    for name in ("4", "5", "6"):
        for folder in (stopped / "checkpoints").glob(name):
            _remove(folder)
    (stopped / "summary.json").unlink()
    effjax.train(config, stopped, display=choose_display())
    shown = capsys.readouterr().out
    assert "continuing" in shown
    assert "step 4  learning" in shown
    for one, other in zip(read_rows(tmp_path / "whole"), read_rows(stopped), strict=True):
        learned = {key for key in one if key.startswith(("train/", "val/", "optim/"))}
        assert {key: one[key] for key in learned} == {key: other[key] for key in learned}


def _remove(folder):
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def test_a_method_of_one_number_is_refused():
    config = make_config(unfreeze_steps=RULES)
    config.optim.default.update(name="prodigy", learning_rate=1.0)
    with pytest.raises(UserError, match="prodigy takes one number over all its parameters"):
        build(config)
