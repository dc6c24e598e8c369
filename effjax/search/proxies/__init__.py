"""Zero-cost scores: what an untrained network says about itself."""
