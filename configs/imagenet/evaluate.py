"""Evaluates published weights on ImageNet-1k with their own size, crop, mean and deviation.

Args: NAME.TAG, published weights (effjax models 'caformer*' lists them);
      caformer_s18.sail_in1k (default); or quick, a few synthetic images.
The images: a folder laid out as ImageNet's (val/<class>/<image>, one folder for each of the 1000
classes, or these alone), or what TFDS has prepared. Weights in a file: --config.init_from=FILE.
Score: the table shows what was measured beside what was published.
Cost: the forward pass of 50,000 images.
Run: effjax evaluate --config=configs/imagenet/evaluate.py:caformer_s18.sail_in1k
     --config.data.name=imagenet/
"""

import ml_collections

import effjax

ARGS = ("NAME.TAG",)


def get_config(name: str = "caformer_s18.sail_in1k") -> ml_collections.ConfigDict:
    """The config for the weights `name`."""
    facts = effjax.models.pretrained(name)

    config = effjax.default_config()
    config.total_steps = 1.0
    config.init_from = name
    config.model.update(name=name, num_classes=facts.num_classes)
    config.data.update(name="imagenet2012", batch_size=64, image_size=facts.input_size)
    config.data.update(mean=facts.mean, std=facts.std)
    config.data.update(eval_crop=facts.crop, eval_interpolation=facts.interpolation)
    return config


def quick(config: ml_collections.ConfigDict) -> None:
    """Fresh weights on synthetic images."""
    config.init_from = None
    config.model.update(depths=(1, 1, 1, 1), dims=(16, 32, 32, 64))
    config.data.update(name="synthetic", batch_size=16, image_size=64)
    config.data.update(synthetic_examples=32, synthetic_classes=1000)
