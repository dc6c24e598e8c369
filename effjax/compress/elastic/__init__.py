"""One network from which smaller ones are cut: once for all.

    effjax compress --config=configs/compress/once_for_all_digits.py
    effjax compress --workdir=runs/once_for_all_digits --budget=macs:0.3x

A sub-network is an ordinary architecture, whose weights are a function of the large network's.

Once-for-All (Cai et al. 2020), https://arxiv.org/abs/1908.09791
BigNAS (Yu et al. 2020), https://arxiv.org/abs/2003.11142
"""
