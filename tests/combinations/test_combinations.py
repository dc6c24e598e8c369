"""What must hold in every mode at once: rows of choices, so that every pair of choices occurs.

A row is a real training of a few steps, compared with a plain loop that is written out below: one
device, no parts, the sum over valid examples divided by their number, an optimizer over what is
learned alone. The rows were drawn once; they are

{rows}

devices: one, mesh of 4, pmap of 4, fsdp (2 x 2), two processes of 2 | parts of a batch |
examples: all valid, some masked | plain, frozen part, factors of the rate (one of them 0), layer
decay | dtype of the parameters | one update that is not finite and is skipped | moving average |
optimizer.
"""

import functools
import itertools
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import effjax
from effjax import optim
from effjax.config import View
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.tasks.run import restore
from effjax.training.groups import Groups
from tests.combinations.network import (
    BAD_STEP,
    BATCH,
    CLIP,
    DECAY,
    EMA,
    FACTORS,
    LAYER_DECAY,
    MASK,
    OPTIMIZERS,
    RATE,
    STEPS,
    Examples,
    Network,
    Row,
    make_config,
    squared_errors,
)

ROWS = """
    one 2 all frozen float32 none ema adam
    one 1 some plain float32 skip none lamb
    one 2 all frozen bfloat16 none none lookahead
    one 2 some plain float32 none none sgd
    one 2 some factors bfloat16 none none sgd
    one 2 all layers float32 skip ema muon
    mesh 2 some factors bfloat16 skip none adam
    mesh 1 all factors float32 none ema lamb
    mesh 2 some layers float32 none none lamb
    mesh 1 some layers bfloat16 none ema lookahead
    mesh 1 some frozen float32 none ema sgd
    mesh 1 all plain bfloat16 skip ema muon
    pmap 1 some layers bfloat16 none none adam
    pmap 2 some factors float32 skip ema adam
    pmap 2 all frozen bfloat16 none ema lamb
    pmap 2 all plain bfloat16 none none lookahead
    pmap 1 some plain float32 none none sgd
    pmap 2 all plain bfloat16 skip none sgd
    pmap 1 all factors float32 none none muon
    fsdp 1 some plain float32 skip ema adam
    fsdp 1 all frozen bfloat16 none none lamb
    fsdp 2 some layers float32 skip ema lookahead
    fsdp 2 some frozen float32 none ema lookahead
    fsdp 1 some factors bfloat16 none none sgd
    fsdp 2 all plain bfloat16 skip ema muon
    two 2 all plain float32 none ema adam
    two 2 some layers float32 none none lamb
    two 1 all factors bfloat16 none none lookahead
    two 1 all layers bfloat16 none none sgd
    two 2 some frozen float32 skip ema muon
"""
# further methods for matrices, each where its state is split and where devices are averaged by name
MATRIX_ROWS = """
    fsdp 1 all plain float32 none none normuon
    pmap 2 some frozen float32 none ema normuon
    fsdp 2 some plain float32 none none scion
    pmap 1 all layers float32 skip none scion
    fsdp 1 all plain float32 none none soap
    pmap 2 some frozen float32 none ema soap
    fsdp 1 all plain float32 none none shampoo
    pmap 2 some frozen float32 none ema shampoo
    fsdp 1 all plain float32 none none kron
    pmap 2 some frozen float32 none ema kron
    fsdp 2 some factors float32 none none apollo
    pmap 1 all frozen float32 skip ema apollo
    fsdp 2 some factors float32 none none muon_win
    pmap 1 all frozen float32 skip ema muon_win
"""
__doc__ = __doc__.format(rows=ROWS.strip("\n"))
LINES = [line.strip() for line in ROWS.strip().splitlines()]
QUICK = LINES[:25:8]  # of each kind of device; each row compiles for six to ten seconds
ONE_PROCESS = [
    line if line in QUICK else pytest.param(line, marks=pytest.mark.slow)
    for line in LINES
    if not line.startswith("two")
]
CHOICES = (
    ("one", "mesh", "pmap", "fsdp", "two"),
    ("1", "2"),
    ("all", "some"),
    ("plain", "frozen", "factors", "layers"),
    ("float32", "bfloat16"),
    ("none", "skip"),
    ("none", "ema"),
    ("adam", "lamb", "lookahead", "sgd", "muon"),
)
TOLERANCE = {"float32": 1e-5, "bfloat16": 2.0**-7}


def test_every_pair_of_choices_occurs():
    drawn = [line.split() for line in LINES]
    for one, other in itertools.combinations(range(len(CHOICES)), 2):
        pairs = set(itertools.product(CHOICES[one], CHOICES[other]))
        assert pairs == {(row[one], row[other]) for row in drawn}


# --------------------------------------------------------------------------- the plain loop


def factors(row):
    """{layer: {name: factor of the rate}}."""
    layers = ("stem", "blocks_0", "blocks_1", "head")
    found = {layer: {"kernel": 1.0, "bias": 1.0} for layer in layers}
    if row.rule == "frozen":
        found["stem"] = {"kernel": 0.0, "bias": 0.0}
    elif row.rule == "factors":
        found["stem"] = {"kernel": 0.0, "bias": 0.0}
        found["blocks_0"] = {"kernel": 0.5, "bias": 0.5}
        found["blocks_1"]["bias"] = found["head"]["bias"] = 2.0
    elif row.rule == "layers":
        for depth, layer in enumerate(layers):
            found[layer] = dict.fromkeys(found[layer], LAYER_DECAY ** (3 - depth))
    return found


def learned(tree, scale):
    """The layers that are learned: a layer is frozen as a whole here."""
    return {layer: leaves for layer, leaves in tree.items() if scale[layer]["kernel"] > 0}


def make_plain(row):
    """(optimizer over what is learned, one update as a compiled function)."""
    scale = factors(row)
    fields = dict(OPTIMIZERS[row.optimizer])
    if row.rule in ("factors", "layers"):
        fields["lr_scale"] = learned(scale, scale)
    rules = effjax.default_config().optim.default.decay
    tx = optim.create(
        fields.pop("name"),
        RATE,
        weight_decay=DECAY,
        mask=lambda params: optim.match_rules(rules, params),
        clip_norm=CLIP,
        **fields,
    )

    def loss(part, params, batch):
        return squared_errors(params | part, batch).sum() / batch["x"].shape[0]

    @jax.jit
    def update(params, state, batch):
        part = learned(params, scale)
        grads = jax.grad(loss)(part, params, batch)
        updates, state = tx.update(grads, state, part)
        return params | optax.apply_updates(part, updates), state

    return tx, scale, update


def evaluated(params, state, scale):
    return params | optim.eval_params(learned(params, scale), state)


def train_plainly(row, params):
    """What a run of the row must end in: params, evaluated, average, sums."""
    tx, scale, update = make_plain(row)
    state = tx.init(learned(params, scale))
    average = jax.tree.map(lambda p: p.astype(jnp.float32), evaluated(params, state, scale))
    source, bad = Examples(row.masks, bad=False), row.nonfinite == "skip"
    made, seen = 0, 0.0
    for step in range(STEPS):
        if bad and step == BAD_STEP:
            continue
        batch = source.batch(step)
        valid = batch["mask"] > 0
        params, state = update(params, state, {"x": batch["x"][valid], "y": batch["y"][valid]})
        decay = min(EMA, (1 + step) / (10 + step))
        average = jax.tree.map(
            lambda a, p, d=decay: d * a + (1 - d) * p.astype(jnp.float32),
            average,
            evaluated(params, state, scale),
        )
        seen += valid.sum()
        made += 1
    stem_moves = scale["stem"]["kernel"] > 0
    return {
        "params": params,
        "evaluated": evaluated(params, state, scale),
        "average": average,
        "seen": {"head": seen, "stem": seen if stem_moves else 0.0},
        "made": made,
    }


# ------------------------------------------------------------------------------ the rows


def assert_close(found, expected, tolerance, what):
    """Relative to the largest number of each array."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(expected):
        other = functools.reduce(lambda tree, key: tree[key.key], path, found)
        one, other = np.asarray(other, np.float32), np.asarray(leaf, np.float32)
        limit = tolerance * np.abs(other).max()
        assert np.abs(one - other).max() <= limit, f"{what} {jax.tree_util.keystr(path)}"


def check(row, state, rows):
    # every choice of devices begins with the same draws
    init_key, _ = jax.random.split(jax.random.key(0))
    start, _ = Network(View(make_config(row))).init(init_key, None)
    expected = train_plainly(row, start)
    tolerance = TOLERANCE[row.dtype]
    assert_close(state.params, expected["params"], tolerance, "params")
    labels = jax.tree.map(lambda factor: "default" if factor else "frozen", factors(row))
    slow = Groups(labels, {"default": None}, {}).eval_params(state.params, state.opt_state)
    assert_close(slow, expected["evaluated"], tolerance, "evaluated")
    for layer, seen in expected["seen"].items():
        np.testing.assert_allclose(state.model_state["sums"][layer]["seen"], seen)
    if row.average == "ema":
        assert_close(state.ema["params"], expected["average"], tolerance, "average")
    losses = [values["train/loss"] for values in rows if "train/loss" in values]
    assert len(losses) == STEPS
    skipped = [step for step, loss in enumerate(losses) if loss is None]
    assert skipped == ([BAD_STEP] if row.nonfinite == "skip" else [])
    if skipped:
        assert rows[-1]["optim/skipped"] == 1


@pytest.mark.parametrize("line", ONE_PROCESS)
def test_one_process(line, tmp_path):
    row = Row.parse(line)
    effjax.train(make_config(row), tmp_path, display=choose_display(quiet=True))
    check(row, jax.device_get(Network.finished), read_rows(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("line", [line.strip() for line in MATRIX_ROWS.strip().splitlines()])
def test_methods_for_matrices(line, tmp_path):
    test_one_process(line, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("two")])
def test_two_processes(line, tmp_path):
    launch = [sys.executable, "launch/local.py", "--processes=2", "--devices-per-process=2"]
    spec = f"tests/combinations/config.py:{line.replace(' ', ',')}"
    command = [sys.executable, "-m", "effjax", "train", f"--config={spec}"]
    command.append(f"--workdir={tmp_path}")
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [*launch, "--", *command], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    _, state = restore(tmp_path, choose_display(quiet=True), devices=1)
    check(Row.parse(line), jax.device_get(state), read_rows(tmp_path))


def test_some_examples_are_masked_unevenly():
    """Otherwise a mean of means would be right by chance."""
    for parts in (2, 4, 8):
        counts = MASK.reshape(parts, -1).sum(1)
        assert counts.min() < counts.max()
    assert MASK.size == BATCH
    assert FACTORS[0][1] == 0.0
