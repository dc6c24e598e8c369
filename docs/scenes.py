"""Two scenes that show what augmentation does: colours, fine texture, and one way up.

They are drawn here, stroke by stroke, from a fixed seed; nothing is a photograph.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 400, 320
FINE = 2  # drawn so many times larger, then made smaller: smooth edges
Colour = Sequence[int]


def scenes() -> dict[str, np.ndarray]:
    """Name -> uint8 [HEIGHT, WIDTH, 3]."""
    return {"balloon": balloon(), "house": house()}


def balloon() -> np.ndarray:
    """A striped balloon over mountains and a lake."""
    rng = np.random.default_rng(4)
    image = sky(rng, (88, 148, 226), (252, 226, 190))
    draw = ImageDraw.Draw(image)
    draw.ellipse(boxed(330, 70, 24), fill=(255, 244, 190))
    for base, rough, colour in (
        (190, 60, (126, 142, 178)),
        (220, 40, (84, 118, 120)),
        (246, 22, (58, 102, 70)),
    ):
        mountains(image, rng, base, rough, colour)
    lake(image, rng, 258)
    envelope(image, 150, 120, 78)
    draw = ImageDraw.Draw(image)
    for x in (-14, 14):
        draw.line(scaled(150 + 2.4 * x, 190, 150 + x, 222), fill=(70, 50, 40), width=FINE)
    draw.rectangle(scaled(134, 220, 166, 240), fill=(136, 84, 44))
    for y in range(224, 240, 4):  # wicker
        draw.line(scaled(134, y, 166, y), fill=(92, 54, 26), width=1)
    return reduced(image)


def house() -> np.ndarray:
    """A house of bricks, a tree and a fence in a meadow."""
    rng = np.random.default_rng(7)
    image = sky(rng, (70, 136, 214), (206, 230, 244))
    draw = ImageDraw.Draw(image)
    draw.rectangle(scaled(0, 220, WIDTH, HEIGHT), fill=(96, 158, 62))
    bricks(image, (150, 128, 330, 250))
    roof(image, (132, 128), (348, 128), (240, 44))
    draw = ImageDraw.Draw(image)
    draw.rectangle(scaled(284, 52, 304, 100), fill=(120, 60, 52))
    draw.rectangle(scaled(214, 184, 254, 250), fill=(28, 84, 110))
    draw.ellipse(boxed(247, 219, 3), fill=(240, 200, 60))
    for left in (164, 272):
        draw.rectangle(scaled(left, 154, left + 40, 194), fill=(250, 250, 244))
        draw.rectangle(scaled(left + 4, 158, left + 36, 190), fill=(132, 190, 214))
        draw.line(scaled(left + 20, 158, left + 20, 190), fill=(250, 250, 244), width=3 * FINE)
        draw.line(scaled(left + 4, 174, left + 36, 174), fill=(250, 250, 244), width=3 * FINE)
    tree(draw, rng, 70, 120)
    meadow(draw, rng)
    for x in range(4, WIDTH, 22):
        points = [(x, 300), (x, 262), (x + 5, 254), (x + 10, 262), (x + 10, 300)]
        draw.polygon([(a * FINE, b * FINE) for a, b in points], fill=(246, 240, 226))
    for y in (270, 286):
        draw.rectangle(scaled(0, y, WIDTH, y + 4), fill=(228, 218, 200))
    return reduced(image)


def sky(rng: np.random.Generator, above: Colour, below: Colour) -> Image.Image:
    """From one colour down to another, with clouds."""
    share = np.linspace(0, 1, HEIGHT * FINE)[:, None, None]
    plain = np.asarray(above) * (1 - share) + np.asarray(below) * share
    cloud = 0.65 * noise(rng, 5, 4) + 0.35 * noise(rng, 18, 16)
    white = np.clip(3.0 * (cloud[..., None] - 0.56), 0, 0.85) * (1 - share)
    return Image.fromarray((plain * (1 - white) + 255 * white).astype(np.uint8))


def noise(rng: np.random.Generator, columns: int, rows: int) -> np.ndarray:
    """Smooth random hills between 0 and 1, at the size of the drawing."""
    coarse = Image.fromarray(rng.random((rows, columns)).astype(np.float32))
    return np.asarray(coarse.resize((WIDTH * FINE, HEIGHT * FINE), Image.Resampling.BICUBIC))


def mountains(
    image: Image.Image, rng: np.random.Generator, base: float, rough: float, colour: Colour
) -> None:
    """A ridge about `rough` high at the height `base`, grained."""
    heights = np.asarray([0.0, 0.0])
    while len(heights) < 129:  # midpoints, moved ever less
        middle = (heights[1:] + heights[:-1]) / 2
        middle += rng.normal(0, rough / len(heights) ** 0.9, len(middle))
        heights = np.insert(heights, range(1, len(heights)), middle)
    x = np.linspace(0, WIDTH * FINE - 1, len(heights))
    ridge = np.interp(np.arange(WIDTH * FINE), x, (base - rough / 2 + heights) * FINE)
    pixels = np.array(image)
    inside = np.arange(HEIGHT * FINE)[:, None] > ridge
    grain = rng.normal(0, 9, inside.shape)[..., None] + 26 * (noise(rng, 40, 60)[..., None] - 0.5)
    ground = np.clip(np.asarray(colour) + grain, 0, 255).astype(np.uint8)
    image.paste(Image.fromarray(np.where(inside[..., None], ground, pixels)))


def lake(image: Image.Image, rng: np.random.Generator, top: int) -> None:
    """Water that mirrors what stands above it, with waves."""
    pixels = np.array(image)
    water = pixels[top * FINE :]
    mirrored = pixels[: top * FINE][::-1][: len(water)]
    water[:] = 0.55 * mirrored + 0.45 * np.asarray([40, 96, 140])
    image.paste(Image.fromarray(pixels))
    draw = ImageDraw.Draw(image)
    for _ in range(260):
        y = top + 2 + 60 * rng.random() ** 1.3
        x, length = rng.uniform(0, WIDTH), rng.uniform(3, 16)
        tint = (214, 232, 240) if rng.random() < 0.6 else (26, 70, 108)
        draw.line(scaled(x, y, x + length, y), fill=tint, width=1)


def envelope(image: Image.Image, x: int, y: int, radius: int) -> None:
    """The balloon: a sphere of twelve stripes that runs out below."""
    pixels = np.array(image)
    rows, columns = np.mgrid[: HEIGHT * FINE, : WIDTH * FINE] / (radius * FINE)
    down, right = rows - y / radius, columns - x / radius
    width = np.where(down < 0.35, np.sqrt(np.clip(1 - down**2, 0, 1)), 1.24 - 0.86 * down)
    inside = (abs(right) < width) & (down > -1) & (down < 0.98)
    turn = np.arcsin(np.clip(right / np.maximum(width, 1e-3), -1, 1))
    stripe = np.floor((turn / np.pi + 0.5) * 12).astype(int) % 4
    colours = np.asarray([(214, 40, 44), (250, 206, 54), (246, 246, 240), (30, 82, 168)])
    light = np.clip(0.78 + 0.34 * np.cos(turn - 0.6) - 0.18 * down, 0, 1.12)
    seam = np.where((abs(down * 9 % 1 - 0.5) > 0.46), 0.82, 1.0)
    painted = np.clip(colours[stripe] * (light * seam)[..., None], 0, 255).astype(np.uint8)
    image.paste(Image.fromarray(np.where(inside[..., None], painted, pixels)))


def bricks(image: Image.Image, box: tuple[int, int, int, int]) -> None:
    """A wall of bricks, every second row shifted by half a brick."""
    rng = np.random.default_rng(1)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = box
    draw.rectangle(scaled(*box), fill=(206, 190, 170))
    for row, y in enumerate(range(top, bottom, 6)):
        for x in range(left - 7 * (row % 2), right, 14):
            tint = np.asarray([176, 84, 62]) + rng.integers(-22, 22)
            brick = max(x, left) + 1, y + 1, min(x + 13, right) - 1, min(y + 5, bottom)
            if brick[2] > brick[0]:
                draw.rectangle(scaled(*brick), fill=tuple(tint.tolist()))


def roof(image: Image.Image, left: Colour, right: Colour, top: Colour) -> None:
    """A gable of rows of round tiles."""
    rng = np.random.default_rng(2)
    tiles = Image.new("RGB", image.size, (70, 40, 44))
    draw = ImageDraw.Draw(tiles)
    for row, y in enumerate(range(top[1] - 10, left[1] + 10, 7)):
        for x in range(left[0] - 6 * (row % 2), right[0], 12):
            tint = np.asarray([110, 58, 60]) + rng.integers(-20, 20)
            draw.ellipse(scaled(x, y - 6, x + 11, y + 7), fill=tuple(tint.tolist()))
    mask = Image.new("L", image.size)
    corners = [(a * FINE, b * FINE) for a, b in (left, right, top)]
    ImageDraw.Draw(mask).polygon(corners, fill=255)
    image.paste(tiles, mask=mask)


def tree(draw: ImageDraw.ImageDraw, rng: np.random.Generator, x: int, y: int) -> None:
    """A trunk, and a crown of a thousand leaves with apples."""
    draw.polygon(scaled(x - 9, 262, x + 9, 262, x + 5, y, x - 5, y), fill=(96, 66, 42))
    for _ in range(1100):
        angle, far = rng.uniform(0, 2 * np.pi), 58 * np.sqrt(rng.random())
        a, b = x + far * np.cos(angle), y + 0.95 * far * np.sin(angle)
        lit = 34 * (x + 30 - a) / 60 + rng.normal(0, 16)
        green = np.clip(np.asarray([52, 122, 46]) + lit, 0, 255).astype(int)
        draw.ellipse(boxed(a, b, rng.uniform(1.5, 4)), fill=tuple(green.tolist()))
    for _ in range(16):
        angle, far = rng.uniform(0, 2 * np.pi), 50 * np.sqrt(rng.random())
        draw.ellipse(boxed(x + far * np.cos(angle), y + far * np.sin(angle), 4), fill=(206, 36, 40))


def meadow(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    """Blades of grass, and flowers."""
    for _ in range(2600):
        x, y = rng.uniform(0, WIDTH), rng.uniform(252, HEIGHT + 8)
        green = (int(rng.uniform(50, 120)), int(rng.uniform(120, 190)), 52)
        draw.line(scaled(x, y, x + rng.normal(0, 2), y - rng.uniform(4, 10)), fill=green, width=1)
    flowers = [(236, 64, 96), (250, 214, 70), (250, 250, 250), (150, 84, 190)]
    for _ in range(90):
        x, y = rng.uniform(0, WIDTH), rng.uniform(256, HEIGHT)
        draw.ellipse(boxed(x, y, rng.uniform(1.4, 2.6)), fill=flowers[rng.integers(4)])


def scaled(*points: float) -> list[float]:
    return [point * FINE for point in points]


def boxed(x: float, y: float, radius: float) -> list[float]:
    """The box of a circle."""
    return scaled(x - radius, y - radius, x + radius, y + radius)


def reduced(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS))
