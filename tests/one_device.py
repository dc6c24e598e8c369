"""The environment of a program that sees one CPU device, as a user's does."""

import os


def one_device() -> dict[str, str]:
    """This session's environment, its compiler's settings too, without the eight fake devices."""
    flags = os.environ.get("XLA_FLAGS", "").split()
    kept = [flag for flag in flags if "device_count" not in flag]
    return os.environ | {"XLA_FLAGS": " ".join(kept)}
