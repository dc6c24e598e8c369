"""What layers are called with."""

from jax import Array

# int32 [B] in training: the index of each example in the global batch, on which its random draws
# depend; negative for padding, which counts for no statistic. None in evaluation: layers see by it
# whether they train.
Examples = Array | None
