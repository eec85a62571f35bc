"""Models on a GPU: scoring and training at the paper's sizes, and a build that runs out of memory.

Models have the true shapes and random weights, made on the device, so that nothing is downloaded:
speed and memory do not depend on what the weights say. Rows are all of the plan's expected length.
"""

import gc
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks.gpu_card import device, needs_cuda
from benchmarks.measure import an_adapter, nothing, turns
from taskpgm_core.builds import pipeline
from taskpgm_core.measure import Silence
from taskpgm_core.measure.adapters import applied
from taskpgm_core.measure.base_model import BaseModel
from taskpgm_core.measure.finetuning import train
from taskpgm_core.measure.probe_pool import Batch
from taskpgm_core.measure.scoring import score
from taskpgm_core.measure.tokenization import RenderedExample
from taskpgm_core.plans.plan import Expect, Plan, load_plan
from taskpgm_core.store import similarity

Result = dict[str, Any]
LLAMA: dict[str, int] = {}
"""Llama-2-7B's shape is what its plan expects."""
SMOLLM2 = {
    "layers": 30,
    "hidden": 576,
    "intermediate": 1536,
    "heads": 9,
    "key_value_heads": 3,
    "vocabulary": 49_152,
}
"""SmolLM2-135M's shape; its head is its embedding."""
TOY = SMOLLM2 | {"layers": 2, "hidden": 36, "intermediate": 64, "vocabulary": 300}
SHAPES = {"llama-2-7b": LLAMA, "smollm2-135m": SMOLLM2, "toy": TOY}


def plan_of(shape: str) -> tuple[Plan, Expect]:
    """Llama-2-7B's plan (rows, adapters, batches, bfloat16) with the shape of another model."""
    plan = load_plan("llama-2-7b")
    assert plan.expect is not None
    return plan, plan.expect.model_copy(update=SHAPES[shape])


def random_model(shape: str) -> BaseModel:
    """Of the shape, in bfloat16, with weights that nobody trained, made on the device."""
    from transformers import LlamaConfig, LlamaForCausalLM

    plan, expect = plan_of(shape)
    config = LlamaConfig(
        vocab_size=expect.vocabulary,
        hidden_size=expect.hidden,
        intermediate_size=expect.intermediate,
        num_hidden_layers=expect.layers,
        num_attention_heads=expect.heads,
        num_key_value_heads=expect.key_value_heads,
        tie_word_embeddings=shape != "llama-2-7b",
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, plan.dtype))
    try:
        with torch.device(device()):
            model: Any = LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    model.eval().requires_grad_(False)
    return BaseModel(model, None, "", "", plan.dtype, torch.device(device()))


def random_batches(expect: Expect, rows: int, size: int, most: int) -> list[Batch]:
    """Rows of the expected length, ``size`` at a time, their last tokens the completion."""
    rng, prompt = np.random.default_rng(0), round(expect.prompt_tokens)
    completion = min(round(expect.completion_tokens), most)
    batches = []
    for first in range(0, rows, size):
        count = min(size, rows - first)
        ids = rng.integers(0, expect.vocabulary, (count, prompt + completion))
        columns = np.tile(np.arange(prompt - 1, prompt + completion - 1), count)
        places = np.arange(count * completion) + first * completion
        lines = np.repeat(np.arange(count), completion)
        batches.append(Batch(ids, lines, columns, ids[lines, columns + 1], places))
    return batches


def peak_began() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def peak() -> dict[str, int]:
    """Bytes at the peak since ``peak_began``, where there is a GPU."""
    return {"peak": torch.cuda.max_memory_allocated()} if torch.cuda.is_available() else {}


def scoring(seconds: float, *, shape: str, adapters: int, rows: int, rounds: int) -> Result:
    """The base scored against its bare body; then adapters merged, scored and taken out in turn."""
    plan, expect = plan_of(shape)
    base = random_model(shape)
    batches = random_batches(expect, rows, plan.probe.batch, plan.probe.max_completion_tokens)

    def body() -> None:
        with torch.inference_mode():
            for batch in batches:
                base.body(torch.from_numpy(batch.ids).to(base.device))

    def scored() -> None:
        for batch in batches:
            score(base, batch, plan.probe.top)

    peak_began()
    taken = turns({"body": (nothing, body), "scored": (nothing, scored)}, rounds)
    adapter, whole, forward = an_adapter(base), time.perf_counter(), 0.0
    for number in range(adapters):
        with applied(base, adapter, f"adapter {number}"):
            started = time.perf_counter()
            scored()  # its answers are on the CPU when it returns, so nothing is still running
            forward += time.perf_counter() - started
    whole = time.perf_counter() - whole
    tokens = sum(batch.ids.size for batch in batches)
    return {
        "body_tokens_per_second": tokens / taken["body"],
        "base_tokens_per_second": tokens / taken["scored"],
        "of_body": taken["body"] / taken["scored"],
        "tokens_per_second": adapters * tokens / forward,
        "adapted_of_body": adapters * taken["body"] / forward,
        "merging_seconds": (whole - forward) / adapters,
        **peak(),
    }


def training(seconds: float, *, shape: str, steps: int) -> Result:
    """Tokens a second of single-task training, its first two steps not counted."""
    plan, expect = plan_of(shape)
    base = random_model(shape)
    rng, prompt = np.random.default_rng(1), round(expect.prompt_tokens)
    length = prompt + round(expect.completion_tokens)
    ids = rng.integers(0, expect.vocabulary, (64, length)).tolist()
    examples = [RenderedExample(tuple(r[:prompt]), tuple(r[prompt:]), ()) for r in ids]
    seen: list[tuple[int, float]] = []

    def heard(tokens: int) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seen.append((tokens, time.perf_counter()))

    peak_began()
    wanted = plan.training.model_copy(update={"steps": steps})
    made = train(base, examples, wanted, seed=0, name="random", on_step=heard)
    taken = seen[-1][1] - seen[1][1]
    return {
        "tokens_per_second": sum(tokens for tokens, _ in seen[2:]) / taken,
        "seconds_a_step": taken / (steps - 2),
        "loss": [float(made.loss[0]), float(made.loss[-1])],
        **peak(),
    }


# Memory


class Heard(Silence):
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)


def emptied() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextmanager
def room_for(share: float, floor: int, ceiling: int) -> Iterator[None]:
    """Within the block this process may hold ``floor`` bytes of the card and a ``share`` of what
    lies between it and ``ceiling``: beyond that the allocator itself is out of memory."""
    whole = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((floor + share * (ceiling - floor)) / whole)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def studies(base: Path, batch: int) -> dict[str, tuple[Plan, str]]:
    """A plan that needs its memory for scoring, one that needs it for training, and the fact in
    which a study says what it went on with."""
    from tests.support.tiny_model import TASKS, tiny_plan

    plan = tiny_plan(base)
    tasks = [{"source": f"generated:{name}", "rows": batch} for name in TASKS]
    probe = plan.probe.model_dump() | {"examples_per_task": batch // 4, "batch": batch}
    training = plan.training.model_dump() | {"batch": batch}
    return {
        "scoring": (tiny_plan(base, slug="scoring", tasks=tasks, probe=probe), "probe_batch"),
        "training": (
            tiny_plan(base, slug="training", tasks=tasks, training=training),
            "training_rows_at_once",
        ),
    }


def halved(
    plan: Plan, fact: str, asked: int, root: Path, tight: AbstractContextManager[None]
) -> Result:
    """A build in the ``tight`` room beside the one already in ``root``/"free"."""
    emptied()
    heard = Heard()
    with tight:
        study, _ = pipeline.build(plan, progress=heard, root=root / "tight")
    free, _ = pipeline.build(plan, progress=Silence(), root=root / "free")
    apart = np.abs(similarity(study, "jsd").matrix - similarity(free, "jsd").matrix).max()
    return {
        "asked": asked,
        "went_on_with": study.facts[fact],
        "sentences": heard.sentences,
        "nats_apart": float(apart),
        "right": free.facts[fact] == asked and 0 < study.facts[fact] < asked,
    }


def out_of_memory(seconds: float, *, hidden: int, batch: int, share: float) -> Result:
    """Builds of a small model in less memory than they ask for: halved, and gone on with."""
    from tests.support.tiny_model import save_tiny

    needs_cuda()
    found: Result = {}
    with TemporaryDirectory() as folder:
        root = Path(folder)
        base = save_tiny(root / "model", hidden=hidden)
        weights = (base / "model.safetensors").stat().st_size
        warm = torch.ones(64, 64, device="cuda")
        (warm @ warm).sum().item()  # what the libraries keep for themselves
        for name, (plan, fact) in studies(base, batch).items():
            emptied()
            floor = torch.cuda.memory_reserved() + weights
            torch.cuda.reset_peak_memory_stats()
            pipeline.build(plan, progress=Silence(), root=root / name / "free")
            ceiling = torch.cuda.max_memory_allocated()  # less than is reserved, so all is needed
            tight = room_for(share, floor, ceiling)
            found[name] = {"floor": floor, "ceiling": ceiling}
            found[name] |= halved(plan, fact, batch, root / name, tight)
    return found | {"right": all(found[name]["right"] for name in found)}
