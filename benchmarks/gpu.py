"""What only a GPU can say: the comparison kernel against peers, and a model of the paper's size.

    python -m benchmarks.gpu [--part jsd] [--positions 8192 --vocabulary 131072]
    python -m benchmarks.gpu --part model [--plan llama-2-7b --adapters 8 --rows 256]

``jsd``: one pair's divergences from given log-probabilities (float32), each against the time that
reading both once takes at the bandwidth of a copy on the same device. Liger-Kernel joins where it
is installed; it makes a gradient too. ``model``: a randomly initialised model of the plan's shape,
on which adapters are merged, scored and taken out one after another, and one is trained for a few
steps; tokens a second and the peak of memory beside what a dry run of the plan says. Both parts run
on a CPU too, at small sizes (``--layers``, ``--hidden``), which tells only that they work.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.measure import an_adapter, nothing, turns
from benchmarks.mixture import table
from taskpgm_core.builds.cost_model import expected
from taskpgm_core.measure.adapters import applied
from taskpgm_core.measure.base_model import BaseModel
from taskpgm_core.measure.finetuning import train
from taskpgm_core.measure.jsd import LN2, adder
from taskpgm_core.measure.probe_pool import Batch
from taskpgm_core.measure.scoring import score
from taskpgm_core.measure.tokenization import RenderedExample
from taskpgm_core.plans.plan import Expect, Plan, load_plan

JSD = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def plain(lp: torch.Tensor, lq: torch.Tensor) -> torch.Tensor:
    """(positions,) the obvious way, in the dtype given."""
    lm = torch.logaddexp(lp, lq) - LN2
    return ((lp.exp() * (lp - lm)).sum(-1) + (lq.exp() * (lq - lm)).sum(-1)) / 2


def ours(lp: torch.Tensor, lq: torch.Tensor) -> torch.Tensor:
    """(positions,) as ``all_pairs`` does it, 64 positions at a time."""
    found = []
    for block in zip(lp.split(64), lq.split(64), strict=True):
        z = torch.stack(block, dim=1).double()
        p = z.exp()
        mixed = torch.zeros(1, len(z), dtype=torch.float64, device=z.device)
        adder(z.is_cuda, z.shape[-1], z.device)(mixed, p, [(0, 1, 2, 0)])
        found.append((torch.linalg.vecdot(p, z.add_(LN2)).sum(1) - mixed[0]) / 2)
    return torch.cat(found)


def liger() -> JSD | None:
    """Liger-Kernel's, with its gradient; None where it is not installed."""
    try:
        from liger_kernel.transformers.functional import liger_jsd
    except ImportError:
        return None
    found: JSD = liger_jsd
    return found


def divergences(device: str, positions: int, vocabulary: int, rounds: int) -> list[list[str]]:
    rng = torch.Generator(device=device).manual_seed(0)
    z = torch.randn(positions, vocabulary, generator=rng, device=device)
    lp = torch.log_softmax(z, -1)
    lq = torch.log_softmax(z.add_(torch.randn(z.shape, generator=rng, device=device) / 10), -1)
    ways: dict[str, JSD] = {"plain": plain, "ours": ours}
    theirs = liger() if device == "cuda" else None
    if theirs:
        ways["Liger-Kernel, with gradient"] = theirs
    calls = {name: (nothing, lambda way=way: way(lp, lq)) for name, way in ways.items()}
    with torch.inference_mode():
        seconds = turns(calls | {"a copy": (nothing, lambda: z.copy_(lp))}, rounds)
        reference = torch.cat(
            [
                plain(a.double(), b.double())
                for a, b in zip(lp.split(256), lq.split(256), strict=True)
            ]
        )
        found = {name: ways[name](lp, lq) for name in ("plain", "ours")}
    off = {name: ((x - reference).abs() / reference).max().item() for name, x in found.items()}
    bound = seconds.pop("a copy")  # it reads one and writes one, as much as reading both
    return [
        [name, f"{1e3 * s:.2f} ms", f"{bound / s:.0%}", f"{off[name]:.0e}" if name in off else ""]
        for name, s in seconds.items()
    ]


def random_model(shape: Expect, device: str, dtype: torch.dtype) -> BaseModel:
    """Of the shape, with weights that nobody trained, made on the device."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            model = LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    model.eval().requires_grad_(False)
    return BaseModel(model, None, "", "", str(dtype), torch.device(device))


def random_batches(shape: Expect, rows: int, size: int, most: int) -> list[Batch]:
    """Rows of the expected length, ``size`` at a time, their last tokens the completion."""
    rng, prompt = np.random.default_rng(0), round(shape.prompt_tokens)
    completion = min(round(shape.completion_tokens), most)
    batches = []
    for first in range(0, rows, size):
        count = min(size, rows - first)
        ids = rng.integers(0, shape.vocabulary, (count, prompt + completion))
        columns = np.tile(np.arange(prompt - 1, prompt + completion - 1), count)
        places = np.arange(count * completion) + first * completion
        lines = np.repeat(np.arange(count), completion)
        batches.append(Batch(ids, lines, columns, ids[lines, columns + 1], places))
    return batches


def at_size(plan_name: str, changes: dict[str, int], adapters: int, rows: int, device: str) -> None:
    plan = load_plan(plan_name)
    assert plan.expect is not None
    shape = plan.expect.model_copy(update=changes)
    base = random_model(shape, device, getattr(torch, plan.dtype))
    batches = random_batches(shape, rows, plan.probe.batch, plan.probe.max_completion_tokens)
    score(base, batches[0], plan.probe.top)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    merging = scoring = 0.0
    for number, adapter in enumerate([an_adapter(base) for _ in range(adapters)]):
        started = time.perf_counter()
        with applied(base, adapter, f"adapter {number}"):
            merged = time.perf_counter()
            for batch in batches:
                score(base, batch, plan.probe.top)
            scoring += time.perf_counter() - merged
            merging += merged - started
    tokens = adapters * sum(batch.ids.size for batch in batches)
    told = expected(plan, shape)
    assert told.seconds is not None
    rates = {
        "scored": (tokens / scoring, "score"),
        "trained": (trained(base, plan, shape), "train"),
    }
    for what, (rate, stage) in rates.items():
        foretold = told.tokens[stage] / told.seconds[stage]
        print(
            f"{rate:,.0f} tokens/s {what}; the dry run, for a {shape.device}, says "
            f"{foretold:,.0f} ({rate / foretold:.2f} of it)"
        )
    print(f"{merging / adapters:.3f} s to merge an adapter, {scoring / adapters:.2f} s to score it")
    if device == "cuda":
        peak = torch.cuda.max_memory_allocated()
        print(f"{peak / 1e9:.2f} GB at the peak; the dry run says {told.memory / 1e9:.2f} GB")


def trained(base: BaseModel, plan: Plan, shape: Expect, steps: int = 4) -> float:
    """Tokens a second of a few training steps, the first not counted."""
    rng, prompt = np.random.default_rng(1), round(shape.prompt_tokens)
    ids = rng.integers(0, shape.vocabulary, (64, prompt + round(shape.completion_tokens)))
    examples = [RenderedExample(tuple(r[:prompt]), tuple(r[prompt:]), ()) for r in ids.tolist()]
    seen: list[tuple[int, float]] = []
    train(
        base,
        examples,
        plan.training.model_copy(update={"steps": steps}),
        seed=0,
        name="random",
        on_step=lambda tokens: seen.append((tokens, time.perf_counter())),
    )
    return sum(tokens for tokens, _ in seen[1:]) / (seen[-1][1] - seen[0][1])


def main() -> None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser = argparse.ArgumentParser()
    parser.add_argument("--part", choices=["jsd", "model", "all"], default="all")
    parser.add_argument("--positions", type=int, default=8192)
    parser.add_argument("--vocabulary", type=int, default=131_072)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plan", default="llama-2-7b")
    parser.add_argument("--adapters", type=int, default=8)
    parser.add_argument("--rows", type=int, default=256)
    for name in ("layers", "hidden", "intermediate", "heads", "key_value_heads"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int)
    chosen = parser.parse_args()
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    print(f"torch {torch.__version__}, {name}\n")
    if chosen.part in ("jsd", "all"):
        rows = divergences(device, chosen.positions, chosen.vocabulary, chosen.rounds)
        print(table(["one pair", "time", "of the bandwidth bound", "largest relative error"], rows))
    if chosen.part in ("model", "all"):
        changes = {
            key: value
            for key in ("layers", "hidden", "intermediate", "heads", "key_value_heads")
            if (value := getattr(chosen, key)) is not None
        }
        at_size(chosen.plan, changes, chosen.adapters, chosen.rows, device)


if __name__ == "__main__":
    main()
