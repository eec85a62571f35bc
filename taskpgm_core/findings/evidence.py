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
    verdict = "ranks the arms well" if reliable else "does not rank the arms reliably"
    return f"The forecast {verdict} (rank correlation {correlation:.2f}, p {p:.2f})"


def foresight_reading(predicted: npt.ArrayLike, realised: npt.ArrayLike) -> str:
    """How far apart the forecasts lay, and the losses that came."""
    told, came = (f"{np.min(x):.2f} to {np.max(x):.2f}" for x in (predicted, realised))
    return f"Foretold were {told} nats a token, {came} came."


def _listed(differences: Mapping[str, float]) -> str:
    signed = {name: f"{by:+.2f}".replace("-", "−") for name, by in differences.items()}
    said = [f"{shorten(name)} ({by})" for name, by in signed.items()]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
