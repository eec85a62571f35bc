"""Where examples come from: generated, files, the hub, BIG-bench folders."""

from taskpgm_core.tasks.overlap import shared_examples
from taskpgm_core.tasks.registry import TaskRows, load, load_task, read_task
from taskpgm_core.tasks.split import Split, split

__all__ = ["Split", "TaskRows", "load", "load_task", "read_task", "shared_examples", "split"]
