"""Trained networks for other programs: StableHLO, ONNX, safetensors."""

from effjax.export.publish import publish
from effjax.export.write import FORMATS, export

__all__ = ["FORMATS", "export", "publish"]
