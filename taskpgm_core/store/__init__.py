"""The only room that opens study files: what is read is checked against its checksum first."""

from taskpgm_core.files.locking import locked
from taskpgm_core.store.archive import delete, pack, unpack
from taskpgm_core.store.manifest import put_back
from taskpgm_core.store.matrix_import import import_matrix
from taskpgm_core.store.mixture_files import parse_mixture, read_mixture
from taskpgm_core.store.probe_text import bring_text, example_checksums, probe_text
from taskpgm_core.store.reader import (
    LikelyTokens,
    PairDivergences,
    ProbePool,
    base_divergence,
    gold_log_probabilities,
    gold_pair_divergences,
    likely_tokens,
    losses,
    noise,
    pair_divergences,
    probe_pool,
    similarity,
    token_divergences,
    training_curves,
    upper_bound,
)
from taskpgm_core.store.run_files import BroughtRuns, import_runs, read_runs
from taskpgm_core.store.runs import (
    SUITE,
    claim_run,
    drop_run,
    evidence,
    evidence_columns,
    has_run,
    keep_reference,
    keep_run,
    kept_run,
    reference_losses,
)
from taskpgm_core.store.studies import (
    cache_root,
    find_folder,
    folder_name,
    is_bundled,
    list_studies,
    open_study,
    own_copy,
)
from taskpgm_core.store.task_subset import remaining, without
from taskpgm_core.store.unit_cache import Units
from taskpgm_core.store.verify import Damage, Verification, damages, mend_guard, verify
from taskpgm_core.store.writer import assemble, finished, measured_files, recover

__all__ = [
    "SUITE",
    "BroughtRuns",
    "Damage",
    "LikelyTokens",
    "PairDivergences",
    "ProbePool",
    "Units",
    "Verification",
    "assemble",
    "base_divergence",
    "bring_text",
    "cache_root",
    "claim_run",
    "damages",
    "delete",
    "drop_run",
    "evidence",
    "evidence_columns",
    "example_checksums",
    "find_folder",
    "finished",
    "folder_name",
    "gold_log_probabilities",
    "gold_pair_divergences",
    "has_run",
    "import_matrix",
    "import_runs",
    "is_bundled",
    "keep_reference",
    "keep_run",
    "kept_run",
    "likely_tokens",
    "list_studies",
    "locked",
    "losses",
    "measured_files",
    "mend_guard",
    "noise",
    "open_study",
    "own_copy",
    "pack",
    "pair_divergences",
    "parse_mixture",
    "probe_pool",
    "probe_text",
    "put_back",
    "read_mixture",
    "read_runs",
    "recover",
    "reference_losses",
    "remaining",
    "similarity",
    "token_divergences",
    "training_curves",
    "unpack",
    "upper_bound",
    "verify",
    "without",
]
