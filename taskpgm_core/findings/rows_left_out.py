"""What was left out of the rows of tasks, in a sentence."""

from collections.abc import Sequence

from taskpgm_core.records import Task, brief

NAMED = 6


def incomplete_rows(tasks: Sequence[Task]) -> str:
    """How many incomplete rows were left out, and of which tasks; empty where none were."""
    short = [task for task in tasks if task.rows_incomplete]
    if not short:
        return ""
    total = sum(task.rows_incomplete for task in short)
    named = ", ".join(f"{brief(task.id)} {task.rows_incomplete:,}" for task in short[:NAMED])
    more = f" and {len(short) - NAMED} more tasks" if len(short) > NAMED else ""
    said = "incomplete row was" if total == 1 else "incomplete rows were"
    return f"{total:,} {said} left out: {named}{more}."
