"""The divergences of every pair of models from their logits, on a GPU (Triton).

With d = log q - log p at a token, e = exp(-|d|) and M the greater of p and q, the token adds

    p log 2p/(p+q) + q log 2q/(p+q)  =  M [(1 + e) (ln 2 - log(1 + e)) - |d| e]

to 2 JSD: a function of d alone times M, never negative. For small d, where the bracket is a
difference, it is (1 + e) / 2 times a series in d^2. So float32 is enough: nothing cancels, and a
divergence keeps its digits however small it is. Two exponentials and one logarithm a token.
"""

from collections.abc import Sequence
from typing import Any

import torch
import triton
import triton.language as tl

from taskpgm_core.errors import MeasurementError

PARTNERS = 8
"""Partners of one model that a program takes at once: what they share is read once."""
BLOCK = 256
"""Tokens at a time. Each of them has a float32 sum of its own within a span."""
SPAN = 8192
"""Tokens of one program. With ``BLOCK`` it fixes which float32 sums are formed, whatever else is
compared; they are added as integers, which have one sum in any order."""
UNIT = 2.0**-62
"""Nats of the integer 1: a whole pair, at most 2 ln 2, fits in 63 bits."""


@triton.jit(do_not_specialize=["models", "rows"])  # type: ignore[untyped-decorator]
def pairs_kernel(  # type: ignore[no-untyped-def]  # Triton takes annotations for its own
    z,
    normaliser,
    pieces,
    total,
    models,
    columns,
    rows,
    PARTNERS: tl.constexpr,
    BLOCK: tl.constexpr,
    SPAN: tl.constexpr,
    UNIT: tl.constexpr,
):
    piece, row = pieces + 4 * tl.program_id(0), tl.program_id(1)
    model, first = tl.load(piece), tl.load(piece + 1)
    count, place = tl.load(piece + 2), tl.load(piece + 3)
    partner = tl.arange(0, PARTNERS)[:, None]
    there = partner < count
    one, many = row * models + model, row * models + first + partner
    own = tl.load(normaliser + one)
    theirs = tl.load(normaliser + many, mask=there, other=0.0)
    shift, own, theirs = (theirs - own).to(tl.float32), own.to(tl.float32), theirs.to(tl.float32)
    sums = tl.zeros([PARTNERS, BLOCK], tl.float32)
    begin = tl.program_id(2) * SPAN
    for start in range(begin, min(begin + SPAN, columns), BLOCK):
        at = start + tl.arange(0, BLOCK)[None, :]
        inside = at < columns
        # -1e30, a masked token's too: of two such d is 0, of one the bracket is ln 2
        a = tl.maximum(tl.load(z + one * columns + at, mask=inside, other=-1e30), -1e30)
        b = tl.maximum(tl.load(z + many * columns + at, mask=there & inside, other=-1e30), -1e30)
        d = tl.minimum(tl.abs((b - a) - shift), 200.0)  # exp(-200) adds to nothing
        e = tl.exp(-d)
        x = d * d * 0.25
        series = x * (1 + x * (-1 / 2 + x * (2 / 9 + x * (-17 / 180 + x * (62 / 1575)))))
        near = (1 + e) * 0.5 * series
        far = (1 + e) * (0.6931471805599453 - tl.log(1 + e)) - d * e
        sums += tl.exp(tl.maximum(a - own, b - theirs)) * tl.where(d < 0.5, near, far)
    found = tl.sum((sums.to(tl.float64) * (1 / UNIT)).to(tl.int64), axis=1)[:, None]
    tl.atomic_add(total + (place + partner) * rows + row, found, mask=there)


def add_pairs(
    total: torch.Tensor,
    z: torch.Tensor,
    normaliser: torch.Tensor,
    runs: Sequence[tuple[int, int, int, int]],
) -> None:
    """Add 2 JSD of a stretch of tokens to ``total``: (pairs, rows) int64, in ``UNIT`` nats.

    ``z``: (rows, models, tokens) float32 logits, contiguous; ``normaliser``: (rows, models)
    float64, log of the sum of the exponentiated logits over all stretches; ``runs``: as
    ``runs_of`` gives. The same logits and normalisers give the same bits whatever else is compared
    beside them. MeasurementError where Triton cannot build what starts the kernel.
    """
    rows, models, columns = z.shape
    longest = max(last - first for _, first, last, _ in runs)
    partners = min(PARTNERS, triton.next_power_of_2(longest))
    pieces = [
        (model, start, min(partners, last - start), place + start - first)
        for model, first, last, place in runs
        for start in range(first, last, partners)
    ]
    places = torch.tensor(pieces, device=z.device)
    grid = (len(pieces), rows, triton.cdiv(columns, SPAN))
    fixed = {"PARTNERS": partners, "BLOCK": BLOCK, "SPAN": SPAN, "UNIT": UNIT}
    try:
        with torch.cuda.device_of(z):  # type: ignore[no-untyped-call]
            launched: Any = pairs_kernel[grid]  # numbers become constants there
            launched(z, normaliser, places, total, models, columns, rows, **fixed)
    except RuntimeError as error:
        if "C compiler" not in str(error):
            raise
        raise MeasurementError(
            "Comparing models on a GPU needs a C compiler, which Triton looks for when it runs; "
            "install gcc, or name yours in the environment variable CC."
        ) from None
