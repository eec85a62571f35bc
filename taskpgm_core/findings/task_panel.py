"""What is said of one task at a glance: why it has its weight, and who shares its skill."""

from taskpgm_core.analysis.agreement import Agreement
from taskpgm_core.figures.numbers import counted, shorten
from taskpgm_core.findings.why import kept_finding, sharing_finding, weight_finding, zero_reason
from taskpgm_core.mixture.explanation import Reason
from taskpgm_core.mixture.kernel import Kernel
from taskpgm_core.records import Array


def panel_reason(why: Reason, balance: float, unit: str, rewarded: str = "the anchor") -> str:
    """Why a task has its weight, in one sentence."""
    if why.weight > 0:
        return f"{weight_finding(why.task, why.weight, why.anchor, why.diversity, rewarded)}."
    if why.reduced_cost is None:
        return f"{shorten(why.task)} gets nothing: the limits set here allow it nothing."
    way_in = zero_reason(why.task, why.reduced_cost, why.enters_at, balance, unit)
    return f"{shorten(why.task)} gets nothing. {way_in}"


def panel_sharing(kernel: Kernel, kept: Array | None, task: str) -> list[str]:
    """Who shares the task's skill by K, and what the nearest one keeps both ways.

    ``kept``: (n, n) of ``kept_gain``; None where no losses are known.
    """
    if not kernel.finite:
        return ["Who shares its skill is not asked at resolution inf."]
    finding = sharing_finding(kernel, task)
    if not finding:
        return ["No other task shares its skill at this resolution (K is below 1/e for all)."]
    return [f"{finding}.", kept_finding(kernel, kept, task)]


def agreement_finding(found: Agreement) -> str:
    """Where the example is from, and that both models say the same at all of its tokens."""
    tokens = counted(len(found.tokens), "token")
    where = f"row {found.row} of {shorten(found.task)}"
    return f"An example, {where}: at each of its {tokens} both models find the same one likeliest."
