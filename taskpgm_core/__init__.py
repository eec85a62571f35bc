"""TaskPGM: choose what a language model is fine-tuned on, from measured task similarities."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taskpgm_core.api import (
        Allocation,
        Explanation,
        Kernel,
        Question,
        Rendered,
        Selection,
        Similarity,
        Solution,
        SolutionPath,
        Study,
        TaskPGMError,
        Uncertainty,
        allocate,
        baseline,
        baselines,
        explain,
        export_recipe,
        from_matrix,
        import_matrix,
        kernel,
        open_study,
        select,
        similarity,
        solve,
        trace,
        uncertainty,
    )
    from taskpgm_core.api.plots import (
        plot_epochs,
        plot_explanation,
        plot_graph,
        plot_mixture,
        plot_path,
        plot_selection,
        plot_similarity,
    )

__version__ = "0.2.0"

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
    "plot_epochs",
    "plot_explanation",
    "plot_graph",
    "plot_mixture",
    "plot_path",
    "plot_selection",
    "plot_similarity",
    "select",
    "similarity",
    "solve",
    "trace",
    "uncertainty",
]

if not TYPE_CHECKING:  # a type checker would take every name to be here

    def __getattr__(name: str) -> object:
        """A public name, loaded when it is first asked for, so that the import itself is quick."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        room = "api.plots" if name.startswith("plot_") else "api"
        value = globals()[name] = getattr(import_module(f"{__name__}.{room}"), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
