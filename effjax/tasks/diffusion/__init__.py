"""Learning to make images out of noise: diffusion and flow matching."""
