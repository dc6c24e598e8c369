"""What the recipes of this folder have in common."""

import ml_collections


def shrink(config: ml_collections.ConfigDict) -> None:
    """Four steps of a tiny ViT on synthetic images, through the same code."""
    config.update(total_epochs=None, total_steps=4.0)
    config.schedule.warmup_epochs = 0.0
    config.model.update(depth=2, width=32, heads=2)
    config.data.update(name="synthetic", batch_size=16, workers=0, image_size=64)
    config.data.synthetic_examples = 32
