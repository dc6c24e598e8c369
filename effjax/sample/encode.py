"""Latents of all images of a data set, by a trained autoencoder, as a folder that a run reads.

    FOLDER/{mean,log_variance,label}.npy    see `effjax.tasks.diffusion.latents`
    FOLDER/val/                             the same of the held-out images
    FOLDER/latents.json                     which autoencoder, the scale, the names of the classes

Shapes: N images, B batch, H W image space, h w c latents.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np

from effjax.config import View, as_path, from_json
from effjax.data import open_split
from effjax.errors import UserError
from effjax.report import Display
from effjax.runs.record import read_config
from effjax.runs.schema import RunConfig
from effjax.tasks.autoencode.trained import trained_autoencoder
from effjax.tasks.diffusion.latents import Facts, write_facts

BATCH = 64


@dataclasses.dataclass
class Spread:
    """Sums over latent numbers, for their deviation."""

    total: float = 0.0
    squares: float = 0.0
    count: int = 0

    def add(self, values: np.ndarray) -> None:
        """Counts in these numbers."""
        values = np.asarray(values, np.float64)
        self.total += values.sum()
        self.squares += np.square(values).sum()
        self.count += values.size

    @property
    def deviation(self) -> float:
        """About their mean."""
        mean = self.total / self.count
        return float(np.sqrt(self.squares / self.count - mean**2))


def encode(
    workdir: Path,
    out: Path,
    display: Display,
    images: str | None = None,
    mirror: bool = False,
) -> Facts:
    """Writes the latents of all images of a data set.

    Args:
      workdir: an autoencoder's folder.
      out: the folder to write.
      images: a data set's name, or its folder; None: that of the autoencoder.
      mirror: mirrored images too: latents cannot be mirrored afterwards.

    Raises:
      UserError: no autoencoder there, no images, or a folder that is not empty.
    """
    workdir = as_path(workdir)
    if out.exists() and any(out.iterdir()):
        raise UserError(f"--out={out} is not empty; give a new folder")
    display.waiting(f"loading {workdir}")
    task, variables = trained_autoencoder(workdir, display=display)
    config = from_json(read_config(workdir), RunConfig)
    if images is not None:
        config.data.name = images
    data = View(config).data

    @jax.jit
    def of_batch(pixels: jax.Array) -> Any:
        return task.model.apply(variables, task.pixels({"image": pixels}), method="encode")

    spread = Spread()
    names = ()
    for split, folder in ((data.train_split, out), (data.val_split, out / "val")):
        display.waiting(f"encoding {split}")
        opened = open_split(data, split, seed=0, batch_size=BATCH, train=False)
        names = names or tuple(opened.class_names)
        found = _encode_split(opened, of_batch, mirror and folder == out)
        if folder == out:
            spread.add(_drawn(found))
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in found.items():
            np.save(folder / f"{name}.npy", array)
        display.line(f"{len(found['label'])} latents {found['mean'].shape[1:]}: {folder}")
    # written last: a folder without it is not whole
    facts = Facts(str(workdir.resolve()), 1 / spread.deviation, names)
    write_facts(out, facts)
    return facts


def _encode_split(split: Any, of_batch: Any, mirror: bool) -> dict[str, np.ndarray]:
    """Arrays of a split: mean and log_variance [N, h, w, c] in half precision, label [N]."""
    means, variances, labels = [], [], []
    for batch in split.batches():
        readable = batch["mask"] > 0
        for pixels in _versions(batch["image"], mirror):
            latent = of_batch(pixels)
            means.append(np.asarray(latent.mean)[readable])
            variances.append(np.asarray(latent.log_variance)[readable])
            labels.append(batch["label"][readable])
    if not sum(map(len, labels)):
        raise UserError("none of the images can be read; look at them: effjax data check SOURCE")
    return {
        "mean": np.concatenate(means).astype(np.float16),
        "log_variance": np.concatenate(variances).astype(np.float16),
        "label": np.concatenate(labels),
    }


def _versions(pixels: np.ndarray, mirror: bool) -> list[np.ndarray]:
    return [pixels, pixels[:, :, ::-1]] if mirror else [pixels]


def _drawn(found: dict[str, np.ndarray]) -> np.ndarray:
    """Latents as training draws them."""
    noise = np.random.default_rng(0).standard_normal(found["mean"].shape)
    deviation = np.exp(0.5 * found["log_variance"].astype(np.float64))
    return found["mean"] + deviation * noise


def decode(autoencoder: Path, latents: np.ndarray, display: Display) -> np.ndarray:
    """uint8 [N, H, W, C]: the images of latents [N, h, w, c].

    Raises:
      UserError: no autoencoder there, or latents of other channels.
    """
    task, variables = trained_autoencoder(autoencoder, display=display)
    channels = task.model.architecture.latent_chans
    if latents.shape[-1] != channels:
        raise UserError(
            f"{autoencoder} has latents of {channels} channels, these have {latents.shape[-1]}\n"
            "give the autoencoder that made them: --autoencoder=D"
        )

    @jax.jit
    def of_batch(latents: jax.Array) -> jax.Array:
        return task.model.apply(variables, latents, method="decode")

    images = []
    for start in range(0, len(latents), BATCH):
        made = np.asarray(of_batch(latents[start : start + BATCH]))
        images.append(np.clip(np.round((made + 1) * 127.5), 0, 255).astype(np.uint8))
    return np.concatenate(images)
