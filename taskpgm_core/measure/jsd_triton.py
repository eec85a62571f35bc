"""The sum over every pair of models in one launch of a GPU (Triton)."""

from collections.abc import Sequence
from typing import Any

import torch
import triton
import triton.language as tl

from taskpgm_core.errors import MeasurementError

PARTNERS = 8
"""Partners of one model that a program takes at once: what they share is read once."""
BLOCK = 128
"""Tokens at a time. With ``PARTNERS`` it fixes the order of a pair's sum, whatever the launch."""


@triton.jit(do_not_specialize=["models", "rows"])  # type: ignore[untyped-decorator]
def mixed_kernel(  # type: ignore[no-untyped-def]  # Triton takes annotations for its own
    p, pieces, total, models, columns, rows, PARTNERS: tl.constexpr, BLOCK: tl.constexpr
):
    piece, row = pieces + 4 * tl.program_id(0), tl.program_id(1)
    model, first = tl.load(piece), tl.load(piece + 1)
    count, place = tl.load(piece + 2), tl.load(piece + 3)
    partner = tl.arange(0, PARTNERS)[:, None]
    there = partner < count
    one = p + (row * models + model) * columns
    many = p + (row * models + first + partner) * columns
    sums = tl.zeros([PARTNERS, BLOCK], tl.float64)
    for start in range(0, columns, BLOCK):
        at = start + tl.arange(0, BLOCK)[None, :]
        inside = at < columns
        # past the last token m = 1/2 + 1/2, whose logarithm adds nothing
        m = tl.load(one + at, mask=inside, other=0.5)
        m += tl.load(many + at, mask=there & inside, other=0.5)
        sums += m * tl.log(m)
    to = total + (place + partner) * rows + row
    tl.store(to, tl.load(to, mask=there) + tl.sum(sums, axis=1)[:, None], mask=there)


def add_mixed(
    total: torch.Tensor, p: torch.Tensor, runs: Sequence[tuple[int, int, int, int]]
) -> None:
    """Add sum m log m over the tokens, m = p_i + p_j, to ``total`` (pairs, rows) float64.

    ``p``: (rows, models, tokens) float64, positive and contiguous; ``runs``: as ``runs_of`` gives.
    The order in which a pair is summed depends on the number of tokens alone, so that the same
    probabilities give the same bits whatever else is compared beside them. MeasurementError where
    Triton cannot build what starts the kernel.
    """
    rows, models, columns = p.shape
    pieces = [
        (model, start, min(PARTNERS, last - start), place + start - first)
        for model, first, last, place in runs
        for start in range(first, last, PARTNERS)
    ]
    places = torch.tensor(pieces, device=p.device)
    try:
        with torch.cuda.device_of(p):  # type: ignore[no-untyped-call]
            launched: Any = mixed_kernel[(len(pieces), rows)]  # numbers become constants there
            launched(p, places, total, models, columns, rows, PARTNERS=PARTNERS, BLOCK=BLOCK)
    except RuntimeError as error:
        if "C compiler" not in str(error):
            raise
        raise MeasurementError(
            "Comparing models on a GPU needs a C compiler, which Triton looks for when it runs; "
            "install gcc, or name yours in the environment variable CC."
        ) from None
