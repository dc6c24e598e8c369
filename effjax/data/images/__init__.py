"""Images on the host: decoding and augmentation, uint8 in and out."""
