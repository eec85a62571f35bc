"""Baselines: the mixtures that every solution is compared with, behind one function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from math import isfinite

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from taskpgm_core.errors import MixtureError, nearest
from taskpgm_core.mixture.kernel import kernel
from taskpgm_core.mixture.problem import pose
from taskpgm_core.mixture.solver import solve
from taskpgm_core.records import Array, Noise, Similarity, read_only

TIE_DECIMALS = 9  # gains closer than this are a tie, which the earlier task wins


@dataclass(frozen=True)
class Inputs:
    """What a baseline may look at; each uses a part of it."""

    similarity: Similarity
    rows: Array
    seed: int
    balance: float
    temperature: float
    strength: float
    utility: Array | None
    noise: Noise | None = None


@dataclass(frozen=True)
class Baseline:
    """A named rule from a study to a mixture. ``needs_rows``: it reads every task's rows;
    ``moves``: it depends on the balance."""

    name: str
    title: str
    description: str
    rule: Callable[[Inputs], Array]
    needs_rows: bool = False
    moves: bool = False


def baseline(
    name: str,
    similarity: Similarity,
    *,
    rows: npt.ArrayLike | None = None,
    seed: int = 0,
    balance: float = 1.0,
    temperature: float = 5.0,
    strength: float = 0.4,
    utility: npt.ArrayLike | None = None,
    noise: Noise | None = None,
) -> Array:
    """(n,) the mixture of the baseline ``name`` (see ``BASELINES``) over ``similarity.tasks``.

    ``rows`` (n,) rows available a task; ``seed`` of the Dirichlet draw; ``balance`` r of the
    authors' recipe; ``temperature`` T >= 1 flattens sizes as rows**(1/T); ``strength`` in [0, 1] is
    the weight of redundancy in SMART's graph cut; ``utility`` (n,) ranks tasks for ``best-single``;
    ``noise``, of the same measure, sets the resolution of ``skill-even`` (None: a guess does).

    Raises MixtureError for an unknown name, missing rows, or a number that makes no sense.
    """
    if name not in BASELINES:
        raise MixtureError(
            f"There is no baseline '{name}'{nearest(name, BASELINES)}; "
            f"choose one of {', '.join(BASELINES)}."
        )
    chosen = BASELINES[name]
    n = similarity.n
    if n == 0:
        raise MixtureError("There is no task to mix.")
    if chosen.needs_rows and rows is None:
        raise MixtureError(f"The baseline '{name}' needs the rows of every task; add them.")
    sizes = np.zeros(n) if rows is None else _vector("rows", rows, similarity.tasks)
    if (sizes < 0).any() or (chosen.needs_rows and not sizes.any()):
        raise MixtureError("rows must not be negative, and some task must have rows.")
    if not isfinite(balance) or balance < 0:
        raise MixtureError(f"balance is {balance}; give a finite number, at least 0.")
    if not isfinite(temperature) or temperature < 1:
        raise MixtureError(f"temperature is {temperature}; give a finite number, at least 1.")
    if not 0 <= strength <= 1:
        raise MixtureError(f"strength is {strength}; give a number from 0 to 1.")
    inputs = Inputs(
        similarity=similarity,
        rows=sizes,
        seed=seed,
        balance=balance,
        temperature=temperature,
        strength=strength,
        utility=None if utility is None else _vector("utility", utility, similarity.tasks),
        noise=noise,
    )
    return read_only(chosen.rule(inputs))


def project_onto_simplex(v: npt.ArrayLike) -> Array:
    """The Euclidean projection of ``v`` (n,) onto {p >= 0, 1'p = 1}.

    Source: Duchi et al., "Efficient projections onto the l1-ball", ICML 2008, figure 1.
    """
    v = np.asarray(v, dtype=np.float64)
    descending = np.sort(v)[::-1]
    excess = (np.cumsum(descending) - 1) / np.arange(1, v.size + 1)
    threshold = excess[np.flatnonzero(descending > excess)[-1]]
    projected: Array = np.maximum(v - threshold, 0)
    return projected


def unit_kernel(similarity: Similarity) -> Array:
    """(n, n) similarities in [0, 1] with ones on the diagonal, as SMART's set functions ask.

    SMART builds its kernel from cosines of prompt embeddings; here it comes from measured
    behaviour. For a divergence with a largest value it is 1 - D over that value (ln 2 for
    ``jsd``), an absolute scale. Other measures have none, so their entries are stretched from
    their least (0) to their greatest (1) value over all pairs, the diagonal left out: for those
    the budgets depend on which tasks are in the study.
    """
    most = similarity.reading.most
    if most is not None:
        K = np.clip(1 + similarity.matrix / most, 0, 1)
    else:
        K = unit_strength(similarity)
    np.fill_diagonal(K, 1)
    return K


def unit_strength(similarity: Similarity) -> Array:
    """(n, n) similarities stretched from their least (0) to their greatest (1) off the diagonal."""
    S = similarity.matrix
    pairs = S[np.triu_indices(similarity.n, 1)]
    low, high = float(pairs.min(initial=np.inf)), float(pairs.max(initial=-np.inf))
    return (S - low) / (high - low) if high > low else np.ones_like(S)


def _vector(name: str, values: npt.ArrayLike, tasks: tuple[str, ...]) -> Array:
    vector = np.asarray(values, dtype=np.float64)
    if vector.shape != (len(tasks),):
        raise MixtureError(f"{name} has shape {vector.shape}, but there are {len(tasks)} tasks.")
    if not np.isfinite(vector).all():
        task = tasks[int(np.flatnonzero(~np.isfinite(vector))[0])]
        raise MixtureError(f"{name} of task '{task}' is not a finite number; give one.")
    return vector


def _normalised(weights: Array) -> Array:
    shares: Array = weights / weights.sum()
    return shares


def _uniform(inputs: Inputs) -> Array:
    return np.full(inputs.similarity.n, 1 / inputs.similarity.n)


def _proportional(inputs: Inputs) -> Array:
    return _normalised(inputs.rows)


def _square_root(inputs: Inputs) -> Array:
    return _normalised(np.sqrt(inputs.rows))


def _temperature(inputs: Inputs) -> Array:
    return _normalised(inputs.rows ** (1 / inputs.temperature))


def _dirichlet(inputs: Inputs) -> Array:
    return np.random.default_rng(inputs.seed).dirichlet(np.ones(inputs.similarity.n))


def _authors(inputs: Inputs) -> Array:
    S = inputs.similarity.matrix
    n = inputs.similarity.n
    least = eigh(S, eigvals_only=True, subset_by_index=[0, 0])[0]
    shifted = S + abs(min(least, 0.0)) * np.eye(n)
    uniform = np.full(n, 1 / n)
    # The shifted S is singular by construction; on 1'z = 0, where only it matters, it rarely is.
    centred = shifted - shifted.mean(0) - shifted.mean(1)[:, None] + shifted.mean()
    w0 = uniform - np.linalg.pinv(centred, hermitian=True, rcond=1e-12) @ (shifted @ uniform)
    return project_onto_simplex(inputs.balance * uniform + (1 - inputs.balance) * w0)


def _taylor_softmax(gains: Array) -> Array:
    return _normalised(1 + gains + gains**2 / 2)


def _graph_cut(inputs: Inputs) -> Array:
    K = unit_kernel(inputs.similarity)
    gains = np.empty(inputs.similarity.n)
    # f(A) = sum of K over V x A - strength * sum of K over A x A
    marginal = K.sum(0) - inputs.strength * K.diagonal()
    for _ in range(gains.size):
        j = int(marginal.round(TIE_DECIMALS).argmax())
        gains[j] = marginal[j]
        marginal = marginal - 2 * inputs.strength * K[j]
        marginal[j] = -np.inf
    return _taylor_softmax(gains)


def _facility_location(inputs: Inputs) -> Array:
    K = unit_kernel(inputs.similarity)
    gains = np.full(inputs.similarity.n, np.nan)
    covered = np.zeros(gains.size)
    # Lazy greedy (Minoux 1978): a gain only falls, so an old one at the top is looked at again.
    queue = [(-round(gain, TIE_DECIMALS), j, 0, gain) for j, gain in enumerate(K.sum(0).tolist())]
    heapify(queue)
    for step in range(gains.size):
        while queue[0][2] != step:
            j = queue[0][1]
            gain = float(np.maximum(K[j] - covered, 0).sum())
            heapreplace(queue, (-round(gain, TIE_DECIMALS), j, step, gain))
        _, j, _, gains[j] = heappop(queue)
        covered = np.maximum(covered, K[j])
    return _taylor_softmax(gains)


def _best_single(inputs: Inputs) -> Array:
    utility = inputs.similarity.matrix.sum(1) if inputs.utility is None else inputs.utility
    p = np.zeros(inputs.similarity.n)
    p[int(utility.argmax())] = 1
    return p


def _skill_even(inputs: Inputs) -> Array:
    seen = kernel(inputs.similarity, noise=inputs.noise)
    return solve(pose(seen.similarity), 0.0).p


BASELINES: Mapping[str, Baseline] = {
    rule.name: rule
    for rule in (
        Baseline("uniform", "Uniform", "Every task alike.", _uniform),
        Baseline(
            "proportional",
            "Size-proportional",
            "In proportion to the rows available: what concatenating the tasks gives, in rows.",
            _proportional,
            needs_rows=True,
        ),
        Baseline(
            "square-root",
            "Square root of size",
            "In proportion to the square root of the rows available: temperature 2.",
            _square_root,
            needs_rows=True,
        ),
        Baseline(
            "temperature",
            "Temperature",
            "In proportion to rows to the power 1/T; T = 5 after Arivazhagan et al. "
            "(arXiv 1907.05019).",
            _temperature,
            needs_rows=True,
        ),
        Baseline(
            "dirichlet",
            "Random",
            "One seeded draw, uniform over all mixtures (Dirichlet with concentration 1).",
            _dirichlet,
        ),
        Baseline(
            "authors",
            "Closed form, projected",
            "The paper's own recipe (arXiv 2507.12612): S shifted by |lambda_min| where that is "
            "negative, the closed form at the balance, then Euclidean projection onto the simplex. "
            "Where the closed form is not a mixture this is not the optimum.",
            _authors,
            moves=True,
        ),
        Baseline(
            "smart-graph-cut",
            "SMART, graph cut",
            "Greedy graph-cut gains g, then weights 1 + g + g^2/2 (arXiv 2403.08370), on the "
            "measured similarity instead of prompt embeddings.",
            _graph_cut,
        ),
        Baseline(
            "smart-facility-location",
            "SMART, facility location",
            "Greedy facility-location gains g, then weights 1 + g + g^2/2 (arXiv 2403.08370), on "
            "the measured similarity instead of prompt embeddings.",
            _facility_location,
        ),
        Baseline(
            "skill-even",
            "Even over skills",
            "Balance 0 at the automatic resolution: each distinct skill counts once, however many "
            "tasks it came in. A measure that is no squared distance tells no skills apart; there "
            "it is balance 0 of S as measured.",
            _skill_even,
        ),
        Baseline(
            "best-single",
            "Best single task",
            "Everything on the task of highest utility; without one, on the most representative "
            "task (greatest row sum of S). The first wins a tie.",
            _best_single,
        ),
    )
}
