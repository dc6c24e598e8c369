"""Devices: hosts, the two runners, how parameters are laid out, interruption."""
