"""The published ImageNet recipes of Win and Win2: 300 epochs with SGD, Adam, AdamW or LAMB.

Args: METHOD-MODEL, where METHOD is sgd_win, adam_win, adamw_win or lamb_win, or one of these with
      a 2 for Win2, and MODEL is resnet50, resnet101, vit_small or vit_base; adamw_win-vit_small
      (default); or quick.
Score: published top-1, Win / Win2 (https://github.com/sail-sg/win), not run here: with AdamW
       ResNet-50 79.9 / 79.9, ResNet-101 81.3 / 81.7, ViT-S 81.0 / 81.4, ViT-B 82.3 / 82.6.
Cost: eight accelerators for several days. The batch size is not published; 2048 is assumed.
Run: effjax train --config=configs/optim/win.py:adamw_win-vit_small
"""

import ml_collections
from _optim import shrink

import effjax

MODELS = {
    "resnet50": "resnet50",
    "resnet101": "resnet101",
    "vit_small": "vit_small_patch16_224",
    "vit_base": "vit_base_patch16_224",
}

# method, model: peak rate, weight decay, warm-up epochs; the entries of Win2 where they differ
RECIPES = {
    ("sgd_win", "resnet50"): (0.8, 5e-4, 5.0),
    ("sgd_win", "resnet101"): (0.8, 5e-4, 5.0),
    ("sgd_win", "vit_small"): (3.0, 1e-4, 5.0),
    ("sgd_win2", "vit_small"): (1.5, 5e-5, 5.0),
    ("sgd_win", "vit_base"): (1.5, 1e-4, 5.0),
    ("adam_win", "resnet50"): (1e-3, 1e-5, 10.0),
    ("adam_win", "resnet101"): (1e-3, 1e-5, 10.0),
    ("adam_win", "vit_small"): (1e-3, 1e-5, 30.0),
    ("adam_win", "vit_base"): (1e-3, 1e-5, 30.0),
    ("adam_win2", "vit_base"): (1e-3, 1e-5, 60.0),
    ("adamw_win", "resnet50"): (8e-3, 0.05, 5.0),
    ("adamw_win2", "resnet50"): (2e-3, 0.05, 5.0),
    ("adamw_win", "resnet101"): (2e-3, 0.05, 20.0),
    ("adamw_win2", "resnet101"): (2e-3, 0.05, 5.0),
    ("adamw_win", "vit_small"): (2e-3, 0.05, 60.0),
    ("adamw_win2", "vit_small"): (2e-3, 0.05, 5.0),
    ("adamw_win", "vit_base"): (1e-3, 0.05, 5.0),
    ("lamb_win", "resnet50"): (8e-3, 0.02, 5.0),
    ("lamb_win2", "resnet50"): (8e-3, 0.01, 5.0),
    ("lamb_win", "resnet101"): (8e-3, 0.01, 5.0),
    ("lamb_win2", "resnet101"): (8e-3, 0.01, 30.0),
    ("lamb_win", "vit_small"): (5e-3, 0.02, 60.0),
    ("lamb_win2", "vit_small"): (5e-3, 0.02, 90.0),
    ("lamb_win", "vit_base"): (5e-3, 0.02, 60.0),
    ("lamb_win2", "vit_base"): (5e-3, 0.02, 90.0),
}
CLIPPED = {("sgd_win", "resnet101"), ("adamw_win", "vit_base")}
# runs in which biases and norms decay too
ALL_DECAY = {("adam_win", "resnet50"), ("adam_win", "resnet101"), ("lamb_win", "vit_base")}


ARGS = ("METHOD-MODEL",)


def get_config(name: str = "adamw_win-vit_small") -> ml_collections.ConfigDict:
    """The recipe of one method and model."""
    method, _, model = name.partition("-")
    plain = method.removesuffix("2")
    recipe = RECIPES.get((method, model), RECIPES.get((plain, model)))
    if recipe is None:
        raise effjax.UserError(
            f"optim/win.py knows no arg {name!r}; expected METHOD-MODEL, such as "
            "adamw_win2-resnet50, or quick"
        )
    peak, weight_decay, warmup = recipe

    config = effjax.default_config()
    config.total_epochs = 300.0
    config.model.update(name=MODELS[model], drop_path_rate=0.1)
    config.data.update(name="imagenet2012", batch_size=2048, workers=8, eval_crop=0.875)
    config.data.augment.update(randaugment="rand-m9-mstd0.5-inc1")
    config.mix.update(mixup=0.8, cutmix=1.0, label_smoothing=0.1, erase_prob=0.25)
    config.optim.default.update(name=method, learning_rate=peak, weight_decay=weight_decay)
    if plain == "lamb_win":  # the released runs of Win had clipping off, those of Win2 at 1
        config.optim.default.max_grad_norm = 1.0 if method == "lamb_win2" else None
    elif (plain, model) in CLIPPED:
        config.optim.default.max_grad_norm = 5.0
    if (plain, model) in ALL_DECAY:
        config.optim.default.decay = ((r".*", True),)
    config.schedule.update(name="cosine", warmup_epochs=warmup)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """A run of seconds."""
    shrink(config)
