"""Weight files: safetensors in and out, PyTorch's .pth in.

Reading never runs code of the file: `.pth` goes through `torch.load(weights_only=True)` only.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from effjax.config import as_path, is_remote
from effjax.errors import UserError

# Where training scripts put the state dict beside optimizer state and epoch; averages come first.
_WRAPPERS = ("state_dict_ema", "model_ema", "model", "state_dict")


def read_state(path: str | Path) -> dict[str, np.ndarray]:
    """{name: array} of a `.safetensors` or a `.pth`, `.pth.tar`, `.pt`, `.bin` file.

    Raises UserError for a missing, damaged or refused file.
    """
    path = as_path(path)
    if not path.is_file():
        raise UserError(f"no weights at {path}: give the path of a .safetensors or .pth file")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.name.endswith((".pth", ".pth.tar", ".pt", ".bin")):
        return _read_torch(path)
    raise UserError(f"{path.name}: expected .safetensors, .pth, .pth.tar, .pt or .bin")


def write_state(state: Mapping[str, np.ndarray], path: str | Path) -> None:
    """Write {name: array} as safetensors; raises UserError unless `path` is so called."""
    from safetensors.numpy import save, save_file

    path = as_path(path)
    if path.suffix != ".safetensors":
        raise UserError(f"{path.name}: weights are written as .safetensors, give such a name")
    path.parent.mkdir(parents=True, exist_ok=True)
    contiguous = {name: np.ascontiguousarray(x).reshape(x.shape) for name, x in state.items()}
    if is_remote(path):
        path.write_bytes(save(contiguous, metadata={"format": "pt"}))
    else:
        save_file(contiguous, path, metadata={"format": "pt"})


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import load

    try:
        if is_remote(path):
            return load(path.read_bytes())
        with safe_open(path, framework="np") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except SafetensorError as problem:
        raise UserError(
            f"{path} is damaged or no safetensors file ({problem}):\nfetch it again"
        ) from None


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError:
        raise UserError(
            f"{path.name} is a PyTorch file: pip install 'effjax[torch]', or take a .safetensors"
        ) from None
    try:
        with path.open("rb") as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UserError(
            f"{path} holds more than tensors and is refused, because reading it could run code:\n"
            "take a .safetensors file, or save its state dict alone"
        ) from None
    except Exception as problem:  # torch raises whatever its parser stumbles upon
        raise UserError(
            f"{path} is damaged or no PyTorch file ({type(problem).__name__})"
        ) from None
    return {name: _as_numpy(tensor) for name, tensor in _unwrap(content, path).items()}


def _unwrap(content: Any, path: Path) -> dict[str, Any]:
    """The state dict inside what a training script saved, without `module.` of its wrapper."""
    for wrapper in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not all(hasattr(x, "numpy") for x in content.values()):
        raise UserError(f"{path} holds no state dict: expected names and tensors")
    return {name.removeprefix("module."): tensor for name, tensor in content.items()}


def _as_numpy(tensor: Any) -> np.ndarray:
    """A torch tensor as numpy, which has no bfloat16 of its own."""
    tensor = tensor.detach()
    return (tensor.float() if tensor.dtype.is_floating_point else tensor).numpy()
