"""The strategies, a file or folder each; `effjax.search.registry` imports them all by itself."""
