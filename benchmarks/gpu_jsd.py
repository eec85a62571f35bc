"""Divergences on a GPU: are they right, and how near the memory's bandwidth do they come.

``ours`` is what ``all_pairs`` does for a pair whose log-probabilities are given; ``plain`` is the
obvious way. Where there is no GPU the kernel is carried out by Triton's interpreter.
"""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gpu_card import NotMeasuredError, device, needs_cuda, this_card
from benchmarks.measure import Calls, near, nothing, plain_loop, turns
from taskpgm_core.errors import MeasurementError
from taskpgm_core.measure.jsd import LN2, all_pairs, runs_of
from taskpgm_core.measure.jsd_bounds import between

JSD = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Result = dict[str, Any]
ROOT = Path(__file__).parents[1]
LEAST = 1e-7
"""Nats from which on a divergence must be right within ``WITHIN`` of itself."""
WITHIN = 0.01
ONE = runs_of([(0, 1)])
NATS = 2.0**-63
"""Of the kernel's integer 1, which counts 2 JSD."""


def plain(lp: torch.Tensor, lq: torch.Tensor) -> torch.Tensor:
    """(positions,) the obvious way, in the dtype given."""
    lm = torch.logaddexp(lp, lq) - LN2
    return ((lp.exp() * (lp - lm)).sum(-1) + (lq.exp() * (lq - lm)).sum(-1)) / 2


def exact(lp: torch.Tensor, lq: torch.Tensor) -> torch.Tensor:
    """(positions,) the obvious way in float64, position by position; masked tokens add nothing."""
    found = []
    for p, q in zip(lp.double(), lq.double(), strict=True):
        lm = torch.logaddexp(p, q) - LN2
        terms = [torch.where(x.isinf(), 0.0, x.exp() * (x - lm)) for x in (p, q)]
        found.append((terms[0] + terms[1]).sum() / 2)
    return torch.stack(found)


def add_pairs(
    total: torch.Tensor,
    z: torch.Tensor,
    normaliser: torch.Tensor,
    runs: list[tuple[int, int, int, int]],
) -> None:
    """The kernel; Triton decides when it is imported whether it interprets."""
    from taskpgm_core.measure import jsd_triton

    jsd_triton.add_pairs(total, z, normaliser, runs)


def ours(z: torch.Tensor) -> torch.Tensor:
    """(positions,) of two models' log-probabilities (positions, 2, tokens), as they lie where
    ``all_pairs`` puts logits."""
    total = torch.zeros(1, len(z), dtype=torch.int64, device=z.device)
    add_pairs(total, z, torch.zeros(z.shape[:2], dtype=torch.float64, device=z.device), ONE)
    return total[0].double() * NATS


def needs_triton() -> None:
    try:
        import triton  # noqa: F401
    except ImportError:
        raise NotMeasuredError("Triton is not installed") from None


def steps(positions: int, vocabulary: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two float32 log-softmaxes of (positions, vocabulary), from nearly equal to far apart."""
    rng = torch.Generator().manual_seed(0)
    z = torch.randn(positions, vocabulary, generator=rng)
    far = torch.logspace(-4, 1, positions)[:, None] * torch.randn(z.shape, generator=rng)
    return torch.log_softmax(z, -1).to(device()), torch.log_softmax(z + far, -1).to(device())


def kernel_errors(seconds: float, *, positions: int, vocabulary: int) -> Result:
    """The kernel against the float64 loop: given log-probabilities, then hidden states."""
    needs_triton()
    lp, lq = steps(positions, vocabulary)
    masked = [x.clone() for x in (lp, lq)]
    for x in masked:
        x[:, : vocabulary // 4] = -torch.inf
    masked[1][1::2, vocabulary // 4 : vocabulary // 2] = -torch.inf  # of one model alone
    hidden, head, _ = near(2, positions, vocabulary, device())
    hidden[1] = hidden[0] + np.float32(0.01) * (hidden[1] - hidden[0])
    with torch.no_grad():
        wide = head.weight.double().T
        logits = (torch.from_numpy(h).to(device()).double() @ wide for h in hidden)
        reference = exact(*(torch.log_softmax(z, -1) for z in logits))
        cases = {
            "given": (ours(torch.stack([lp, lq], 1)), exact(lp, lq)),
            "masked": (ours(torch.stack(masked, 1)), exact(*masked)),
            "all_pairs": (
                torch.from_numpy(all_pairs(hidden, [head] * 2, [(0, 1)], device=device())[0]),
                reference.cpu(),
            ),
        }
    found: Result = {}
    for name, (value, right) in cases.items():
        counted = right > LEAST
        off = ((value - right).abs() / right)[counted].max().item() if counted.any() else 0.0
        found[name] = {
            "least": right.min().item(),
            "counted": int(counted.sum()),
            "relative": off if bool(value.isfinite().all()) else float("inf"),
            "nats": (value - right).abs().max().item(),
        }
    return found | {"right": all(found[name]["relative"] <= WITHIN for name in found)}


def kernel_bits(seconds: float, *, models: int, rows: int, columns: int) -> Result:
    """Every pair together against each of some pairs alone, bit by bit."""
    needs_triton()
    rng = torch.Generator().manual_seed(0)
    z = (8 * torch.randn(rows, models, columns, generator=rng)).to(device())
    normaliser = torch.logsumexp(z.double(), -1)
    pairs = [(i, j) for i in range(models) for j in range(i + 1, models)]

    def added(some: list[int], pairs: list[tuple[int, int]]) -> torch.Tensor:
        total = torch.zeros(len(pairs), rows, dtype=torch.int64, device=z.device)
        add_pairs(total, z[:, some].contiguous(), normaliser[:, some].contiguous(), runs_of(pairs))
        return total

    together = added(list(range(models)), pairs)
    some = range(0, len(pairs), max(len(pairs) // 40, 1))
    alone = [added(list(pairs[k]), [(0, 1)])[0] for k in some]
    equal = sum(torch.equal(one, together[k]) for one, k in zip(alone, some, strict=True))
    return {"pairs": len(pairs), "tried": len(some), "equal": equal, "right": equal == len(some)}


def cuda_tests(seconds: float) -> Result:
    """The tests marked ``cuda``, in a process of their own."""
    needs_cuda()
    if importlib.util.find_spec("pytest") is None:
        raise NotMeasuredError("pytest is not installed")
    files = [p for p in (ROOT / "tests").rglob("test_*.py") if "pytest.mark.cuda" in p.read_text()]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "cuda", "-W", "default"]
    command += ["-p", "no:cacheprovider", *map(str, sorted(files))]
    run = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=seconds - 2
    )
    said = (run.stdout.strip() or run.stderr.strip() or "nothing").splitlines()
    if run.returncode:
        raise MeasurementError("The tests fail. " + "\n".join(said[-30:]))
    return {"said": said[-1]}


# One pair


def two(positions: int, vocabulary: int) -> torch.Tensor:
    """(positions, 2, vocabulary) float32 log-softmaxes, made on the device."""
    rng = torch.Generator(device=device()).manual_seed(0)
    z = torch.randn(positions, 2, vocabulary, generator=rng, device=device())
    z[:, 1] = z[:, 0] + z[:, 1] / 10
    return torch.log_softmax(z, -1)


def raced(ways: dict[str, JSD], z: torch.Tensor, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of each way and shares of the time that reading both inputs once takes: at the
    bandwidth of a copy on this device in the same run, and by the card's data sheet. ``ours``
    reads both from one tensor, every other way its own."""
    lp, lq = (z[:, k].contiguous() for k in (0, 1))
    spare, bandwidth = torch.empty_like(lp), this_card().bandwidth
    calls: Calls = {name: (nothing, partial(way, lp, lq)) for name, way in ways.items()}
    calls["ours"] = (nothing, partial(ours, z))
    with torch.no_grad():
        seconds = turns(calls | {"copy": (nothing, lambda: spare.copy_(lp))}, rounds)
    copy = seconds["copy"]  # it reads one and writes one, as much as reading both
    found = {name: {"ms": 1e3 * s, "of_copy": copy / s} for name, s in seconds.items()}
    if bandwidth:
        for name, s in seconds.items():
            found[name]["of_sheet"] = 2 * lp.numel() * lp.element_size() / bandwidth / s
    return found


def pair(seconds: float, *, positions: int, vocabulary: int, rounds: int) -> Result:
    """One pair: ours and the plain loop, and how far each is from float64."""
    needs_triton()
    z = two(positions, vocabulary)
    found: Result = {"ways": raced({"plain": plain}, z, rounds)}
    with torch.no_grad():
        few = z[: min(positions, 256)]
        lp, lq = few.unbind(1)
        right = exact(lp, lq)
        for name, value in (("plain", plain(lp, lq)), ("ours", ours(few))):
            found["ways"][name]["relative"] = ((value - right).abs() / right).max().item()
    return found


def pair_liger(seconds: float, *, positions: int, vocabulary: int, rounds: int) -> Result:
    """Liger-Kernel's, which makes its gradient in the same pass, against ours."""
    needs_cuda()
    try:
        from liger_kernel.transformers.functional import liger_jsd
    except ImportError:
        raise NotMeasuredError("Liger-Kernel is not installed (--install fetches it)") from None
    z = two(positions, vocabulary)
    ways = raced({"liger": liger_jsd}, z, rounds)
    with torch.no_grad():
        theirs = liger_jsd(z[:, 0].contiguous(), z[:, 1].contiguous())
        apart = (theirs - ours(z).mean()).abs().item()
    times = ways["liger"]["ms"] / ways["ours"]["ms"]
    return {"ways": ways, "times_liger": times, "nats_apart": apart}


def pair_compiled(seconds: float, *, positions: int, vocabulary: int, rounds: int) -> Result:
    """``torch.compile`` of the plain loop against ours; compiling is not counted."""
    needs_cuda()
    compiled: JSD = torch.compile(plain, dynamic=False)
    ways = raced({"compiled": compiled}, two(positions, vocabulary), rounds)
    return {"ways": ways, "times_compiled": ways["compiled"]["ms"] / ways["ours"]["ms"]}


def profiled(call: Callable[[], object], most: int = 8) -> list[dict[str, Any]]:
    """The kernels (on a CPU the operators) that a call spends its time in, longest first."""
    from torch.profiler import ProfilerActivity, profile

    kinds = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * torch.cuda.is_available()
    call()
    with profile(activities=kinds) as seen:
        call()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
    on_gpu = [e for e in seen.key_averages() if e.device_type.name == "CUDA"]
    events = [
        (e.key, e.count, e.self_device_time_total if on_gpu else e.self_cpu_time_total)
        for e in on_gpu or seen.key_averages()
    ]
    whole = sum(us for _, _, us in events) or 1.0
    events.sort(key=lambda e: -e[2])
    return [
        {"name": name[:120], "calls": calls, "ms": us / 1e3, "share": us / whole}
        for name, calls, us in events[:most]
    ]


def pair_profile(seconds: float, *, positions: int, vocabulary: int) -> Result:
    """Which kernels one pair spends its time in."""
    z = two(positions, vocabulary)
    with torch.no_grad():
        return {"kernels": profiled(lambda: ours(z))}


# All pairs


def every_pair(
    seconds: float, *, models: int, positions: int, vocabulary: int, looped: int, rounds: int
) -> Result:
    """All pairs, against a plain loop over ``looped`` of them; the ratio is of time a pair."""
    hidden, head, pairs = near(models, positions, vocabulary, device())
    some = pairs[:: -(-len(pairs) // looped)]

    def exactly() -> np.ndarray:
        return all_pairs(hidden, [head] * models, pairs, device=device())

    def loop() -> np.ndarray:
        return plain_loop(hidden, head, some, device())

    taken = turns({"loop": (nothing, loop), "ours": (nothing, exactly)}, rounds)
    chosen = [pairs.index(pair) for pair in some]
    return {
        "pairs": len(pairs),
        "looped": len(some),
        "seconds": taken["ours"],
        "entries_per_second": len(pairs) * positions * vocabulary / taken["ours"],
        "times_loop": taken["loop"] / len(some) / (taken["ours"] / len(pairs)),
        "nats_apart": float(np.abs(loop() - exactly()[chosen]).max()),
        "kernels": profiled(exactly),
    }


def kept_set(
    seconds: float, *, models: int, positions: int, vocabulary: int, kept: int, rounds: int
) -> Result:
    """Bounds from a kept set against all pairs."""
    hidden, head, pairs = near(models, positions, vocabulary, device())
    heads = [head] * models
    calls: Calls = {
        "exact": (nothing, lambda: all_pairs(hidden, heads, pairs, device=device())),
        "bounds": (
            nothing,
            lambda: between(hidden, heads, pairs, keeper=0, k=kept, device=device()),
        ),
    }
    taken = turns(calls, rounds)
    return {"seconds": taken, "times_exact": taken["exact"] / taken["bounds"]}
