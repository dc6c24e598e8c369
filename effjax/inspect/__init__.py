"""Looks before you pay: what a config means, what there is, what is installed, where time goes."""
