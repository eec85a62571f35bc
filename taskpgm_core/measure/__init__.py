"""The only room that knows torch: single-task models trained, scored and compared."""

from taskpgm_core.measure.adapters import applied
from taskpgm_core.measure.aggregation import example_means, loss_tables, pmi, seed_means, symmetric
from taskpgm_core.measure.base_model import (
    BaseModel,
    Weights,
    find_weights,
    load_base,
    use_threads,
)
from taskpgm_core.measure.brought_models import look_at
from taskpgm_core.measure.evaluation import evaluate
from taskpgm_core.measure.executor import Engine
from taskpgm_core.measure.finetuning import rows_seen, task_seed, train
from taskpgm_core.measure.lm_eval_suites import check_suites, suite_scores
from taskpgm_core.measure.local_executor import InProcess
from taskpgm_core.measure.probe_pool import ProbeTokens, probe_tokens
from taskpgm_core.measure.process_executor import OnProcesses
from taskpgm_core.measure.progress import Progress, Silence
from taskpgm_core.measure.ray_executor import OnRay
from taskpgm_core.measure.result import Measurement, device_facts, token_strings
from taskpgm_core.measure.throughput import Speed, scoring_speed, speed
from taskpgm_core.measure.tokenization import RenderedExample, render
from taskpgm_core.measure.work_plan import CODE

__all__ = [
    "CODE",
    "BaseModel",
    "Engine",
    "InProcess",
    "Measurement",
    "OnProcesses",
    "OnRay",
    "ProbeTokens",
    "Progress",
    "RenderedExample",
    "Silence",
    "Speed",
    "Weights",
    "applied",
    "check_suites",
    "device_facts",
    "evaluate",
    "example_means",
    "find_weights",
    "load_base",
    "look_at",
    "loss_tables",
    "pmi",
    "probe_tokens",
    "render",
    "rows_seen",
    "scoring_speed",
    "seed_means",
    "speed",
    "suite_scores",
    "symmetric",
    "task_seed",
    "token_strings",
    "train",
    "use_threads",
]
