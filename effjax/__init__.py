"""effjax: efficient image models, trained efficiently, in JAX."""

__version__ = "0.1.0"
