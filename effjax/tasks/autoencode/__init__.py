"""Images to small maps and back, so that a diffusion can learn on these."""
