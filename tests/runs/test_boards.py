"""Every run of a sweep is its own run in W&B, and stays it when it is continued."""

import json
import sys
import types

from effjax.runs.boards import open_boards, run_id


class FakeWandb(types.ModuleType):
    def __init__(self):
        super().__init__("wandb")
        self.calls = []

    def init(self, **words):
        self.calls.append(words)
        return types.SimpleNamespace(log=lambda *_, **__: None, finish=lambda: None)


def test_six_runs_have_six_ids_with_names_and_configs(tmp_path, monkeypatch):
    wandb = FakeWandb()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    for variant in ("adan", "lamb", "sgd"):
        for seed in (0, 1):
            workdir = tmp_path / variant / f"seed{seed}"
            workdir.mkdir(parents=True)
            content = {"config": {"seed": seed}, "created": 1.5}
            (workdir / "config.json").write_text(json.dumps(content))
            for _ in range(2):  # started, and continued
                (board,) = open_boards(workdir, 0, False, "project")
                board.close()
    assert len({call["id"] for call in wandb.calls}) == 6
    assert {call["name"] for call in wandb.calls} == {
        f"{variant}/seed{seed}" for variant in ("adan", "lamb", "sgd") for seed in (0, 1)
    }
    assert wandb.calls[2]["config"] == {"seed": 1}
    assert all(call["resume"] == "allow" for call in wandb.calls)


def test_a_run_that_begins_anew_in_the_same_folder_is_another(tmp_path):
    assert run_id(tmp_path, 1.5) == run_id(tmp_path, 1.5)
    assert run_id(tmp_path, 1.5) != run_id(tmp_path, 2.5)
