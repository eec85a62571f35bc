"""Jensen-Shannon divergences of all pairs of models from their stored hidden states."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

LN2 = float(np.log(2.0))
Head = Callable[[torch.Tensor], torch.Tensor]


def _negentropy(p: torch.Tensor, scratch: torch.Tensor) -> torch.Tensor:
    """Sum of p log p over the last axis, nats; 0 where p = 0. ``scratch`` is overwritten."""
    torch.add(p, 1e-300, out=scratch).log_()
    return torch.linalg.vecdot(p, scratch)


def all_pairs(
    hidden: Sequence[npt.NDArray[np.float32]],
    heads: Sequence[Head],
    pairs: Sequence[tuple[int, int]],
    *,
    device: torch.device | str = "cpu",
    chunk: int = 8,
) -> npt.NDArray[np.float64]:
    """(pairs, positions) JSD of full next-token distributions, nats.

    ``hidden``: of each model, (positions, hidden); ``heads``: of each model. Each model's
    probabilities are formed once a chunk of positions and shared by all of its pairs. With
    m = p + q,  JSD = (sum p log p + sum q log q - sum m log m + ln 2 sum m) / 2  holds term by
    term for any nonnegative p and q, so the float32 softmax costs no cancellation: all sums run in
    float64. Clipped at 0 from below.
    """
    positions = len(hidden[0])
    out = np.empty((len(pairs), positions))
    with torch.inference_mode():
        for start in range(0, positions, chunk):
            block = slice(start, min(start + chunk, positions))
            p = [
                torch.softmax(
                    head(torch.from_numpy(np.array(h[block])).to(device)), dim=-1
                ).double()
                for h, head in zip(hidden, heads, strict=True)
            ]
            mixed, scratch = torch.empty_like(p[0]), torch.empty_like(p[0])
            negentropy = [_negentropy(x, scratch) for x in p]
            mass = [x.sum(-1) for x in p]
            for row, (i, j) in enumerate(pairs):
                torch.add(p[i], p[j], out=mixed)
                value = negentropy[i] + negentropy[j] + LN2 * (mass[i] + mass[j])
                value -= _negentropy(mixed, scratch)
                out[row, block] = (value / 2).cpu().numpy()
    return np.maximum(out, 0.0)
