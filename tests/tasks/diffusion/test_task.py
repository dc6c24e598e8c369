import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.config import View
from effjax.errors import UserError
from effjax.runs.metrics import read_rows
from effjax.tasks.diffusion.task import Diffusion
from effjax.tasks.run import build
from tests.tasks.diffusion.conftest import quick_config


def make(arg="dit", **task) -> Diffusion:
    return Diffusion(View(quick_config(arg, **task)))


def batch(count=4, label=1, first=0):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count + first, 32, 32, 3)).astype(np.uint8)
    return {
        "image": images[first:],
        "label": np.full(count, label, np.int32),
        "index": np.arange(first, first + count, dtype=np.int32),
        "mask": np.ones(count, np.float32),
    }


@pytest.fixture(scope="module")
def dit():
    """(task, params with a non-zero output)."""
    task = make()
    shapes, _ = jax.eval_shape(task.init, jax.random.key(0), batch())
    leaves, tree = jax.tree.flatten(shapes)
    rng = np.random.default_rng(1)
    filled = [0.1 * rng.standard_normal(leaf.shape).astype(np.float32) for leaf in leaves]
    return task, tree.unflatten(filled)


@pytest.mark.slow
def test_a_run_learns_with_masks_and_is_measured(trained_run):
    workdir, summary = trained_run
    rows = [row for row in read_rows(workdir) if "train/masked_loss" in row]
    assert rows
    # noise and data have unit scale or less: the output is zero at the start
    assert 0.5 < rows[0]["train/loss"] < 3
    final = {name: value for row in read_rows(workdir) for name, value in row.items()}
    assert {"val/loss", "val_ema/loss", "val/quarter1_loss"} <= final.keys()
    assert summary["macs"] > 0


def test_draws_belong_to_examples(dit):
    """The mean of two halves, each with its own indices, is that of the whole batch."""
    task, params = dit

    @jax.jit
    def loss(part):
        return task.loss(params, {}, part, jax.random.key(3), jnp.asarray(0))[0]

    whole = batch(4)
    halves = [{k: v[s] for k, v in whole.items()} for s in (slice(0, 2), slice(2, 4))]
    mean = sum(float(loss(half)) for half in halves) / 2
    assert float(loss(whole)) == pytest.approx(mean, rel=1e-5)


def test_padding_counts_for_nothing_and_a_label_that_is_no_class_is_seen(dit):
    task, params = dit
    loss = jax.jit(lambda part: task.loss(params, {}, part, jax.random.key(3), jnp.asarray(0))[0])
    # the shapes of the test before: compiled programs are shared
    padded = batch(4)
    padded["mask"][2:] = 0
    padded["label"][2:] = 99
    half = {k: v[:2] for k, v in batch(4).items()}
    assert float(loss(padded)) == pytest.approx(float(loss(half)), rel=1e-5)
    assert np.isnan(loss(batch(4, label=99)))


def test_the_masked_pass_has_fixed_sizes():
    task = make("mdt", mask_ratios=4)
    sizes = {task.variant(step) for step in range(60)}
    # 16 tokens, ratios of 0.325 to 0.475
    assert sizes == {10, 9, 8}
    assert task.variant(7) == make("mdt", mask_ratios=4).variant(7)
    assert make("dit").variant(3) == ()


@pytest.mark.parametrize(
    ("arg", "task", "message"),
    [
        ("dit", {"mask_ratio": 0.3}, "cannot learn so"),
        ("mdt", {"mask_ratio": 0.9, "mask_spread": 0.2}, "some must be seen"),
        ("dit", {"momentum": 2.0}, "belongs to process 'edm'"),
        ("unet", {"process": "meanflow", "label_dropout": 1.5}, "out of range"),
    ],
)
def test_what_cannot_be_learned_is_refused(arg, task, message):
    def use():
        made = make(arg, **task)
        return made.process, made.model, made.variant(0)

    with pytest.raises(UserError, match=message):
        use()


def test_a_classifier_is_no_denoiser():
    config = quick_config("dit")
    with config.unlocked():
        config.model = {**quick_config("unet").model.to_dict(), "name": "caformer_s18"}
    with pytest.raises(UserError, match="'caformer_s18' is a classifier, task 'diffusion' trains"):
        _ = Diffusion(View(config)).model


def test_forward_derivatives_leave_onednn_out():
    config = quick_config("meanflow")
    config.parallel.onednn = True
    with pytest.raises(UserError, match=r"parallel\.onednn = True: task 'diffusion' takes forward"):
        build(config)
    assert Diffusion(View(config)).takes_forward_derivatives
    assert not make("dit").takes_forward_derivatives


@pytest.mark.slow
@pytest.mark.parametrize("arg", ["uvit", "unet", "ddpm", "edm", "fdm", "meanflow"])
def test_every_network_and_process_has_a_gradient(arg):
    task = make(arg)
    params, _ = task.init(jax.random.key(0), batch())
    grads = jax.grad(lambda p: task.loss(p, {}, batch(), jax.random.key(1), jnp.asarray(0))[0])(
        params
    )
    assert all(jnp.isfinite(g).all() for g in jax.tree.leaves(grads))
    assert any(g.any() for g in jax.tree.leaves(grads))
