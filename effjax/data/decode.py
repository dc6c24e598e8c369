"""Encoded bytes -> uint8 RGB pixels [H, W, 3]."""

import io

import numpy as np

from effjax.errors import UserError


def decode(data: bytes, fast: bool = False) -> np.ndarray:
    """Decodes an image file's bytes with the quickest decoder that understands them.

    Args:
      data: JPEG, PNG or any other format that OpenCV or Pillow reads.
      fast: JPEG only: approximate inverse transform and chroma upsampling; for training.

    Returns:
      uint8 [H, W, 3], red first; grey images have three equal channels.

    Raises:
      UserError: no decoder understands the bytes.
    """
    import simplejpeg

    if simplejpeg.is_jpeg(data):
        try:
            return simplejpeg.decode_jpeg(data, "RGB", fastdct=fast, fastupsample=fast)
        except ValueError:
            pass  # damaged, or CMYK: the others may know better
    return _decode_opencv(data) if data[:8] == b"\x89PNG\r\n\x1a\n" else _decode_pillow(data)


def _decode_opencv(data: bytes) -> np.ndarray:
    import cv2

    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return _decode_pillow(data) if pixels is None else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _decode_pillow(data: bytes) -> np.ndarray:
    from PIL import Image

    try:
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"an image cannot be decoded: {error}") from error
