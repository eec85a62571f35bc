"""Synthetic similarity matrices: what measured studies look like, and what strains a solver."""

from collections.abc import Callable

import numpy as np

from taskpgm_core.records import Array, Similarity

Maker = Callable[[np.random.Generator, int], Array]


def jsd_like(rng: np.random.Generator, n: int, words: int = 64, contexts: int = 8) -> Array:
    """(n, n) minus the mean Jensen-Shannon divergence of n families' next-token distributions."""
    families = rng.dirichlet(np.full(words, 0.2), (max(1, n // 6), contexts))
    own = rng.dirichlet(np.full(words, 0.2), (n, contexts))
    share = rng.uniform(0.2, 0.9, (n, 1, 1))
    q = share * families[rng.integers(0, len(families), n)] + (1 - share) * own
    entropy = -np.where(q > 0, q * np.log(np.maximum(q, 1e-300)), 0.0).sum((1, 2))
    D = np.zeros((n, n))
    for i in range(n):
        m = (q[i] + q[i + 1 :]) / 2
        mixed = -np.where(m > 0, m * np.log(np.maximum(m, 1e-300)), 0.0).sum((1, 2))
        D[i, i + 1 :] = np.maximum(mixed - (entropy[i] + entropy[i + 1 :]) / 2, 0.0) / contexts
    return -(D + D.T)


def pmi_like(rng: np.random.Generator, n: int) -> Array:
    """(n, n) minus symmetrised excess losses; indefinite where it matters, as measured ones are."""
    traits = rng.normal(size=(n, 5))
    distance = ((traits[:, None] - traits) ** 2).sum(-1)
    excess = distance * rng.gamma(2.0, 1.0, (1, n)) + rng.normal(0.0, 2.0, (n, n))
    np.fill_diagonal(excess, 0.0)
    return -(excess + excess.T) / 2


def clustered(rng: np.random.Generator, n: int) -> Array:
    """Few groups of near-copies."""
    centres = rng.normal(size=(max(1, n // 5), 6))
    x = centres[rng.integers(0, len(centres), n)] + 1e-4 * rng.normal(size=(n, 6))
    return -((x[:, None] - x) ** 2).sum(-1)


def duplicated(rng: np.random.Generator, n: int) -> Array:
    """Every task about twice, exactly."""
    S = jsd_like(rng, n, words=8, contexts=2)
    twin = rng.integers(0, max(1, n // 2), n)
    return S[np.ix_(twin, twin)]


def indefinite(rng: np.random.Generator, n: int) -> Array:
    a = rng.normal(size=(n, n))
    return (a + a.T) / 2


def definite(rng: np.random.Generator, n: int) -> Array:
    x = rng.normal(size=(n, n + 3))
    return x @ x.T / n


def low_rank(rng: np.random.Generator, n: int) -> Array:
    x = rng.normal(size=(n, min(3, n)))
    return x @ x.T


def rank_one(rng: np.random.Generator, n: int) -> Array:
    v = rng.normal(size=n)
    return float(rng.choice([-1.0, 1.0])) * np.outer(v, v)


def factorial(rng: np.random.Generator, n: int) -> Array:
    """Whole-number coordinates: exact ties everywhere."""
    x = rng.integers(0, 2, (n, 4)).astype(float)
    return -((x[:, None] - x) ** 2).sum(-1)


def badly_scaled(rng: np.random.Generator, n: int) -> Array:
    """Tasks on scales from 1e-6 to 1e6, entries from 1e-12 to 1e12."""
    size = 10.0 ** rng.uniform(-6, 6, n)
    return definite(rng, n) * np.outer(size, size)


def constant(rng: np.random.Generator, n: int) -> Array:
    return np.full((n, n), float(rng.normal()))


KINDS: dict[str, Maker] = {
    "jsd": jsd_like,
    "pmi": pmi_like,
    "clustered": clustered,
    "duplicated": duplicated,
    "indefinite": indefinite,
    "definite": definite,
    "low rank": low_rank,
    "rank one": rank_one,
    "factorial": factorial,
    "badly scaled": badly_scaled,
    "constant": constant,
}


def names(n: int) -> tuple[str, ...]:
    return tuple(f"t{i}" for i in range(n))


def similarity(kind: str, n: int, seed: int, scale: float = 1.0) -> Similarity:
    """A matrix of ``kind`` over n tasks, its entries times ``scale``."""
    S = scale * KINDS[kind](np.random.default_rng(seed), n)
    measure = "jsd" if kind == "jsd" and scale == 1.0 else "given"
    return Similarity(names(n), S, measure)
