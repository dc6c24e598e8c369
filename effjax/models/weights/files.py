"""Weight files: safetensors in and out, PyTorch's files in.

Reading never runs code of the file: PyTorch's go through `torch.load(weights_only=True)` only.
"""

import argparse
import json
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from effjax.config import as_path, is_remote
from effjax.errors import UserError

TORCH_FILES = (".pth", ".pth.tar", ".pt", ".bin", ".ckpt")
# Where training scripts put the state dict beside optimizer state and epoch; averages come first.
WRAPPERS = ("state_dict_ema", "model_ema", "model", "state_dict")
# What torch.compile, DataParallel and training frameworks put before every name, in any order.
PREFIXES = re.compile(r"((_orig_mod|module|model)\.)+")
# Text in a file's header that belongs to us; "format" is safetensors' own.
NOTES = "effjax."


class State(dict[str, np.ndarray]):
    """{name: array} of a network.

    Attributes:
        notes: what the names and arrays do not tell, such as {"grid": "7x28"} for positions.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], notes: Mapping[str, str] | None = None):
        super().__init__(arrays)
        self.notes = dict(notes or {})


def read_state(path: str | Path) -> State:
    """{name: array} of a `.safetensors` file, or of PyTorch's (`.pth`, `.pth.tar`, `.ckpt`, ...).

    Prefixes that wrappers put before every name (`module.`, `_orig_mod.`, `model.`) are taken away.

    Raises UserError for a missing, damaged or refused file.
    """
    path = as_path(path)
    if not path.is_file():
        raise UserError(f"no weights at {path}: give the path of a .safetensors or .pth file")
    if path.suffix == ".safetensors":
        state = _read_safetensors(path)
    elif path.name.endswith(TORCH_FILES):
        state = State(_read_torch(path))
    else:
        raise UserError(
            f"{path.name}: expected .safetensors, .pth, .pth.tar, .pt, .bin or .ckpt\n"
            "give such a file"
        )
    return State(_without_prefixes(state, path), state.notes)


def write_state(state: Mapping[str, np.ndarray], path: str | Path) -> None:
    """Write {name: array}, with the notes of a `State`, as safetensors.

    Raises UserError unless `path` is so called.
    """
    from safetensors.numpy import save, save_file

    path = as_path(path)
    if path.suffix != ".safetensors":
        raise UserError(f"{path.name}: weights are written as .safetensors, give such a name")
    path.parent.mkdir(parents=True, exist_ok=True)
    contiguous = {}
    for name, array in state.items():
        # `ascontiguousarray` makes a vector of a scalar; the shape is put back
        contiguous[name] = np.ascontiguousarray(array).reshape(array.shape)
    header = {"format": "pt"}
    for note, text in getattr(state, "notes", {}).items():
        header[NOTES + note] = text
    if is_remote(path):
        path.write_bytes(save(contiguous, metadata=header))
    else:
        save_file(contiguous, path, metadata=header)


def _read_safetensors(path: Path) -> State:
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import load

    try:
        if is_remote(path):
            content = path.read_bytes()
            return State(load(content), _notes(_header(content)))
        with safe_open(path, framework="np") as file:
            names = file.keys()
            arrays = {name: file.get_tensor(name) for name in names}
            return State(arrays, _notes(file.metadata()))
    except SafetensorError as problem:
        raise UserError(
            f"{path} is damaged or no safetensors file ({problem}):\nfetch it again"
        ) from None


def _header(content: bytes) -> dict[str, str] | None:
    """The texts in the header: 8 bytes of length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]).get("__metadata__")


def _notes(header: Mapping[str, str] | None) -> dict[str, str]:
    texts = (header or {}).items()
    return {name.removeprefix(NOTES): text for name, text in texts if name.startswith(NOTES)}


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError:
        raise UserError(
            f"{path.name} is a PyTorch file: pip install 'effjax[torch]', or take a .safetensors"
        ) from None
    try:
        # timm keeps the arguments of its command line beside the weights. A Namespace is a bag of
        # values: making one runs nothing, and what lies in it is checked like the rest.
        with torch.serialization.safe_globals([argparse.Namespace]), path.open("rb") as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UserError(
            f"{path} holds more than tensors and is refused, because reading it could run code:\n"
            "take a .safetensors file, or save its state dict alone"
        ) from None
    except Exception as problem:  # torch raises whatever its parser stumbles upon
        raise UserError(
            f"{path} is damaged or no PyTorch file ({type(problem).__name__}):\nfetch it again"
        ) from None
    return {name: _as_numpy(tensor) for name, tensor in _unwrap(content, path).items()}


def _unwrap(content: Any, path: Path) -> dict[str, Any]:
    """The state dict inside what a training script saved."""
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    values = content.values() if isinstance(content, dict) else ()
    are_tensors = [hasattr(value, "numpy") for value in values]
    if not are_tensors or not all(are_tensors):
        raise UserError(f"{path} holds no state dict: expected names and tensors")
    return content


def _without_prefixes(state: Mapping[str, np.ndarray], path: Path) -> dict[str, np.ndarray]:
    """Names as the network has them; raises UserError if two become the same."""
    arrays = {}
    for name, array in state.items():
        bare = PREFIXES.sub("", name, count=1) if PREFIXES.match(name) else name
        if bare in arrays:
            raise UserError(
                f"{path} has two tensors {bare!r}, with and without a prefix such as 'module.'\n"
                "save the state dict of one network alone"
            )
        arrays[bare] = array
    return arrays


def _as_numpy(tensor: Any) -> np.ndarray:
    """A torch tensor as numpy, which has no bfloat16 of its own."""
    tensor = tensor.detach()
    return (tensor.float() if tensor.dtype.is_floating_point else tensor).numpy()
