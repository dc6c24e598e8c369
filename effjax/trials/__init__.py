"""Variants times seeds: spaces of points, and what runs their trials."""
