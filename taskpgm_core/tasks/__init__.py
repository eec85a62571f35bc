"""Where examples come from: generated, files, the hub, BIG-bench folders."""

from taskpgm_core.tasks.overlap import normalised, shared_examples
from taskpgm_core.tasks.registry import TaskRows, load_task, read, read_task
from taskpgm_core.tasks.split import Split, held_out, split

__all__ = [
    "Split",
    "TaskRows",
    "held_out",
    "load_task",
    "normalised",
    "read",
    "read_task",
    "shared_examples",
    "split",
]
