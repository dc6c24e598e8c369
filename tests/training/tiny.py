"""Networks that compile in seconds: the quickstart's CAFormer and a ResNet-18, made small.

`tiny.py:resnet18,all`: that network, and with `all` everything that draws or repeats.
"""

import effjax

SMALL = {
    "caformer": {
        "name": "caformer_s18",
        "depths": (1, 1, 1, 1),
        "dims": (8, 8, 32, 32),
        "patch_kernels": (3, 3, 3, 3),
        "patch_strides": (2, 2, 2, 2),
        "patch_pads": (1, 1, 1, 1),
    },
    "resnet18": {"name": "resnet18", "dims": (8, 8, 16, 16)},
}


def get_config(arg="caformer"):
    """20 steps of 32 made-up images."""
    words = arg.split(",")
    config = effjax.default_config()
    config.total_steps = 20.0
    config.model.update(SMALL[words[0]])
    config.data.update(
        name="synthetic", synthetic_examples=96, image_size=32, batch_size=32, cache="memory"
    )
    config.data.augment.update(crop="none", hflip=0.5)
    config.mix.block = 2
    config.optim.default.update(name="adan", learning_rate=1e-3, weight_decay=0.02)
    config.schedule.warmup_steps = 4.0
    config.parallel.shard_least = 64
    config.checkpoint.every_steps = 10.0
    config.evals.val.every_steps = 10.0
    config.log.update(every_steps=1.0, tensorboard=False, curves=False)
    if "all" in words:
        config.optim.default.update(name="lookahead", inner="adan", sync_period=5)
        config.mix.update(mixup=0.8, cutmix=1.0, label_smoothing=0.1, erase_prob=0.25)
        config.model.update(drop_path_rate=0.2, head_dropout=0.3)
        config.accumulate = 2
        config.ema.decay = 0.9
    return config
