"""Where examples come from: folders, archives, arrays, prepared data sets."""
