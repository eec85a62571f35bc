"""What is said of resolution, skills and groups: each sentence from a kernel's own numbers."""

from taskpgm_core.figures.numbers import counted, percent, shorten
from taskpgm_core.mixture.kernel import Kernel
from taskpgm_core.records import Array
from taskpgm_core.similarity_measures import MEASURES

SOURCES = {
    "noise": "twice the {noise}",
    "distances": "an eighth of the median distance above the noise",
    "guess": "a guess, an eighth of the usual farthest distance: no noise of this measure is known",
    "set": "as set",
}
PAPER = "the paper's S as measured, without a resolution"
OUTLINED = "An outline holds a group: tasks joined by distances of at most one resolution."
NAMED = 4
"""Tasks of a group that are named."""


def resolution_number(kernel: Kernel) -> str:
    """The resolution with its unit, ``inf`` where there is none."""
    if not kernel.finite:
        return "inf"
    return f"{kernel.resolution:.3g} {kernel.measured.unit}".rstrip()


def resolution_words(kernel: Kernel, *, scaled: bool = False) -> str:
    """The resolution and where it comes from, as in ``0.026 nats (twice the seed noise)``;
    ``scaled``: of how many nats at most."""
    sigma = kernel.resolution if kernel.finite else None
    if kernel.source == "guess" and not kernel.distances.corrected.any():
        return f"{kernel.resolution:g} (any other says the same, for all tasks are alike)"
    return resolution_text(sigma, kernel.source, kernel.measured.measure, scaled=scaled)


def resolution_text(
    resolution: float | None, source: str, measure: str, *, scaled: bool = False
) -> str:
    """The same from what a decision record keeps: None is the paper's S as measured."""
    if resolution is None:
        return PAPER
    reading = MEASURES[measure]
    where = SOURCES[source].format(noise=reading.noise)
    if scaled:
        where = where.partition(":")[0]  # beside a dial there is no room for why it is a guess
    unit = reading.scaled if scaled else reading.unit
    return f"{f'{resolution:.3g} {unit}'.rstrip()} ({where})"


def skills_counted(kernel: Kernel) -> str:
    """How many skills the tasks hold at this resolution."""
    tasks = counted(len(kernel.tasks), "task")
    if kernel.skills is None:
        return f"{tasks}; {PAPER}, tells no skills apart"
    few = f"{kernel.skills:.1f}"
    return f"{tasks}, {few} distinct skill{'' if few == '1.0' else 's'}"


def skills_finding(kernel: Kernel) -> str:
    """How many skills the tasks hold at this resolution, and where it comes from."""
    said = skills_counted(kernel)
    return said if kernel.skills is None else f"{said} at {resolution_words(kernel)}"


def groups_finding(kernel: Kernel) -> str:
    """What an even split over tasks spends on groups that share a skill; empty without groups."""
    if not kernel.groups:
        return ""
    n, members = len(kernel.tasks), sum(map(len, kernel.groups))
    if len(kernel.groups[0]) == n:
        return f"All {n} tasks form one group."
    groups, sizes = len(kernel.groups), {len(group) for group in kernel.groups}
    size = f"{min(sizes)}" if len(sizes) == 1 else f"{min(sizes)} to {max(sizes)}"
    gets, they = ("gets", "it") if groups == 1 else ("get", "they")
    if members == n:
        each = percent(1 / groups, 0)
        return (
            f"All {n} tasks lie in {groups} groups of {size}; counted once each would get {each}."
        )
    share, once = percent(members / n, 0), percent(groups / (n - members + groups), 0)
    return (
        f"{counted(groups, 'group')} of {size} tasks {gets} {share} of a uniform budget; counted "
        f"once {they} would get {once}."
    )


def headline_words(kernel: Kernel, balance: float) -> str:
    """At which balance a mixture on the first page is, and what that means."""
    if not kernel.finite:
        return (
            f"the mixture at balance {balance:g} of S as measured; 0 is pure diversity, 1 uniform"
        )
    even = ", as even over skills as can be" if balance == 0 else ""
    return f"the mixture at balance {balance:g}{even}"


def group_names(group: tuple[str, ...], widest: int = 26) -> str:
    """The tasks of a group, the first few by name; ``widest``: characters of a name."""
    named = ", ".join(shorten(task, widest) for task in group[:NAMED])
    return named + (f" and {len(group) - NAMED} more" if len(group) > NAMED else "")


def covered_finding(kernel: Kernel, p: Array) -> str:
    """How many skills a mixture spreads over, of how many there are; empty at inf."""
    covered = kernel.skills_covered(p)
    if covered is None or kernel.skills is None:
        return ""
    return f"It spreads over {covered:.1f} of {kernel.skills:.1f} skills."
