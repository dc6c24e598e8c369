"""Files in and out; bad files in a sentence."""

import argparse
import sys

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models.weights.files import State, read_state, write_state


def test_notes_come_back_and_arrays_keep_their_shapes(tmp_path):
    arrays = {"scalar": np.zeros((), np.int64), "turned": np.arange(6.0).reshape(2, 3).T}
    write_state(State(arrays, {"grid": "2x3"}), tmp_path / "new" / "w.safetensors")
    state = read_state(tmp_path / "new" / "w.safetensors")
    assert state.notes == {"grid": "2x3"}
    assert state["scalar"].shape == ()
    np.testing.assert_array_equal(state["turned"], arrays["turned"])
    with pytest.raises(UserError, match="weights are written as"):
        write_state(arrays, tmp_path / "w.npz")


def test_prefixes_of_wrappers_are_taken_away(tmp_path):
    one = np.ones(1, np.float32)
    names = ("_orig_mod.a", "module._orig_mod.b", "model.module.c", "model_head.d")
    write_state(dict.fromkeys(names, one), tmp_path / "w.safetensors")
    assert sorted(read_state(tmp_path / "w.safetensors")) == ["a", "b", "c", "model_head.d"]
    write_state({"a": one, "module.a": one}, tmp_path / "two.safetensors")
    with pytest.raises(UserError, match="two tensors 'a'"):
        read_state(tmp_path / "two.safetensors")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.safetensors", None, "no weights at"),
        ("truncated.safetensors", b"\x40\x00\x00\x00\x00\x00\x00\x00{", "damaged"),
        ("pickle.safetensors", b"\x80\x04.", "damaged"),
        ("weights.zip", b"", "expected .safetensors"),
    ],
)
def test_bad_files(name, content, said, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_state(tmp_path / name)


class Harmful:
    def __reduce__(self):
        return open, ("harmed", "w")


@pytest.fixture
def torch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return pytest.importorskip("torch")


def test_what_training_scripts_save(torch):
    weights = {"module.a": torch.ones(2, dtype=torch.bfloat16), "module.b": torch.arange(3)}
    torch.save({"epoch": 3, "state_dict": weights}, "good.pth.tar")
    state = read_state("good.pth.tar")
    np.testing.assert_array_equal(state["a"], np.ones(2, np.float32))
    np.testing.assert_array_equal(state["b"], [0, 1, 2])
    # timm keeps the arguments of its command line beside the weights
    arguments = argparse.Namespace(lr=0.1, betas=(0.9, 0.99), model="caformer_s18")
    torch.save({"args": arguments, "state_dict": weights}, "last.pth.tar")
    assert sorted(read_state("last.pth.tar")) == ["a", "b"]
    torch.save({"state_dict": {"model.a": torch.ones(2)}, "global_step": 7}, "lightning.ckpt")
    assert sorted(read_state("lightning.ckpt")) == ["a"]


@pytest.mark.parametrize("inside", ["model", "args"])
def test_code_is_never_run(torch, inside, tmp_path):
    content = {"model": {"a": Harmful()}}
    if inside == "args":
        content = {"args": argparse.Namespace(x=Harmful()), "model": {"a": torch.ones(1)}}
    torch.save(content, "bad.pth")
    with pytest.raises(UserError, match="refused"):
        read_state("bad.pth")
    assert not (tmp_path / "harmed").exists()


def test_pytorch_files_need_torch(tmp_path, monkeypatch):
    (tmp_path / "weights.pth").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UserError, match=r"effjax\[torch\]"):
        read_state(tmp_path / "weights.pth")
