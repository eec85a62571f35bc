"""Divergences between bounds, from few tokens a context: a kept set and one bucket for the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from taskpgm_core.errors import MeasurementError
from taskpgm_core.measure.divergence import FLOOR, LN2, TILE
from taskpgm_core.measure.head import Head

ENTRIES = 1 << 22
"""Logits held at a time, of one model: a block has at most this many, and at least one row."""


@dataclass(frozen=True, eq=False)
class Coarse:
    """A model's next-token distributions with all but the kept tokens in one bucket, nats.

    ``tokens``: (positions, k) which are kept; ``kept``: (positions, k) their log-probabilities;
    ``rest``: (positions,) log of the rest's mass.
    """

    tokens: npt.NDArray[np.int64]
    kept: npt.NDArray[np.float64]
    rest: npt.NDArray[np.float64]


def kept_tokens(
    hidden: npt.NDArray[np.float32],
    head: Head,
    k: int,
    *,
    device: torch.device | str = "cpu",
    entries: int = ENTRIES,
) -> npt.NDArray[np.int64]:
    """(positions, k) the ``k`` likeliest tokens of one model (the base) at each position.

    The base's serve for tasks that come later, too. MeasurementError unless 1 <= k <= V; with V
    nothing is left out, and both bounds are exact.
    """
    if not 1 <= k <= head.vocabulary:
        raise MeasurementError(
            f"The kept set needs between 1 and {head.vocabulary} tokens (probe.kept), not {k}."
        )
    out = np.empty((len(hidden), k), dtype=np.int64)
    rows = max(entries // head.vocabulary, 1)
    with torch.inference_mode():
        for start in range(0, len(hidden), rows):
            block = slice(start, start + rows)
            logits = head(torch.from_numpy(np.array(hidden[block])).to(device))
            out[block] = logits.topk(k, dim=-1).indices.cpu().numpy()
    return out


def coarse(
    hidden: npt.NDArray[np.float32],
    head: Head,
    kept: npt.NDArray[np.int64],
    *,
    device: torch.device | str = "cpu",
    entries: int = ENTRIES,
) -> Coarse:
    """One model's distributions over the tokens ``kept`` (positions, k) and the rest.

    The rest is summed over the complement, never 1 minus the kept mass, so that it keeps its
    digits where nearly all mass is kept. float32 logits, float64 sums.
    """
    positions, k = kept.shape
    log_kept, log_rest = np.empty((positions, k)), np.empty(positions)
    rows = max(entries // head.vocabulary, 1)
    with torch.inference_mode():
        for start in range(0, positions, rows):
            block = slice(start, start + rows)
            logits = head(torch.from_numpy(np.array(hidden[block])).to(device)).double()
            ids = torch.from_numpy(kept[block]).to(device)
            own = logits.gather(1, ids)
            rest = torch.logsumexp(logits.scatter_(1, ids, -torch.inf), dim=-1)
            total = torch.logaddexp(torch.logsumexp(own, dim=-1), rest)
            log_kept[block] = (own - total[:, None]).cpu().numpy()
            log_rest[block] = (rest - total).cpu().numpy()
    return Coarse(kept, log_kept, log_rest)


def bounds(
    models: Sequence[Coarse], pairs: Sequence[tuple[int, int]]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(pairs, positions) twice: a lower and an upper bound of each pair's full-vocabulary JSD.

    Lower: the JSD of the coarse distributions (merging tokens can only lose divergence). Upper:
    the kept tokens' terms plus ln 2 (R_i + R_j) / 2, the rests as far apart as they can be. Both
    stay convex energies: -lower and -upper are positive semidefinite on 1'z = 0 for any weights
    of positions that all pairs share. MeasurementError where models keep different tokens: there
    is no bound between those.
    """
    if any((m.tokens != models[0].tokens).any() for m in models):
        raise MeasurementError("Bounds need one kept set a position, common to all models.")
    p = [np.exp(np.maximum(m.kept, FLOOR)) for m in models]
    R = [np.exp(np.maximum(m.rest, FLOOR)) for m in models]
    positions = len(models[0].rest)
    lower, upper = np.empty((2, len(pairs), positions))
    for row, (i, j) in enumerate(pairs):
        kept = _terms(p[i], p[j]).sum(axis=-1)
        lower[row] = kept + _terms(R[i], R[j])
        upper[row] = kept + LN2 * (R[i] + R[j]) / 2
    return np.maximum(lower, 0.0), np.maximum(upper, np.maximum(lower, 0.0))


def between(
    hidden: Sequence[npt.NDArray[np.float32]],
    heads: Sequence[Head],
    pairs: Sequence[tuple[int, int]],
    *,
    keeper: int,
    k: int,
    device: torch.device | str = "cpu",
    tile: int = TILE,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(pairs, positions) twice: ``bounds`` of all pairs, from hidden states as in ``all_pairs``.

    ``keeper``: the model (the base) whose ``k`` likeliest tokens are kept at each position. Which
    they are does not depend on the other models, so tasks that join later meet the same sets.
    Positions go a block at a time: at most 16 bytes for each of ``tile`` entries are held.
    """
    kept = kept_tokens(hidden[keeper], heads[keeper], k, device=device)
    lower, upper = np.empty((2, len(pairs), len(kept)))
    rows = max(tile // (len(hidden) * k), 1)
    for start in range(0, len(kept), rows):
        block = slice(start, start + rows)
        models = [
            coarse(h[block], head, kept[block], device=device)
            for h, head in zip(hidden, heads, strict=True)
        ]
        lower[:, block], upper[:, block] = bounds(models, pairs)
    return lower, upper


def _terms(p: npt.NDArray[np.float64], q: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each outcome's part of the JSD: (p log 2p + q log 2q - m log m) / 2, m = p + q > 0."""
    m = p + q
    terms: npt.NDArray[np.float64] = p * np.log(2 * p / m) + q * np.log(2 * q / m)
    return terms / 2
