"""Fine-tuning one small model a task: LoRA, completion-only loss, everything fixed by the seed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from taskpgm_core.errors import MeasurementError
from taskpgm_core.files.hashing import seed_from
from taskpgm_core.measure.adapters import Adapter, lora_config, wrap
from taskpgm_core.measure.base_model import BaseModel
from taskpgm_core.measure.probe_pool import pad
from taskpgm_core.measure.tokenization import RenderedExample
from taskpgm_core.plans.plan import Training


@dataclass(frozen=True)
class FinetunedModel:
    """An adapter with the loss of each step (nats a supervised token) and its learning rate."""

    adapter: Adapter
    loss: npt.NDArray[np.float64]
    learning_rate: npt.NDArray[np.float64]


def task_seed(seed: int, task: str, replicate: int) -> int:
    """A seed of 48 bits of its own for each task and replicate, whatever else is trained."""
    return seed_from(seed, task, replicate) >> 16


def schedule(training: Training) -> npt.NDArray[np.float64]:
    """(steps,) learning rates: linear warm-up, then linear decay to zero."""
    step = np.arange(training.steps)
    warm = training.warmup_steps
    rising = (step + 1) / (warm + 1)
    falling = (training.steps - step) / max(training.steps - warm, 1)
    return training.learning_rate * np.minimum(rising, falling)


def batch_order(
    rows: int, training: Training, seed: int, *, once: bool = False
) -> Iterator[npt.NDArray[np.int64]]:
    """Indices of each step's rows: shuffled passes over all rows, one after another.

    ``once``: a single pass, whose last step has the rows that are left.
    """
    generator = np.random.default_rng(seed)
    read = rows if once else training.steps * training.batch
    order = np.concatenate([generator.permutation(rows) for _ in range(-(-read // rows))])[:read]
    yield from np.split(order, range(training.batch, read, training.batch))


def rows_seen(rows: int, training: Training, seed: int) -> frozenset[int]:
    """The indices, of ``rows`` training rows, that a model of this seed is trained on."""
    return frozenset(int(k) for batch in batch_order(rows, training, seed) for k in batch)


def packed_completions(
    base: BaseModel, examples: Sequence[RenderedExample]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (positions, vocabulary) and gold tokens (positions,) of all completions, in order.

    The examples lie one after another in one sequence, so that no time goes to padding.
    """
    lengths = np.array([e.length for e in examples])
    start = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    ids = torch.from_numpy(np.concatenate([np.asarray(e.ids) for e in examples]))
    positions = torch.from_numpy(np.arange(lengths.sum()) - np.repeat(start, lengths))
    hidden = base.packed_body(ids.to(base.device), positions.to(base.device))
    before = np.concatenate(
        [first + e.places - 1 for first, e in zip(start, examples, strict=True)]
    )
    gold = torch.tensor([t for e in examples for t in e.completion], device=base.device)
    return base.head(hidden[torch.from_numpy(before).to(base.device)]), gold


def completion_loss(
    base: BaseModel, examples: Sequence[RenderedExample], packed: bool = False
) -> torch.Tensor:
    """Mean negative log-likelihood of the completion tokens, nats a token; differentiable.

    The head is applied at supervised positions only.
    """
    if packed:
        return torch.nn.functional.cross_entropy(*packed_completions(base, examples))
    ids = torch.from_numpy(pad(examples)).to(base.device)
    hidden = base.body(ids)
    rows = [row for row, e in enumerate(examples) for _ in e.completion]
    columns = [place - 1 for e in examples for place in e.places.tolist()]
    gold = torch.tensor([t for e in examples for t in e.completion], device=base.device)
    return torch.nn.functional.cross_entropy(base.head(hidden[rows, columns]), gold)


def _check_packing(base: BaseModel, examples: Sequence[RenderedExample], name: str) -> None:
    """MeasurementError where the model's attention reaches from one packed row into the next."""
    with torch.inference_mode():
        apart, packed = (float(completion_loss(base, examples, how)) for how in (False, True))
    if not np.isclose(apart, packed, rtol=1e-4 if base.dtype == "float32" else 0.02):
        raise MeasurementError(
            f"This model does not keep packed rows apart (loss {packed:.4f} packed, {apart:.4f} "
            f"each alone), so it cannot be trained on '{name}'."
        )


def _backward(
    base: BaseModel, batch: Sequence[RenderedExample], at_once: int, packed: bool
) -> float:
    """Add the gradient of the batch's loss (nats a token), ``at_once`` rows at a time."""
    total = sum(len(e.completion) for e in batch)
    value = 0.0
    for start in range(0, len(batch), at_once):
        part = batch[start : start + at_once]
        loss = completion_loss(base, part, packed) * (sum(len(e.completion) for e in part) / total)
        torch.autograd.backward(loss)
        value += float(loss.detach())
    return value


def train(
    base: BaseModel,
    examples: Sequence[RenderedExample],
    training: Training,
    *,
    seed: int,
    name: str,
    on_step: Callable[[int], None] = lambda tokens: None,
    at_once: int | None = None,
    packed: bool = False,
    once: bool = False,
) -> FinetunedModel:
    """One model, of the task or the mixture ``name``. ``on_step`` hears each step's tokens.

    ``at_once``: rows of a batch that share a forward pass (all by default); with fewer, gradients
    are summed over the parts. ``packed``: rows one after another instead of padded side by side;
    the same loss but for rounding. ``once``: as in ``batch_order``, in as many steps as that takes.
    MeasurementError if the loss stops being a number.
    """
    from peft import get_peft_model_state_dict

    if packed:
        _check_packing(base, examples[: at_once or training.batch], name)
    torch.manual_seed(seed)
    config = lora_config(training)
    order = batch_order(len(examples), training, seed, once=once)
    with base.lent(f"Training on task '{name}'"):
        wrapped = wrap(base, config)
        parameters = [p for p in wrapped.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, lr=training.learning_rate, weight_decay=0.0)
        rates = schedule(training)
        losses = np.zeros(training.steps)
        for step, chosen in enumerate(order):
            batch = [examples[k] for k in chosen]
            optimizer.param_groups[0]["lr"] = rates[step]
            losses[step] = _backward(base, batch, at_once or len(batch), packed)
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            if not np.isfinite(losses[step]):
                raise MeasurementError(
                    f"Training on task '{name}' diverged at step {step + 1} (loss "
                    f"{losses[step]}); lower training.learning_rate in the plan."
                )
            on_step(sum(e.length for e in batch))
        state = get_peft_model_state_dict(wrapped)
        weights = {k: v.detach().float().cpu().numpy().copy() for k, v in state.items()}
        return FinetunedModel(Adapter(config, weights), losses, rates)
