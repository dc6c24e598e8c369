"""Code of the user's own: a file of each kind outside the package, in every verb; its guards."""

import json
import subprocess
import sys
from importlib import metadata

import cv2
import jax
import numpy as np
import pytest

from effjax import cli, models, plugins
from effjax.data.config import DataConfig
from effjax.data.sources.open import open_examples
from effjax.errors import UserError
from effjax.models.blocks.mixers import find_mixer
from effjax.models.registry import _entries
from effjax.optim.registry import registry as optimizers
from effjax.runs.record import read_file
from effjax.tasks.evaluators import find_evaluator
from effjax.tasks.losses import find_loss, list_losses

FILES = {
    "shop/mixer.py": '''
import jax.numpy as jnp
from effjax.models import TokenMixer, register_mixer

@register_mixer("shop_shift", "each token takes a part of its left neighbour")
class Shift(TokenMixer):
    share: float = 0.5

    def __call__(self, x, train, examples):
        return (1 - self.share) * x + self.share * jnp.roll(x, 1, axis=2)
''',
    "shop/model.py": '''
import dataclasses
from effjax.models import default_fields, register_family
from effjax.models.families.metaformer import MetaFormer, MetaFormerArchitecture

@register_family(MetaFormer, "a network of four blocks")
def shop_models():
    fields = default_fields("identityformer_s12")
    fields |= {"depths": (1,) * 4, "dims": (4,) * 4, "patch_kernels": (1,) * 4}
    fields |= {"patch_strides": (1,) * 4, "patch_pads": (0,) * 4}
    fields |= {"mixers": ("shop.mixer:Shift(share=0.25)",) * 4}
    return {"shop_tiny": MetaFormerArchitecture(**fields)}
''',
    "shop/optimizer.py": '''
import optax
from effjax.optim import register_optimizer

@register_optimizer(paper="none")
def shop_sgd(learning_rate: float):
    """Gradient descent."""
    return optax.sgd(learning_rate)
''',
    "shop/schedule.py": '''
def falling(t, span, *, power: float = 2.0):
    """a power of the straight line"""
    return span.between((1 - t / span.steps) ** power)
''',
    "shop/evaluator.py": '''
import jax
import numpy as np
from effjax.data import open_split

class WorstClass:
    """The accuracy of the class that is hardest."""

    def __init__(self, predict, config, section):
        split = section.split or config.data.val_split
        self.source = open_split(config.data, split, seed=0, batch_size=8, train=False)
        self._predict = jax.jit(predict)

    def __call__(self, variables, rng, batches):
        hits, counts = np.zeros(2), np.zeros(2)
        for batch in batches:
            right = self._predict(variables, batch).argmax(-1) == batch["label"]
            np.add.at(hits, np.asarray(batch["label"]), np.asarray(right * batch["mask"]))
            np.add.at(counts, np.asarray(batch["label"]), np.asarray(batch["mask"]))
        yield "worst_top1", float((hits / counts).min())
''',
    "shop/source.py": '''
import numpy as np
from effjax.data import ImageSource

class Squares(ImageSource):
    """Dark and bright squares."""

    class_names = ("dark", "bright")

    def __len__(self):
        return 32 if self.split == "train" else 12

    def __getitem__(self, row):
        rng = np.random.default_rng((row, self.split == "train"))
        label = row % 2
        return rng.integers(100 * label, 100 + 100 * label, (9, 9, 3), np.uint8), label
''',
    "shop/loss.py": '''
import jax
import jax.numpy as jnp

def brier(logits, targets):
    return jnp.square(jax.nn.softmax(logits) - targets).sum(-1)
''',
    "shop/task.py": '''
import dataclasses
from effjax.tasks.classification import Classification

class Halved(Classification):
    """Classification whose loss is scaled."""

    @dataclasses.dataclass(frozen=True)
    class Config(Classification.Config):
        factor: float = 1.0

    def losses(self, logits, targets, images):
        return self.options.factor * super().losses(logits, targets, images)
''',
    # the optimizer is known by a short name, which only this file brings in
    "shop_config.py": '''
import effjax
import shop.optimizer

def get_config(arg=None):
    config = effjax.default_config()
    config.total_steps = 4.0
    config.model.name = "shop.model:shop_tiny"
    config.optim.default.update(name="shop_sgd", learning_rate=0.5)
    config.schedule.update(name="shop.schedule:falling", power=1.5)
    config.evals.val.evaluator = "shop.evaluator:WorstClass"
    config.data.update(name="shop.source:Squares", image_size=8, batch_size=8)
    config.task.update(name="shop.task:Halved", factor=0.5, loss="shop.loss:brier")
    config.log.update(tensorboard=False, curves=False)
    config.parallel.devices = 1
    return config
''',
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The folder with the files, which is not on the path."""
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "shop").mkdir()
    for path, text in FILES.items():
        (folder / path).write_text(text)
    return folder


@pytest.fixture
def forgotten(shop, monkeypatch):
    """Nothing of the shop is imported or registered, as in a program that has just begun."""

    def forget():
        for module in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
            del sys.modules[module]
        for table in (models.MIXERS, optimizers(), _entries):
            for name in [name for name in table if name.startswith("shop")]:
                del table[name]
        plugins._noted.clear()
        plugins._recorded.clear()
        plugins._printed.clear()

    forget()
    monkeypatch.syspath_prepend(str(shop))
    yield
    forget()


@pytest.fixture(scope="module")
def run(shop):
    """A run in which everything is the user's own."""
    sys.path.insert(0, str(shop))
    try:
        workdir = shop / "run"
        cli.main(["train", f"--config={shop}/shop_config.py", f"--workdir={workdir}", "--quiet"])
    finally:
        sys.path.remove(str(shop))
    return workdir


def test_the_run_says_what_it_was_made_with(run, shop):
    record = {(one["kind"], one["name"]): one for one in read_file(run)["plugins"]}
    folder = str(shop)
    assert record["optimizer", "shop_sgd"]["module"] == "shop.optimizer"
    assert record["token mixer", "shop_shift"]["folder"] == folder
    kinds = {"model", "schedule", "evaluator", "data source", "loss", "task", "token mixer"}
    assert kinds <= {kind for kind, _ in record}
    summary = json.loads((run / "summary.json").read_text())
    assert 0 <= summary["final"]["val/worst_top1"] <= 1


def test_it_is_evaluated_used_and_exported_by_a_new_program(run, shop, forgotten, capsys):
    cli.main(["evaluate", f"--workdir={run}", "--quiet"])
    told = capsys.readouterr()
    assert "val/worst_top1" in told.out
    assert "plug-in: shop.task:Halved from" in told.err
    assert told.err.count("shop.optimizer") + told.err.count("shop_sgd") == 1

    cv2.imwrite(str(shop / "one.png"), np.full((9, 9, 3), 200, np.uint8))
    cli.main(["predict", f"--workdir={run}", str(shop / "one.png"), "--json", "--quiet"])
    of_run = json.loads(capsys.readouterr().out)
    assert {one["label"] for one in of_run["classes"]} == {"dark", "bright"}

    cli.main(["evaluate", f"--workdir={run}", "--details", "--quiet"])
    assert "on validation of shop.source:Squares" in capsys.readouterr().out
    out = shop / "model.safetensors"
    cli.main(["export", f"--workdir={run}", "--format=safetensors", f"--out={out}", "--quiet"])
    capsys.readouterr()
    cli.main(["predict", f"--weights={out}", str(shop / "one.png"), "--json", "--quiet"])
    assert json.loads(capsys.readouterr().out)["classes"] == of_run["classes"]


def test_no_plugins_refuses_them(run, forgotten, capsys):
    with pytest.raises(SystemExit):
        cli.main(["predict", f"--workdir={run}", str(run), "--no-plugins"])
    with pytest.raises(SystemExit):
        cli.main(["evaluate", f"--workdir={run}", "--no-plugins", "--quiet"])
    told = capsys.readouterr().err
    assert "which --no-plugins refuses" in told
    assert "shop.task" not in sys.modules
    find_mixer("shop.mixer:Shift")  # the flag is that of its command


def test_a_name_is_found_again_or_said_to_lie_elsewhere(run, shop, forgotten, monkeypatch):
    read_file(run)
    assert find_mixer("shop_shift(share=0.1)").keywords == {"share": 0.1}
    plugins._noted["token mixer", "shop_shift"] = plugins.Origin("other.mixer", "")
    with pytest.raises(UserError, match="two plug-ins are called 'shop_shift'"):
        find_mixer("shop_shift")
    for module in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[module]
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(shop)])
    with pytest.raises(UserError) as caught:
        find_loss("shop.loss:brier")
    assert f"PYTHONPATH={shop} effjax" in str(caught.value)


@pytest.mark.parametrize("path", ["os:system", "shutil:rmtree", "numpy:load", "effjax.data:Split"])
def test_what_is_not_the_users_own_is_never_taken(path):
    with pytest.raises(UserError, match="is not your own code"):
        find_loss(path)


def test_an_installed_package_has_to_require_effjax(shop, forgotten, monkeypatch):
    monkeypatch.setattr(plugins, "INSTALLED", (shop.name,))
    with pytest.raises(UserError, match="shop is not your own code"):
        find_loss("shop.loss:brier")
    plugins._requires_effjax.cache_clear()
    monkeypatch.setattr(metadata, "packages_distributions", lambda: {"shop": ["shop-x"]})
    monkeypatch.setattr(metadata, "requires", lambda name: ["numpy", "effjax>=0.2"])
    assert callable(find_loss("shop.loss:brier"))
    plugins._requires_effjax.cache_clear()


def test_a_program_without_plug_ins_asks_for_no_metadata():
    """Reading what is installed takes seconds."""
    code = (
        "import effjax.optim, effjax.tasks.classification\n"
        "from effjax import plugins\n"
        "from importlib import metadata\n"
        "metadata.packages_distributions = None\n"
        "print(plugins._noted, plugins.to_record())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "{} []", done.stderr


def test_mistakes_in_the_users_code_are_two_lines(shop, forgotten):
    (shop / "broken_shop.py").write_text("1 / 0\n")
    with pytest.raises(UserError, match="broken_shop: ZeroDivisionError: division by zero"):
        find_evaluator("broken_shop:Worst")
    with pytest.raises(UserError, match=r"shop\.loss has no class named Worst"):
        find_evaluator("shop.loss:Worst")
    with pytest.raises(UserError, match="registers no model of that name"):
        models.create_model("shop.model:shop_huge")
    with pytest.raises(UserError, match="no subclass of ImageSource named Circles"):
        open_examples(DataConfig(name="shop.source:Circles"), "train")
    with pytest.raises(UserError, match="did you mean 'cross_entropy'"):
        find_loss("crossentropy")
    assert set(list_losses()) >= {"cross_entropy", "binary_cross_entropy"}


def test_a_network_of_an_own_family_is_written_and_read(shop, forgotten, monkeypatch):
    """One that effjax has no table of names for: its classifier is found by its shape."""
    (shop / "shop/family.py").write_text("""
from dataclasses import dataclass
from flax import linen as nn
from effjax.models import ImageModel

@dataclass(frozen=True)
class PatchesArchitecture:
    dim: int = 6
    in_chans: int = 3

class Patches(ImageModel):
    architecture: PatchesArchitecture = PatchesArchitecture()

    @nn.compact
    def forward(self, x, examples):
        x = nn.Conv(self.architecture.dim, (4, 4), 4, name="stem")(x)
        pooled = x.mean((1, 2))
        logits = nn.Dense(self.num_classes, name="head")(pooled) if self.num_classes else pooled
        return logits, {"stage1": x, "pooled": pooled, "prelogits": pooled}
""")
    model = models.create_model("shop.family:Patches", num_classes=3, dim=5)
    shapes = models.abstract_variables(model, (8, 8, 3))
    rng = np.random.default_rng(0)
    variables = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), shapes)
    path = shop / "patches.safetensors"
    models.save_weights(model, variables, path)
    blank = jax.tree.map(np.zeros_like, variables)
    loaded, _ = models.load_weights(model, blank, path)
    jax.tree.map(np.testing.assert_array_equal, loaded, variables)
    blank["params"]["head"] = {"kernel": jax.numpy.zeros((5, 4)), "bias": jax.numpy.zeros(4)}
    _, report = models.load_weights(model.clone(num_classes=4), blank, path)
    assert sorted(report.replaced) == ["head.bias", "head.weight"]
