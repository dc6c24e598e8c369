"""The quickstart's CAFormer on handwritten digits, a tenth of its weights kept from the start.

SynFlow chooses the weights before the first update. `--compare` trains the same masks shuffled in
each layer, as many random weights in each layer, and the dense network beside it.

Score: not recorded at this density; with 3 % of the weights and 8 epochs 95.7 %, against 97.3 % of
       the same masks shuffled and 97.6 % of the dense network, three seeds (docs/compress.md).
Cost: about a minute and a half on two CPU cores; four times that with --compare.
Run: effjax compress --config=configs/compress/prune_digits.py
"""

import ml_collections

import effjax


def get_config() -> ml_collections.ConfigDict:
    """A sparse CAFormer on digits."""
    config = effjax.default_config()
    config.total_epochs = 16.0

    config.task.update(name="prune", method="synflow", density=0.1, scope="global")
    config.model.update(
        name="caformer_s18",
        depths=(1, 1, 1, 1),
        dims=(32, 64, 96, 128),
        patch_kernels=(3, 3, 3, 3),
        patch_strides=(2, 2, 2, 2),
        patch_pads=(1, 1, 1, 1),
        drop_path_rate=0.0,
    )
    config.data.update(name="digits", image_size=32, batch_size=64, cache="memory")
    config.data.augment.update(crop="pad", pad=3, hflip=0.0)
    config.mix.label_smoothing = 0.1
    config.optim.default.update(name="adan", learning_rate=3e-3, weight_decay=0.02)
    config.schedule.update(name="cosine", warmup_epochs=2.0)
    config.evals.val.every_epochs = 2.0
    config.checkpoint.every_epochs = 4.0
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds."""
    config.update(total_epochs=None, total_steps=6.0)
    config.schedule.warmup_epochs = 0.0
    config.task.rounds = 3
