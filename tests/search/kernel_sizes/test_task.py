"""The search as a task: what it costs, what it exports, how it goes on, what it refuses."""

import dataclasses
import json
import os
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import effjax
from effjax.contract import Source
from effjax.errors import Preempted
from effjax.models import (
    cost,
    create_model,
    default_fields,
    load_weights,
    write_architecture,
)
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.search.kernel_sizes.task import KernelSearch
from effjax.tasks.run import build
from effjax.training.setup import use_architecture
from tests.search.kernel_sizes.conftest import fresh, search_config, supernet_of

QUIET = choose_display(quiet=True)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["projected", "two_sided"])
def test_sizes_start_at_the_largest_and_feel_the_task(form):
    task, state = fresh("convformer_s18", form=form, weight=0.0, hold_steps=5.0)
    net = task.supernet
    sizes = np.asarray(net.soft_sizes(state.params, net.budgets[0], 0.0))
    np.testing.assert_allclose(sizes, 1 + 0.975 * (net.sizes.largest - 1), rtol=1e-5)
    batch = next(task.split.batches())
    gradient = jax.jit(jax.grad(task.loss, has_aux=True))
    inputs = state.params, state.model_state, batch, jax.random.key(0)
    grads, _ = gradient(*inputs, jnp.int32(5))
    assert np.all(np.abs(grads["sizes"]["heads"]).max(-1) > 0)
    held, _ = gradient(*inputs, jnp.int32(4))
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(held["sizes"]))
    assert np.any(held["kernels"]["stages_0.blocks_0.token_mixer.dwconv"])


@pytest.mark.slow
def test_search_export_train(tmp_path):
    """Search, write, train what was found from scratch and from the search's weights."""
    search = tmp_path / "search"
    effjax.train(search_config("inception_next_atto", 12), search, display=QUIET)
    record = json.loads((search / "search.json").read_text())[0]
    assert record["cost"] <= record["budget"]
    assert (search / "kernel_sizes.png").stat().st_size > 10_000
    path = search / "architecture.json"
    model = create_model(str(path), num_classes=10, drop_path_rate=0.0)
    found = cost(model, (16, 16, 3)).macs
    net = supernet_of("inception_next_atto")
    sizes = [record["sizes"][name] for name in net.sizes.names]
    assert model.architecture == net.with_sizes(sizes).architecture
    assert found == cost(net.with_sizes(sizes), (16, 16, 3)).macs
    variables = model.init(jax.random.key(0), jnp.zeros((1, 16, 16, 3)))
    _, report = load_weights(model, variables, search / "weights.safetensors")
    assert not report.replaced
    for start, loss in ((None, 0.0), (str(search), 0.0)):
        config = search_config("inception_next_atto", 2)
        config.task = effjax.default_config().task
        del config.optim["sizes"], config.optim["kernels"]
        config.model.arch = str(path)
        config.init_from = start
        run = tmp_path / f"train-{start is None}"
        effjax.train(config, run, display=QUIET)
        stored = json.loads((run / "config.json").read_text())["config"]["model"]
        assert stored["arch"] is None
        assert stored["square_kernels"] == [
            list(map(int, np.ravel(stage))) for stage in model.architecture.square_kernels
        ]
        assert read_rows(run)[-1]["val/loss"] > loss
    warm, cold = (read_rows(tmp_path / f"train-{c}")[0]["train/loss"] for c in (False, True))
    assert warm != cold


def test_an_architecture_takes_the_place_of_what_the_config_says(tmp_path):
    """Also where it has its name's own value, which the file leaves out."""
    path = tmp_path / "architecture.json"
    sizes = ((3, 5), (7,), (7,), (7,))
    found = create_model("convformer_s18", depths=(2, 1, 1, 1), kernel_sizes=sizes).architecture
    write_architecture("convformer_s18", found, path)
    config = search_config("convformer_s18")
    config.model.update(arch=str(path), kernel_sizes=(9, 9, 9, 9), drop_path_rate=0.3)
    config.lock()  # as one from the command line is
    use_architecture(config)
    fields = {
        key: value
        for key, value in config.model.items()
        if key in default_fields(config.model.name)
    }
    assert create_model("convformer_s18", **fields).architecture == dataclasses.replace(
        found, drop_path_rate=0.3
    )


@pytest.mark.slow
def test_an_update_that_is_left_out_leaves_the_memory_of_sizes():
    """A network of NaN: the loss is no number, and the sizes' rounded values stay unknown."""
    config = search_config("convformer_s18")
    config.nonfinite = "skip"
    setup = build(config)
    state = setup.fresh()
    ruined = jax.tree.map(lambda leaf: leaf * jnp.nan, state.params["network"])
    state = state.replace(params={**state.params, "network": ruined})
    batch = next(setup.source.batches())
    after, _ = jax.jit(setup.step, static_argnums=2)(state, batch, ())
    memory = after.model_state["search"]
    assert int(after.step) == 1
    assert not np.any(memory["rounded"])
    for name in ("sizes", "kernels"):
        jax.tree.map(np.testing.assert_array_equal, after.params[name], state.params[name])


class Interrupting(Source):
    """A source during which a signal comes, so that `after` updates are made."""

    def __init__(self, source, after):
        self._source, self._after = source, after
        self.num_examples, self.spec = source.num_examples, source.spec

    def batches(self, start=0):
        for step, batch in enumerate(self._source.batches(start), start):
            if step + 1 == self._after:
                os.kill(os.getpid(), signal.SIGTERM)
            yield batch


@pytest.mark.slow
def test_an_interrupted_search_goes_on_to_the_bit(tmp_path, monkeypatch):
    def config():
        return search_config("convformer_s18", 8, budget_sizes=(3, 5), kernels="implicit")

    effjax.train(config(), tmp_path / "whole", display=QUIET)
    source = KernelSearch.source
    with monkeypatch.context() as patched:
        patched.setattr(KernelSearch, "source", lambda self: Interrupting(source(self), 4))
        with pytest.raises(Preempted, match="saved at step 4"):
            effjax.train(config(), tmp_path / "halves", display=QUIET)
    effjax.train(config(), tmp_path / "halves", display=QUIET)
    whole, halves = (
        [
            {k: v for k, v in row.items() if not k.startswith("perf/")}
            for row in read_rows(tmp_path / name)
        ]
        for name in ("whole", "halves")
    )
    assert whole == halves
    assert any(name.startswith("search/") for name in whole[0])
    for name in ("search.json", "architecture.json", "architecture-2.json", "weights.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "halves" / name).read_bytes()


@pytest.mark.slow
def test_one_search_is_read_off_at_several_budgets(tmp_path):
    config = search_config("convformer_s18", 60, budget_sizes=(3, 5, 7), hold_steps=5.0)
    effjax.train(config, tmp_path, display=QUIET)
    records = json.loads((tmp_path / "search.json").read_text())
    assert [record["cost"] <= record["budget"] for record in records] == [True] * 3
    soft = [sum(record["soft"].values()) for record in records]
    assert soft[0] < soft[1] < soft[2]


@pytest.mark.slow
def test_a_search_ends_when_sizes_have_settled(tmp_path):
    config = search_config("convformer_s18", 40, hold_steps=2.0, warmup_steps=2.0)
    config.task.settled_steps = 8.0
    config.optim.sizes.learning_rate = 1e-7  # nothing moves
    config.evals.val.every_steps = 5.0
    effjax.train(config, tmp_path, display=QUIET)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["ended_early"]
    assert summary["step"] == 10
    assert effjax.train(config, tmp_path, display=QUIET) == summary


@pytest.mark.slow
def test_pooling_windows_by_latency(tmp_path, pooling_table):
    keys = {"cost": "latency", "latency_table": str(pooling_table)}
    effjax.train(search_config("poolformer_s12", 6, **keys), tmp_path, display=QUIET)
    record = json.loads((tmp_path / "search.json").read_text())[0]
    assert record["cost"] <= record["budget"]
    assert create_model(str(tmp_path / "architecture.json")).architecture.kernel_sizes == tuple(
        (size,) for size in record["sizes"].values()
    )
