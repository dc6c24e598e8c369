"""What `effjax sample` does: images from a trained generator, and how good they are."""
