"""What training gave to competing mixtures: the records, and a sentence of each."""

from dataclasses import dataclass

from taskpgm_core.findings.recommendation import KEPT, bare, nats_apart


@dataclass(frozen=True)
class TrainedMixture:
    """One trained mixture beside the reference that was trained under the same protocol.

    ``balance``: where it stands on the axis asked for, None where it does not; ``difference``: of
    the mean loss to the reference's, nats a token, negative where this one is better, or where
    ``kept`` of the share of the single-task models' gain that is kept, positive where it is better,
    with its 95% interval ``low`` to ``high`` (None: too few runs for one); ``sure``: its hypothesis
    holds, or it is below 5% after the correction for several comparisons.
    """

    title: str
    balance: float | None
    difference: float
    low: float | None
    high: float | None
    sure: bool
    kept: bool = False


@dataclass(frozen=True)
class TrainedMixtures:
    """``about``: which runs, in words; ``finding``: who is surely better or worse than the
    ``reference``; ``mixtures``: the best first."""

    about: str
    finding: str
    reference: str
    mixtures: tuple[TrainedMixture, ...]

    @property
    def kept(self) -> bool:
        """Whether differences are of the share kept, where more is better, and not of the loss."""
        return any(run.kept for run in self.mixtures)


def trained_finding(found: TrainedMixture, reference: str) -> str:
    """What one mixture's runs came to against the reference."""
    by, kept = abs(found.difference), f"{found.title}: it kept"
    if found.kept and round(100 * by, 1) == 0:
        said = f"{kept} as much {KEPT} as {reference}, to 0.1 points"
    elif found.kept:
        way = "more" if found.difference > 0 else "less"
        said = f"{kept} {100 * by:.1f} points {way} {KEPT} than {reference}"
    else:
        way = "lower" if found.difference < 0 else "higher"
        apart = f"{by:.3f} nats a token {way} than"
        if round(by, 3) == 0:
            apart = "to 0.001 nats a token that"
        said = f"{found.title}: the mean loss was {apart} with {reference}"
    if found.low is None or found.high is None:
        return f"{said}; the runs are too few for an interval."
    ends = f"{nats_apart(found.low)} to {nats_apart(found.high)}"
    if found.kept:
        ends = f"{bare(found.low)} to {bare(found.high)} points"
    chance = "which may be chance" if found.low <= 0 <= found.high else "not counted as sure"
    return f"{said}, {'surely' if found.sure else chance} (95% interval of the difference: {ends})."
