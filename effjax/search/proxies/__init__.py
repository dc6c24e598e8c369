"""Zero-cost scores: what an untrained network says about itself.

score("synflow", model, variables, images, labels)   # greater is better, whatever the score

The pure functions behind them, `saliency.snip(apply, variables, batches)` and others, give a value
for each weight or layer.
"""

from effjax.search.proxies.network import Batch, Pass, apply_of, split
from effjax.search.proxies.registry import PROXIES, Candidate, score

__all__ = ["PROXIES", "Batch", "Candidate", "Pass", "apply_of", "score", "split"]
