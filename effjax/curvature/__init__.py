"""Curvature, noise and stability: pure functions of a loss; knows nothing of the rest of effjax.

`products` makes operators; `lanczos` and `spectrum` look at them. `sharpness` and `slices` look at
the loss itself, `noise_scale` and `tails` at gradients of minibatches, `stability` at two
trainings. `escape` and `closed_forms` are what theory says. Files are imported by their names:
`from effjax.curvature import products, lanczos`.
"""
