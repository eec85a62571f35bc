"""Jensen-Shannon divergences of all pairs of models from their stored hidden states."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt
import torch

from taskpgm_core.measure.lm_head import Head

LN2 = float(np.log(2.0))
TILE = 1 << 22
"""Probabilities (float64) held at a time, over all models: 32 MiB."""
GPU_TILE = 1 << 27
"""The same on a GPU, 1 GiB: a smaller one would spend its time on launching kernels."""
SCRATCH = 1 << 15
"""Entries of one step's mixtures and logarithms: they stay in a core's cache."""
FLOOR = -700.0
"""Log-probabilities below this are taken for it: exp(-700) = 1e-304 adds to nothing, and neither
it nor a masked token's exp(-inf) slows the arithmetic down or makes 0 times infinity."""


def all_pairs(
    hidden: Sequence[npt.NDArray[np.float32]],
    heads: Sequence[Head],
    pairs: Sequence[tuple[int, int]],
    *,
    device: torch.device | str = "cpu",
    tile: int | None = None,
) -> npt.NDArray[np.float64]:
    """(pairs, positions) JSD of full next-token distributions, nats.

    ``hidden``: of each model, (positions, hidden); ``heads``: of each model, all of one
    vocabulary. The vocabulary is gone through twice a block of positions: for the models'
    normalisers, then a stretch at a time with each model's probabilities formed once for all of
    its pairs. With m = p + q,  2 JSD = sum p log 2p + sum q log 2q - sum m log m  holds term by
    term for any nonnegative p and q, so that the float32 logits' rounding cancels nowhere:
    everything after them is float64. Clipped at 0 from below. On a GPU with Triton each token's
    part of a pair is formed at once, in float32, where nothing cancels either (``jsd_triton``).

    Memory beyond arguments and result: at most 12 bytes for each of ``tile`` entries (``TILE``, or
    ``GPU_TILE``) plus a small constant, whatever the number of models, positions and tokens (unless
    there are more than ``tile`` / 64 models). Where that is not there, a quarter of ``tile`` is
    tried, down to ``TILE``.
    """
    gpu = torch.device(device).type == "cuda"
    tile = tile or (GPU_TILE if gpu else TILE)
    way = by_kernel if gpu and has_kernel() else in_turn
    if not pairs or not len(hidden[0]):
        return np.zeros((len(pairs), len(hidden[0])))
    while True:
        try:
            return way(hidden, heads, pairs, device, tile)
        except torch.OutOfMemoryError:
            if tile <= TILE:
                raise
        tile = max(tile // 4, TILE)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def has_kernel() -> bool:
    """Whether Triton is on this system; without it a GPU computes as a CPU does, slowly."""
    try:
        from taskpgm_core.measure import jsd_triton  # noqa: F401
    except ImportError:
        return False
    return True


def by_kernel(
    hidden: Sequence[npt.NDArray[np.float32]],
    heads: Sequence[Head],
    pairs: Sequence[tuple[int, int]],
    device: torch.device | str,
    tile: int,
) -> npt.NDArray[np.float64]:
    """``all_pairs`` by the GPU's kernel; logits are made once where the whole vocabulary fits."""
    from taskpgm_core.measure.jsd_triton import UNIT, add_pairs

    models, positions, vocabulary = len(hidden), len(hidden[0]), heads[0].vocabulary
    out = np.empty((len(pairs), positions))
    rows = int(np.clip(tile // (models * vocabulary), 1, positions))
    stretches = stretches_of(vocabulary, tile // (models * rows))
    runs = runs_of(pairs)
    first_of, second_of = torch.tensor(pairs, device=device).T
    with torch.inference_mode():
        for start in range(0, positions, rows):
            block = slice(start, start + rows)
            states = [torch.from_numpy(np.array(h[block])).to(device) for h in hidden]
            sums, z = [], torch.empty(0)
            for first, last in stretches:
                z = _logits(states, heads, first, last)
                sums.append(torch.logsumexp(z, dim=-1).double())
            normaliser = torch.logsumexp(torch.stack(sums), dim=0)
            total = torch.zeros(len(pairs), len(states[0]), dtype=torch.int64, device=device)
            for first, last in stretches:
                if len(stretches) > 1:
                    z = _logits(states, heads, first, last)
                add_pairs(total, z, normaliser, runs)
            sound = normaliser.isfinite().T
            divergence = (total.double() * (UNIT / 2)).where(
                sound[first_of] & sound[second_of], torch.nan
            )
            out[:, block] = divergence.cpu().numpy()
    return out


def _logits(
    states: Sequence[torch.Tensor], heads: Sequence[Head], first: int, last: int
) -> torch.Tensor:
    """(rows, models, last - first) float32."""
    z = torch.empty(len(states[0]), len(heads), last - first, device=states[0].device)
    for k, (state, head) in enumerate(zip(states, heads, strict=True)):
        z[:, k] = head.part(state, first, last)
    return z


def in_turn(
    hidden: Sequence[npt.NDArray[np.float32]],
    heads: Sequence[Head],
    pairs: Sequence[tuple[int, int]],
    device: torch.device | str,
    tile: int,
) -> npt.NDArray[np.float64]:
    """``all_pairs`` in float64; torch.OutOfMemoryError where ``tile`` is too large."""
    models, positions, vocabulary = len(hidden), len(hidden[0]), heads[0].vocabulary
    out = np.empty((len(pairs), positions))
    rows = int(np.clip(np.sqrt(tile / models / 32.0), 1, 64))
    stretches = stretches_of(vocabulary, tile // (models * rows))
    runs = runs_of(pairs)
    first_of, second_of = torch.tensor(pairs, device=device).T
    scratch = torch.empty(2, max(SCRATCH, stretches[0][1]), dtype=torch.float64, device=device)
    with torch.inference_mode():
        for start in range(0, positions, rows):
            block = slice(start, start + rows)
            states = [torch.from_numpy(np.array(h[block])).to(device) for h in hidden]
            normaliser = _normalisers(states, heads, stretches)
            own = torch.zeros(models, len(states[0]), dtype=torch.float64, device=device)
            mixed = torch.zeros(len(pairs), len(states[0]), dtype=torch.float64, device=device)
            for first, last in stretches:
                p = torch.empty(
                    len(states[0]), models, last - first, dtype=torch.float64, device=device
                )
                for k, (state, head) in enumerate(zip(states, heads, strict=True)):
                    z = head.part(state, first, last).double().sub_(normaliser[k][:, None])
                    z.clamp_(min=FLOOR)
                    torch.exp(z, out=p[:, k])
                    own[k] += torch.linalg.vecdot(p[:, k], z.add_(LN2))
                add_mixed_in_turn(mixed, p, runs, scratch)
            total = own[first_of] + own[second_of] - mixed
            out[:, block] = (total / 2).cpu().numpy()
    return np.maximum(out, 0.0)


def stretches_of(vocabulary: int, columns: int) -> list[tuple[int, int]]:
    """(first, after the last) of at most ``columns`` tokens each, and at least 32."""
    columns = int(np.clip(columns, 32, vocabulary))
    return [(k, min(k + columns, vocabulary)) for k in range(0, vocabulary, columns)]


def _normalisers(
    states: Sequence[torch.Tensor], heads: Sequence[Head], stretches: Sequence[tuple[int, int]]
) -> list[torch.Tensor]:
    """Of each model, (rows,) log of the sum of its exponentiated logits, float64."""
    found = []
    for state, head in zip(states, heads, strict=True):
        sums = [
            torch.logsumexp(head.part(state, first, last).double(), dim=-1)
            for first, last in stretches
        ]
        found.append(torch.logsumexp(torch.stack(sums), dim=0))
    return found


def runs_of(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int, int, int]]:
    """(model, first partner, after the last, row of the first) of partners one after another."""
    runs = []
    keyed = groupby(enumerate(pairs), key=lambda e: (e[1][0], e[1][1] - e[0]))
    for (model, _), members in keyed:
        found = list(members)
        runs.append((model, found[0][1][1], found[-1][1][1] + 1, found[0][0]))
    return runs


def add_mixed_in_turn(
    total: torch.Tensor,
    p: torch.Tensor,
    runs: Sequence[tuple[int, int, int, int]],
    scratch: torch.Tensor,
) -> None:
    """Add a stretch's sum m log m, m = p_i + p_j, to ``total`` (pairs, rows), each model's
    probabilities in ``p`` (rows, models, columns)."""
    columns = p.shape[-1]
    most = max(scratch.shape[1] // columns, 1)
    for row, own in enumerate(p):
        for model, first, last, place in runs:
            for start in range(first, last, most):
                count = min(most, last - start)
                m = scratch[0, : count * columns].view(count, columns)
                logs = scratch[1, : count * columns].view(count, columns)
                torch.add(own[start : start + count], own[model], out=m)
                torch.log(m, out=logs)
                at = place + start - first
                total[at : at + count, row] += torch.linalg.vecdot(m, logs)
