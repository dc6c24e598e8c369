"""Networks made smaller: masks, narrower layers, fewer bits."""
