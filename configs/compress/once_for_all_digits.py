"""One CAFormer on handwritten digits from which millions of smaller ones may be cut.

Windows, depths, widths and MLP ratios are elastic. The largest network learns the
labels, the smallest and a drawn one learn what the largest says (the sandwich rule).

Score: 96.9 to 97.8 % validation top-1 of the network itself, 96.1 to 97.5 % of the smallest, two or
       three seeds; cut out at 0.5x 97.3 %, the same trained alone 98.8 % (benchmarks/RESULTS.md).
Cost: about two minutes on two CPU cores.
Run: effjax compress --config=configs/compress/once_for_all_digits.py
     effjax compress --workdir=runs/once_for_all_digits --budget=macs:0.3x
"""

import ml_collections

import effjax


def get_config() -> ml_collections.ConfigDict:
    """An elastic CAFormer on digits."""
    config = effjax.default_config()
    config.total_epochs = 16.0

    config.task.update(name="elastic", kernels=(3, 5), widths=(0.5, 0.75), mlp_ratios=(2.0, 3.0))
    config.task.update(children=1, search_split="train[85%:]")
    config.model.update(
        name="caformer_s18",
        depths=(1, 2, 2, 1),
        dims=(16, 32, 64, 96),
        patch_kernels=(3, 3, 3, 3),
        patch_strides=(2, 2, 2, 2),
        patch_pads=(1, 1, 1, 1),
        drop_path_rate=0.0,
    )
    config.data.update(name="digits", image_size=24, batch_size=64, cache="memory")
    config.data.update(train_split="train[:85%]")
    config.data.augment.update(crop="pad", pad=2, hflip=0.0)
    config.mix.label_smoothing = 0.1
    config.optim.default.update(name="adan", learning_rate=3e-3, weight_decay=0.02)
    config.schedule.update(name="cosine", warmup_epochs=2.0)
    config.evals.val.every_epochs = 4.0
    config.checkpoint.every_epochs = 8.0
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds."""
    config.update(total_epochs=None, total_steps=6.0)
    config.schedule.warmup_epochs = 0.0
    config.model.update(depths=(1, 2, 1, 1), dims=(16, 16, 16, 16))
    config.task.pairs = 6
