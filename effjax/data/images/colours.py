"""Colour changes of self-supervised recipes, on the host: jitter with hue, grey, blur, solarize.

OpenCV does them in a tenth of Pillow's time at 32 pixels. Brightness, contrast, saturation and grey
are Pillow's within one step of 256; hue within what 8 bits of HSV can tell; the blur is a Gaussian
where Pillow's is three box filters.

Shapes: every image is uint8 [H, W, 3].
"""

import cv2
import numpy as np

HALF = 128  # the threshold of solarize
HUES = 256  # steps of the circle

Amounts = tuple[float, float, float, float]  # of brightness, contrast, saturation and hue


def jitter(image: np.ndarray, amounts: Amounts, rng: np.random.Generator) -> np.ndarray:
    """Brightness, contrast, saturation and hue, in random order, each within its amount.

    The first three are factors within 1 +- amount; hue turns by up to `amount` of the circle.
    """
    changes = (brightness, contrast, saturation, turn_hue)
    # all numbers are drawn, also of what is off: an amount changes no other draw
    order = np.argsort(rng.random(4))
    uniform = 2 * rng.random(4) - 1
    for which in order.tolist():
        if not amounts[which]:
            continue
        change = amounts[which] * uniform[which]
        if which < 3:
            # a factor below zero would turn an image into its negative
            change = max(0.0, 1 + change)
        image = changes[which](image, change)
    return image


def brightness(image: np.ndarray, factor: float) -> np.ndarray:
    """All values times `factor`."""
    return cv2.addWeighted(image, factor, image, 0, 0)


def contrast(image: np.ndarray, factor: float) -> np.ndarray:
    """Distances from the mean grey of the image, times `factor`."""
    mean, *_ = cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    return cv2.addWeighted(image, factor, image, 0, (1 - factor) * round(mean))


def saturation(image: np.ndarray, factor: float) -> np.ndarray:
    """Distances of the channels from the pixel's grey, times `factor`."""
    return cv2.addWeighted(image, factor, to_grey(image), 1 - factor, 0)


def turn_hue(image: np.ndarray, share: float) -> np.ndarray:
    """Turns the hue of all pixels by a share of the circle, -0.5 to 0.5."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL)
    # the sum of two bytes wraps around, as the circle does
    hsv[..., 0] += np.uint8(round(share * HUES) % HUES)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL)


def to_grey(image: np.ndarray) -> np.ndarray:
    """The brightness of each pixel (Rec. 601), in all three channels."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian of `sigma` pixels; outside of the image the nearest pixel goes on."""
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)


def solarize(image: np.ndarray) -> np.ndarray:
    """The bright half of the values turned into its negative."""
    return np.where(image < HALF, image, 255 - image)
