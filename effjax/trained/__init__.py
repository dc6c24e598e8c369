"""A trained network with all that its use needs."""
