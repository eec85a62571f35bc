"""Exact mixtures of tasks: the optimum, its certificate, and the whole path of the balance."""

from taskpgm_core.mixture.closed_form import ClosedForm, closed_form
from taskpgm_core.mixture.convexity import Convexity, convexity
from taskpgm_core.mixture.kernel import Kernel, kernel
from taskpgm_core.mixture.path import SolutionPath, trace
from taskpgm_core.mixture.problem import Group, Problem, Pull, pose
from taskpgm_core.mixture.solution import Solution, Status
from taskpgm_core.mixture.solver import solve

__all__ = [
    "ClosedForm",
    "Convexity",
    "Group",
    "Kernel",
    "Problem",
    "Pull",
    "Solution",
    "SolutionPath",
    "Status",
    "closed_form",
    "convexity",
    "kernel",
    "pose",
    "solve",
    "trace",
]
