"""Which channels of a trained network stay, learned by gradients while its weights are held."""
