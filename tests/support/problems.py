"""Mixture problems of every kind, drawn by hypothesis or by seed, and their energy by hand."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from taskpgm_core.mixture import Group, Problem, kernel, pose
from taskpgm_core.mixture.convexity import spread
from taskpgm_core.records import Noise
from tests.support.matrices import KINDS, names, similarity

BALANCES = (0.0, 0.1, 0.9, 1.0, 1.1, 3.0, 40.0)
SCALES = (1e-12, 1e-6, 1.0, 1e6, 1e12)
LARGEST = 60
EUCLIDEAN = ("jsd", "clustered", "duplicated", "definite", "low rank", "factorial", "constant")
"""Kinds whose distances are squared distances of points."""


def problem_of(seed: int) -> tuple[str, Problem, float]:
    """(what it is, a problem whose constraints can hold, a balance): the kinds take turns."""
    rng = np.random.default_rng(seed)
    kind, n = sorted(KINDS)[seed % len(KINDS)], int(rng.integers(1, LARGEST + 1))
    S = similarity(kind, n, seed, float(rng.choice(SCALES)))
    options = _options(rng, n, spread(S.matrix) or 1.0)
    what = f"{kind}, {n} tasks, {', '.join(options) or 'no constraints'}"
    return what, pose(S, **options), float(rng.choice(BALANCES))


def kernel_problem_of(seed: int) -> tuple[str, Problem, float]:
    """The same for a kernel of squared distances at a random resolution, noise known or not.

    No utility at resolutions where K is constant to a millionth of it: rounding of the utility is
    then above what a certificate relative to K's spread may lack.
    """
    rng = np.random.default_rng(seed)
    kind, n = EUCLIDEAN[seed % len(EUCLIDEAN)], int(rng.integers(1, LARGEST + 1))
    S = similarity(kind, n, seed, float(rng.choice(SCALES)))
    usual = float(np.median(S.divergence - S.divergence.min())) or 1.0
    sigma = usual * 10.0 ** float(rng.choice([rng.uniform(-3, 3), rng.uniform(-300, 12)]))
    noise = None
    if rng.random() < 0.5:
        noise = Noise(S.tasks, rng.uniform(0.0, usual, n), measure=S.measure)
    seen = kernel(S, sigma, noise)
    options = _options(rng, n, 1.0)
    if spread(seen.similarity.matrix) < 1e-6:
        options.pop("utility", None)
    what = f"kernel of {kind} at {sigma:.3g}, {n} tasks, {', '.join(options) or 'no constraints'}"
    return what, pose(seen.similarity, **options), float(rng.choice(BALANCES))


def _options(rng: np.random.Generator, n: int, scale: float) -> dict[str, Any]:
    options: dict[str, Any] = {}
    tasks, inside = names(n), rng.dirichlet(np.ones(n))  # whatever is asked, ``inside`` does it
    asked = rng.random(6) < 0.5
    if asked[0]:
        options["anchor"] = rng.dirichlet(np.full(n, 0.5))
    if n > 2:
        if asked[1]:
            options["floors"] = dict(zip(tasks, inside * rng.uniform(0, 1, n), strict=True))
        if asked[2]:
            caps = np.clip(inside * rng.uniform(1, 4, n), inside, 1.0)
            options["caps"] = dict(zip(tasks, caps, strict=True))
        if asked[3]:
            options["groups"] = [
                Group(
                    f"g{k}",
                    tuple(np.array(tasks)[members]),
                    float(inside[members].sum() * rng.uniform(0, 1)),
                    min(1.0, float(inside[members].sum() * rng.uniform(1, 1.5))),
                )
                for k, members in enumerate(rng.random((2, n)) < 0.5)
            ]
        if asked[4]:
            options |= {"pull_to": rng.dirichlet(np.ones(n)), "rho": 0.3 * scale}
        if asked[5]:
            options["utility"] = scale * rng.normal(size=n)
    return options


@st.composite
def questions(draw, kinds=tuple(KINDS), most=60, constrained=True):
    """(problem, balance) over every kind of matrix, with and without constraints that can hold."""
    kind, n = draw(st.sampled_from(kinds)), draw(st.integers(1, most))
    seed = draw(st.integers(0, 10**6))
    S = similarity(kind, n, seed, draw(st.sampled_from(SCALES)))
    rng = np.random.default_rng(seed)
    scale = spread(S.matrix) or 1.0
    options = {}
    if draw(st.booleans()):
        options["anchor"] = rng.dirichlet(np.full(n, 0.5))
    if constrained and n > 2:
        inside = rng.dirichlet(np.ones(n))  # whatever is asked, this mixture does it
        if draw(st.booleans()):
            options["floors"] = dict(zip(names(n), inside * rng.uniform(0, 1, n), strict=True))
        if draw(st.booleans()):
            caps = np.minimum(inside * rng.uniform(1, 4, n), 1.0)
            options["caps"] = dict(zip(names(n), np.maximum(caps, inside), strict=True))
        if draw(st.booleans()):
            members = rng.random((2, n)) < 0.5
            options["groups"] = [
                Group(
                    f"g{k}",
                    tuple(np.array(names(n))[row]),
                    float(inside[row].sum() * rng.uniform(0, 1)),
                    min(1.0, float(inside[row].sum() * rng.uniform(1, 1.5))),
                )
                for k, row in enumerate(members)
            ]
        if draw(st.booleans()):
            options |= {"pull_to": rng.dirichlet(np.ones(n)), "rho": 0.3 * scale}
        if draw(st.booleans()):
            options["utility"] = scale * rng.normal(size=n)
    balance = draw(st.sampled_from(BALANCES))
    return pose(S, **options), balance


def centred(problem):
    """S less its mean; a constant S is one, whatever its mean's rounding."""
    S = problem.similarity.matrix
    return S - S.mean() if problem.convexity.scale else np.zeros_like(S)


def gradient(problem, p, balance):
    """Minus the gradient of E/lambda, shift and pull included, from the matrix itself."""
    H = centred(problem) + problem.convexity.shift * np.eye(problem.n)
    u = problem.utility if problem.utility is not None else problem.n * H @ problem.anchor
    g = balance / problem.n * u - H @ p
    if problem.pull:
        g = g + problem.pull.rho * (problem.pull.mixture - p)
    return g


def excess(problem, p, q, balance):
    """E(p) - E(q) over lambda, computed without cancellation."""
    step = p - q
    ridge = problem.convexity.shift + (problem.pull.rho if problem.pull else 0)
    H = centred(problem) + ridge * np.eye(problem.n)
    return float(step @ H @ step) / 2 - float(gradient(problem, q, balance) @ step)
