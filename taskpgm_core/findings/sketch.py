"""What is said of a study by words alone: what it leaves open, and what closing that would cost."""

from collections.abc import Sequence

from taskpgm_core.figures.numbers import count, counted, shorten

NAMED = 4
"""Tasks that are named."""


def open_finding(slug: str) -> str:
    """What words alone cannot say, and the command that can."""
    return (
        f"By words alone; tasks can read alike and need different skills. Measure behaviour to be "
        f"sure: taskpgm build {slug}"
    )


def cost_finding(
    *, models: int, passes: int, minutes: float, gpu_minutes: float, base: str, device: str
) -> str:
    """What that command does, and how long it takes about. ``models``: trained ones; ``passes``:
    examples that are scored, by every model together."""
    return (
        f"That trains {counted(models, 'model')} of {base} and scores {count(passes)} examples: "
        f"about {_long(minutes)} on two idle CPU cores, or {_long(gpu_minutes)} on an {device}. "
        f"These are guesses from the length of the rows; --dry-run counts and times it here."
    )


def _long(minutes: float) -> str:
    if minutes < 90:
        return counted(max(1, round(minutes)), "minute")
    return f"{minutes / 60:.0f} hours"


def hindrance_findings(held_out: int, short: Sequence[str], shared: int) -> list[str]:
    """What a build would refuse: tasks with too few rows (``short``), rows of several tasks."""
    said = []
    if short:
        more = f" and {count(len(short) - NAMED)} more" if len(short) > NAMED else ""
        named = ", ".join(shorten(task) for task in short[:NAMED]) + more
        has = "has" if len(short) == 1 else "have"
        said.append(
            f"It holds out {held_out} examples a task and needs others to train on, for which "
            f"{named} {has} too few different rows; bring more of them first."
        )
    if shared:
        stand = "row stands" if shared == 1 else "rows stand"
        said.append(
            f"{count(shared)} {stand} in more than one task; the build refuses those that it holds "
            f"out, so take them out of all but one first."
        )
    return said
