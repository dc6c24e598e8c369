"""Unknown names are refused without the registries, from a list that follows them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from effjax import models, optim
from effjax.runs import known_names
from effjax.tasks import registry as tasks
from effjax.tasks.evaluators import list_evaluators
from effjax.tasks.losses import list_losses

ROOT = Path(__file__).parents[2]
CODE = """
import sys
from effjax.errors import UserError
from effjax.runs.given import load_run
for override in sys.argv[1:]:
    try:
        load_run("quickstart", [override])
        print("fine")
    except UserError as error:
        print(str(error).splitlines()[0])
print("jax" in sys.modules)
"""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EFFJAX_CACHE", str(tmp_path))
    return tmp_path


def test_the_list_is_kept_and_made_anew_when_a_file_changes(cache, monkeypatch):
    names = known_names.known_names()
    assert "caformer_s18" in names["model"]
    assert list(names["optimizer"]) == list(optim.list_optimizers())
    assert list(names["schedule"]) == list(optim.list_schedules())
    assert "depths" in names["fields"][names["model"]["caformer_s18"]]
    with monkeypatch.context() as patch:
        patch.setattr(models, "list_models", lambda kind: ["resnet18"])
        assert known_names.known_names() == names  # as it was kept
        patch.setattr(known_names, "_stamp", lambda: "changed")
        assert list(known_names.known_names()["model"]) == ["resnet18"]
    (cache / "names.json").write_text("no json")
    assert known_names.known_names() == names
    monkeypatch.setenv("EFFJAX_CACHE", "off")
    assert known_names.known_names() == names


def test_the_names_of_tasks_are_read_from_their_files():
    registered = {
        "task": tasks.list_tasks(),
        "loss": list_losses(),
        "evaluator": list_evaluators(),
    }
    found = known_names._names_in_files()
    assert {kind: sorted(names) for kind, names in found.items()} == {
        kind: sorted(names) for kind, names in registered.items()
    }


def test_jax_is_not_needed_to_refuse_a_name(cache):
    known_names.known_names()
    assert json.loads((cache / "names.json").read_text())["names"]
    words = {
        "--config.model.name=caformer_s81": "unknown model 'caformer_s81': did you mean",
        "--config.model.name=caformer_s18.sail_in1k": "fine",
        "--config.model.name=own.networks:Net": "fine",
        "--config.model.name=runs/x:best": "fine",
        "--config.optim.default.name=adamm": "config.optim.default: unknown optimizer 'adamm'",
        "--config.optim.default.name=muon": "fine",
        "--config.schedule.name=cosin": "config.schedule: unknown schedule 'cosin'; did",
        "--config.task.name=clasification": "unknown task 'clasification'; did you mean",
        "--config.task.name=contrast": "fine",
        "--config.model.depht=(1,)": "config.model: model 'caformer_s18' has no field 'depht'",
        "--config.task.loss=focl": "unknown loss 'focl'; did you mean 'focal'?",
        "--config.task.loss=own.losses:brier": "fine",
        "--config.evals.val.evaluator=rankings": "unknown evaluator 'rankings'; did you mean",
        "--config.evals.val.evaluator=ranking": "fine",
        "--config.model.depths=(1,)": "fine",
        "--config.optim.default.b4=0.9": "config.optim.default: optimizer 'adan' has no hyperp",
        "--config.optim.default.b3=0.9": "fine",
        "--config.schedule.pover=1.0": "config.schedule: schedule 'cosine' has no field 'pover'",
        "--config.schedule.end=0.1": "fine",
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    *answers, has_jax = done.stdout.splitlines()
    for answer, expected in zip(answers, words.values(), strict=True):
        assert answer.startswith(expected)
    assert has_jax == "False"
