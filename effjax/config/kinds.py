"""The old place of `effjax.kinds`."""

from effjax.kinds import Misfit, OutOfRange, describe_type, fit, with_article

__all__ = ["Misfit", "OutOfRange", "describe_type", "fit", "with_article"]
