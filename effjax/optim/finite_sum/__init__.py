"""Methods for finite sums: drivers with gradients at several points, not transformations."""
