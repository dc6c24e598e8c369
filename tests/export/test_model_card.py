"""The page of a published network, from what a run has recorded."""

import json

import pytest

from effjax.export.model_card import Facts, model_page, read_facts


@pytest.fixture
def workdir(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    config = {
        "data": {"name": "/home/me/photos|10.zip"},
        "init_from": "caformer_s18.sail_in22k_ft_in1k",
    }
    content = {
        "config": config,
        "record": {"labels": ["a", "b"], "examples": 320},
        "command": ["/usr/bin/effjax", "train", "--config=F", "--config.seed=1"],
        "versions": {"jax": "0.10.2"},
    }
    (folder / "config.json").write_text(json.dumps(content))
    final = {"val/top1": 0.75, "val/loss": 0.5, "train/loss": 0.1, "val/auc": None}
    summary = {"step": 3, "final": final, "best": {}}
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def test_facts_are_those_of_the_run(workdir, tmp_path):
    facts = read_facts(workdir)
    assert facts.data == "photos|10.zip"
    assert facts.scores == {"val/top1": 0.75, "val/loss": 0.5}
    assert facts.command == "effjax train --config=F --config.seed=1"
    assert facts.started_from == "caformer_s18.sail_in22k_ft_in1k (apache-2.0)"
    assert read_facts(tmp_path) == Facts()  # weights without a run


def test_the_page_says_how_good_it_is_and_how_it_is_used(workdir, tiny, headless):
    page = model_page(tiny, read_facts(workdir), "me/photos", "mit")
    _, head, text = page.split("---\n", 2)
    assert "license: mit\n" in head
    index = next(line for line in head.splitlines() if line.startswith("model-index: "))
    (entry,) = json.loads(index.removeprefix("model-index: "))
    assert entry["results"][0]["metrics"] == [{"type": "accuracy", "value": 0.75}]
    assert "# photos\n" in text
    for line in (
        "| `val/top1` | 75.00% |",
        "| mean | 0.5, 0.4, 0.3 |",
        "| images | `photos\\|10.zip` |",
        "| training images | 320 |",
        "| command | `effjax train --config=F --config.seed=1` |",
        'run = effjax.load("hub:me/photos")',
        "## Classes\n\na, b, c, d, e",
    ):
        assert line in text
    nothing_named = model_page(headless, Facts(), "me/photos", None)
    assert "that gives 16 features of an image" in nothing_named
    assert "pipeline_tag: image-feature-extraction\n" in nothing_named
    assert 'run.features(["cat.jpg"])' in nothing_named
    assert "## Classes" not in nothing_named
    bare = model_page(tiny, Facts(), "me/photos", None)
    assert "license: unknown" in bare
    assert "## Scores" not in bare
