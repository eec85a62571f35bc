"""The base model lent to one single-task model at a time: put back whole, checked to the bit."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from taskpgm_core.errors import MeasurementError

WORDS = 4096
"""8-byte words a row of the matrix that a tensor's bytes are summed as."""


def tensors_of(model: Any) -> dict[str, torch.Tensor]:
    """Every parameter and buffer of a model by its name, one that is tied under each of its."""
    return {
        **dict(model.named_parameters(remove_duplicate=False)),
        **dict(model.named_buffers(remove_duplicate=False)),
    }


def checksums(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[Any, ...]]:
    """Of each tensor its dtype, its shape and two sums over its bytes, made where it lies.

    The bytes are a matrix of 8-byte words. The first sum weighs its columns, the second its rows,
    with odd weights, modulo 2^64: a single changed word always changes both. Reading every byte
    twice takes 0.14 s of one CPU core for 135M float32 weights (sha256: 0.6 s).
    """
    seen: dict[int, torch.Tensor] = {}
    with torch.inference_mode():
        for tensor in tensors.values():
            if id(tensor) not in seen:
                seen[id(tensor)] = _sums(tensor)
        values = {key: tuple(sums) for key, sums in zip(seen, _at_once(seen.values()), strict=True)}
    return {
        name: (str(tensor.dtype), tuple(tensor.shape), *values[id(tensor)])
        for name, tensor in tensors.items()
    }


def _at_once(sums: Iterable[torch.Tensor]) -> list[list[int]]:
    """The values of many small tensors, with one wait for a GPU instead of one each."""
    found = list(sums)
    if len({each.device for each in found}) == 1:
        listed: list[list[int]] = torch.stack(found).tolist()
        return listed
    return [each.tolist() for each in found]


def _sums(tensor: torch.Tensor) -> torch.Tensor:
    flat = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
    whole = flat.numel() // 8 * 8
    if flat.data_ptr() % 8 or flat.storage_offset() % 8:
        flat = flat.clone()
    words = flat[:whole].view(torch.int64)
    if whole < flat.numel():
        words = torch.cat([words, flat[whole:].long()])
    rows = words.numel() // WORDS
    matrix, rest = words[: rows * WORDS].view(rows, WORDS), words[rows * WORDS :]
    return torch.stack(
        [
            _weighed(matrix.sum(0)) + 3 * _weighed(rest),
            _weighed(matrix.sum(1)) + 5 * _weighed(rest),
        ]
    )


def _weighed(words: torch.Tensor) -> torch.Tensor:
    return (words * (2 * torch.arange(words.numel(), device=words.device) + 1)).sum()


class Loan:
    """What a model was made of when it was lent: its modules' attributes and its tensors.

    ``expected``: the checksums that its tensors must still have.
    """

    def __init__(self, model: Any, expected: Mapping[str, tuple[Any, ...]]) -> None:
        self._model, self._expected = model, expected or checksums(tensors_of(model))
        self._tensors = tensors_of(model)
        self._gradients = [(p, p.requires_grad) for p in model.parameters()]
        owners = [*model.modules(), model.config]
        self._attributes = [(vars(owner), dict(vars(owner))) for owner in owners]
        self._dicts = [
            (value, dict(value))
            for _, held in self._attributes
            for value in held.values()
            if isinstance(value, dict)
        ]

    def copy(self, places: Iterable[tuple[torch.nn.Module, str]]) -> None:
        """Let modules have copies of some of their parameters: what is written then is a copy.

        Each place gets a copy of its own, so that what is merged into one end of tied weights
        stays out of the other, as while the adapter was trained.
        """
        for module, name in places:
            parameter = module._parameters[name]
            assert parameter is not None
            module._parameters[name] = torch.nn.Parameter(
                parameter.detach().clone(), requires_grad=False
            )

    def put_back(self) -> None:
        """Every module, attribute and tensor in its old place; nothing that was put in stays."""
        for attributes, held in self._attributes:
            attributes.clear()
            attributes.update(held)
        for value, held in self._dicts:
            value.clear()
            value.update(held)
        for parameter, wanted in self._gradients:
            parameter.requires_grad_(wanted)
            parameter.grad = None

    def check(self, borrower: str) -> None:
        """MeasurementError unless every tensor that was lent has its old bits."""
        found = checksums(self._tensors)
        for name in {**self._expected, **found}:
            if found.get(name) != self._expected.get(name):
                raise MeasurementError(
                    f"{borrower} changed '{name}' of the base model in a way that cannot be "
                    f"undone, so nothing after it can be measured and no study was stored; leave "
                    f"it out, or give the full model as a checkpoint."
                )


@contextmanager
def lent(model: Any, expected: Mapping[str, tuple[Any, ...]], borrower: str) -> Iterator[Loan]:
    """Within the block ``model`` may be taken apart; after it, it is what it was, to the bit.

    ``expected``: the checksums of its tensors as loaded (empty: as they are now). MeasurementError
    that names ``borrower`` and the tensor where one has other bits.
    """
    loan = Loan(model, expected)
    try:
        yield loan
    finally:
        loan.put_back()
    loan.check(borrower)
