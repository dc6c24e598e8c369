"""Strict test modes: eight fake CPU devices, no implicit rank promotion, warnings are errors."""

import os

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=8")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("EFFJAX_NO_REEXEC", "1")

import jax

jax.config.update("jax_numpy_rank_promotion", "raise")
