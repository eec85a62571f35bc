"""Findings of the Evidence page: who beats whom, and how well forecasts did."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from taskpgm_core.figures.numbers import shorten


def arms_finding(better: Mapping[str, float], worse: Mapping[str, float], reference: str) -> str:
    """Who is surely better or worse than the reference, and by how much on average."""
    name = shorten(reference)
    losers = f"{_listed(worse)} {'loses' if len(worse) == 1 else 'lose'} to it" if worse else ""
    if better:
        winners = f"{_listed(better)} {'beats' if len(better) == 1 else 'beat'} {name}"
        return f"{winners}; {losers}" if worse else winners
    if worse:
        return f"No mixture surely beats {name}; {losers}"
    return f"No mixture is surely better or worse than {name}"


def foresight_finding(reliable: bool, correlation: float, p: float) -> str:
    """Whether forecasts may be trusted to rank mixtures."""
    verdict = "ranks the mixtures well" if reliable else "does not rank the mixtures reliably"
    return f"The prediction {verdict} (rank correlation {correlation:.2f}, p {p:.2f})"


def foresight_reading(predicted: npt.ArrayLike, realised: npt.ArrayLike) -> str:
    """How far apart the forecasts lay, and the losses that came."""
    told, came = (f"{np.min(x):.2f} to {np.max(x):.2f}" for x in (predicted, realised))
    return f"Predicted were {told} nats a token, measured {came}."


def best_finding(
    arm: str, difference: float, low: float | None, high: float | None, reference: str
) -> str:
    """How the arm of the lowest loss did, whether or not that is sure."""
    interval = ""
    if low is not None and high is not None:
        interval = f" (95% interval {low:+.2f} to {high:+.2f})".replace("-", "−")
    by = f"{difference:+.2f}".replace("-", "−")
    return (
        f"Of the others, {arm} had the lowest mean loss: {by} nats a token against "
        f"{reference}{interval}."
    )


def _listed(differences: Mapping[str, float]) -> str:
    signed = {name: f"{by:+.2f}".replace("-", "−") for name, by in differences.items()}
    said = [f"{shorten(name)} ({by})" for name, by in signed.items()]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
