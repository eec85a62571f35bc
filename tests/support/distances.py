"""Similarities whose distances are squared distances of points, with noise and without."""

import numpy as np

from taskpgm_core.records import Noise, Similarity
from tests.support.matrices import jsd_like, names


def jsd(seed, n, words=12):
    S = jsd_like(np.random.default_rng(seed), n, words=words, contexts=3)
    return Similarity(names(n), S, "jsd")


def noisy(seed, n):
    """A squared distance and noise that, taken out, leaves none."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    d = ((x[:, None] - x) ** 2).sum(-1)
    nu = rng.uniform(0, float(np.median(d)), n)
    return Similarity(names(n), -d), Noise(names(n), nu, measure="given")
