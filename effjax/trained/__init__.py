"""A trained network, ready for use."""
