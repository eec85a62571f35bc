"""Divergences between bounds, from few tokens a context: a kept set and one bucket for the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from taskpgm_core.errors import MeasurementError
from taskpgm_core.measure.jsd import FLOOR, LN2, SCRATCH, TILE, runs_of
from taskpgm_core.measure.lm_head import Head

ENTRIES = 1 << 22
"""Logits held at a time, of one model: a block has at most this many, and at least one row."""
CACHED = 1 << 17
"""Entries summed in float64 at a time on a CPU, whose caches hold them."""


@dataclass(frozen=True, eq=False)
class Coarse:
    """A model's next-token distributions with all but the kept tokens in one bucket, nats.

    On one device: ``tokens``: (positions, k) which are kept; ``kept``: (positions, k) float64
    their log-probabilities; ``rest``: (positions,) float64 log of the rest's mass.
    """

    tokens: torch.Tensor
    kept: torch.Tensor
    rest: torch.Tensor


def kept_tokens(
    hidden: npt.NDArray[np.float32],
    head: Head,
    k: int,
    *,
    device: torch.device | str = "cpu",
    entries: int = ENTRIES,
) -> torch.Tensor:
    """(positions, k) int64 the ``k`` likeliest tokens of one model (the base) at each position.

    The base's serve for tasks that come later, too. MeasurementError unless 1 <= k <= V; with V
    nothing is left out, and both bounds are exact.
    """
    if not 1 <= k <= head.vocabulary:
        raise MeasurementError(
            f"The kept set needs between 1 and {head.vocabulary} tokens (probe.kept), not {k}."
        )
    out = torch.empty((len(hidden), k), dtype=torch.int64, device=device)
    rows = max(entries // head.vocabulary, 1)
    with torch.inference_mode():
        for start in range(0, len(hidden), rows):
            block = slice(start, start + rows)
            logits = head(torch.from_numpy(np.array(hidden[block])).to(device))
            out[block] = logits.topk(k, dim=-1).indices
    return out


def coarse(
    hidden: npt.NDArray[np.float32], head: Head, kept: torch.Tensor, *, entries: int = ENTRIES
) -> Coarse:
    """One model's distributions over the tokens ``kept`` (positions, k) and the rest.

    On the device of ``kept``. The rest is summed over the complement, never 1 minus the kept mass,
    so that it keeps its digits where nearly all mass is kept. float32 logits, float64 sums.
    """
    positions, k = kept.shape
    log_kept = torch.empty((positions, k), dtype=torch.float64, device=kept.device)
    log_rest = torch.empty(positions, dtype=torch.float64, device=kept.device)
    rows = max(entries // head.vocabulary, 1)
    few = rows if kept.device.type == "cuda" else max(CACHED // head.vocabulary, 1)
    with torch.inference_mode():
        for start in range(0, positions, rows):
            block = slice(start, start + rows)
            logits = head(torch.from_numpy(np.array(hidden[block])).to(kept.device))
            own = logits.gather(1, kept[block]).double()
            logits.scatter_(1, kept[block], -torch.inf)
            rest = torch.cat(
                [torch.logsumexp(z.double(), dim=-1) for z in torch.split(logits, few)]
            )
            total = torch.logaddexp(torch.logsumexp(own, dim=-1), rest)
            log_kept[block] = own.sub_(total[:, None])
            log_rest[block] = rest.sub_(total)
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

    As in ``all_pairs`` a model's terms are formed once for all of its pairs, and float64 on the
    models' device is all that is used.
    """
    tokens = models[0].tokens
    if any(m.tokens is not tokens and not torch.equal(m.tokens, tokens) for m in models):
        raise MeasurementError("Bounds need one kept set a position, common to all models.")
    positions, k = tokens.shape
    lower = torch.zeros(len(pairs), positions, dtype=torch.float64, device=tokens.device)
    upper = torch.zeros_like(lower)
    first_of, second_of = torch.tensor(pairs, device=tokens.device).reshape(-1, 2).T
    step = SCRATCH if tokens.device.type == "cpu" else TILE  # a core's cache; few launches
    rows = max(step // k, 1)
    with torch.inference_mode():
        for start in range(0, positions, rows):
            block = slice(start, start + rows)
            log_p = torch.stack([m.kept[block] for m in models]).clamp_(min=FLOOR)
            p = log_p.exp()
            own = torch.linalg.vecdot(p, log_p.add_(LN2))
            mixed = torch.empty_like(lower[:, block])
            most = max(step // p[0].numel(), 1)
            for model, first, last, place in runs_of(pairs):
                for begin in range(first, last, most):
                    end = min(begin + most, last)
                    m = p[begin:end] + p[model]
                    at = place + begin - first
                    mixed[at : at + end - begin] = torch.linalg.vecdot(m, m.log())
            kept = (own[first_of] + own[second_of] - mixed) / 2
            R = torch.stack([m.rest[block] for m in models]).clamp_(min=FLOOR).exp()
            lower[:, block] = kept + _terms(R[first_of], R[second_of])
            upper[:, block] = kept + LN2 * (R[first_of] + R[second_of]) / 2
        lower.clamp_(min=0.0)
        return lower.cpu().numpy(), torch.maximum(upper, lower).cpu().numpy()


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
    Positions go a block at a time, on ``device`` throughout: at most 8 bytes for each of ``tile``
    entries are held, beside the kept tokens, one model's logits and the scratch of ``bounds``.
    """
    kept = kept_tokens(hidden[keeper], heads[keeper], k, device=device)
    lower, upper = np.empty((2, len(pairs), len(kept)))
    rows = max(tile // (len(hidden) * k), 1)
    for start in range(0, len(kept), rows):
        block = slice(start, start + rows)
        some = kept[block]
        models = [coarse(h[block], head, some) for h, head in zip(hidden, heads, strict=True)]
        lower[:, block], upper[:, block] = bounds(models, pairs)
    return lower, upper


def _terms(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """Each outcome's part of the JSD: (p log 2p + q log 2q - m log m) / 2, m = p + q > 0."""
    m = p + q
    return (p * torch.log(2 * p / m) + q * torch.log(2 * q / m)) / 2
