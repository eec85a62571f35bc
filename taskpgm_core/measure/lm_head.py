"""The output layer of a model: from last hidden states to logits, whole or a part of them."""

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Head:
    """logits = softcap(scale (W h + b)) in float32, padded vocabulary included.

    ``weight``: (V, hidden); ``softcap``: the bound of a tanh, None where there is none.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None = None
    scale: float = 1.0
    softcap: float | None = None

    @property
    def vocabulary(self) -> int:
        return len(self.weight)

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        """(..., hidden) -> (..., V)."""
        return self.part(hidden, 0, self.vocabulary)

    def part(self, hidden: torch.Tensor, start: int, stop: int) -> torch.Tensor:
        """(..., hidden) -> (..., stop - start) the logits of a stretch of the vocabulary."""
        bias = None if self.bias is None else self.bias[start:stop]
        logits = torch.nn.functional.linear(
            hidden.to(self.weight.dtype), self.weight[start:stop], bias
        ).float()
        if self.scale != 1.0:
            logits = logits * self.scale
        if self.softcap:
            logits = torch.tanh(logits / self.softcap) * self.softcap
        return logits


def head_of(model: Any) -> Head:
    """The head of a transformers model, scalings of its config included."""
    projection, config = model.get_output_embeddings(), model.config
    scale = getattr(config, "logit_scale", None) or 1.0 / (
        getattr(config, "logits_scaling", None) or 1.0
    )
    return Head(
        projection.weight,
        getattr(projection, "bias", None),
        scale,
        getattr(config, "final_logit_softcapping", None),
    )
