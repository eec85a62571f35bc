"""The Python API: what ``taskpgm_core`` exports to notebooks and training scripts.

Figures are in ``api.plots``, apart from the rest, because they load Plotly.
"""

from taskpgm_core.analysis.question import Question
from taskpgm_core.api.matrices import from_matrix
from taskpgm_core.api.mixtures import (
    allocate,
    baseline,
    baselines,
    explain,
    kernel,
    select,
    similarity,
    solve,
    trace,
    uncertainty,
)
from taskpgm_core.api.recipes import export_recipe
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.exports import Rendered
from taskpgm_core.mixture import Kernel, Solution, SolutionPath
from taskpgm_core.mixture.counts import Allocation
from taskpgm_core.mixture.explanation import Explanation
from taskpgm_core.mixture.selection.greedy import Selection
from taskpgm_core.mixture.uncertainty import Uncertainty
from taskpgm_core.records import Similarity, Study
from taskpgm_core.store import import_matrix, open_study

__all__ = [
    "Allocation",
    "Explanation",
    "Kernel",
    "Question",
    "Rendered",
    "Selection",
    "Similarity",
    "Solution",
    "SolutionPath",
    "Study",
    "TaskPGMError",
    "Uncertainty",
    "allocate",
    "baseline",
    "baselines",
    "explain",
    "export_recipe",
    "from_matrix",
    "import_matrix",
    "kernel",
    "open_study",
    "select",
    "similarity",
    "solve",
    "trace",
    "uncertainty",
]
