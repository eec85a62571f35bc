"""The example shown for two tasks is one on which both models really say the same."""

import numpy as np

from taskpgm_core.analysis.agreement import LONGEST, agreement
from taskpgm_core.store import import_matrix, likely_tokens, open_study, probe_pool


def test_both_models_have_the_same_likeliest_token_at_every_position():
    study = open_study("starter")
    i, j = (study.names.index(task) for task in ("sort-foods", "sort-animals"))
    found = agreement(study, i, j)
    assert found.task in ("sort-foods", "sort-animals")
    pool, likely = probe_pool(study), likely_tokens(study)
    best = 0.0
    for e in range(len(pool.task)):
        at = range(int(pool.first[e]), int(pool.first[e] + pool.tokens[e]))
        alike = all(likely.ids[i, k, 0] == likely.ids[j, k, 0] for k in at)
        if pool.task[e] in (i, j) and len(at) <= LONGEST and alike:
            chances = [np.exp(likely.log_probability[[i, j], k, 0].min()) for k in at]
            best = max(best, float(np.sum(chances, dtype=np.float64)))
    sure = sum(min(chances) for _, _, chances in found.tokens)
    assert sure > 0
    assert abs(sure - best) < 1e-3


def test_an_import_has_no_examples(cache, tmp_path):
    file = tmp_path / "two.csv"
    file.write_text(",a,b\na,1,0.5\nb,0.5,1\n")
    assert agreement(import_matrix(file, kind="similarity", name="two"), 0, 1) is None
