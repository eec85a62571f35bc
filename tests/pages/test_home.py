"""The cards on Home: how many skills, what uniform spends on groups, and which mixture is drawn."""

import json
import math
import re
import shutil

import numpy as np
import pytest

from taskpgm_core.findings.skills import groups_finding, resolution_words, skills_counted
from taskpgm_core.mixture import kernel, pose, solve
from taskpgm_core.mixture.baselines import baseline
from taskpgm_core.store import import_matrix, noise, open_study, similarity, without
from tests.support.app import open_page
from tests.support.kept_runs import committed_copy


def words(at) -> str:
    return "\n".join(m.value.replace("\\", "") for m in (*at.markdown, *at.caption))


def drawn(at) -> dict[str, float]:
    html = " ".join(h.proto.body for h in at.get("html"))
    found = re.findall(r'data-task="([^"]+)" data-share="([^"]+)"', html)
    return {task: float(share) for task, share in found}


@pytest.mark.parametrize("slug", ["starter", "bigbench"])
def test_a_card_counts_skills_and_draws_the_mixture_that_is_even_over_them(cache, slug):
    study = committed_copy(cache, slug)
    seen = kernel(similarity(study), noise=noise(study))
    at = open_page()
    assert skills_counted(seen) in words(at)
    assert f"tasks nearer than {resolution_words(seen)} count as about one" in words(at)
    assert groups_finding(seen) in words(at)
    assert "the mixture at balance 0, as even over skills as can be" in words(at)
    p = baseline("skill-even", similarity(study), noise=noise(study))
    for task, share in drawn(at).items():
        assert share == pytest.approx(p[study.names.index(task)], abs=1e-8)
    assert len(drawn(at)) == 5


def test_what_was_made_by_leaving_tasks_out_is_a_line_beside_what_it_was_made_of(cache):
    study = committed_copy(cache, "starter")
    gone = study.names[:3]
    less = without(study, gone, slug="less", plan=None, lean=True)
    skills = skills_counted(kernel(similarity(less), noise=noise(less)))
    at = open_page()
    heads = [h.value for h in at.header]
    assert heads == ["starter", "Made of these by leaving tasks out", "Bring your own"]
    [line] = [m.value.replace("\\", "") for m in at.markdown if "made from" in m.value]
    assert line == f"{skills}; made from starter ({study.digest[:12]}) without {', '.join(gone)}"
    shutil.rmtree(study.folder)
    at = open_page()
    assert [h.value for h in at.header] == ["less", "Bring your own"]
    assert len(drawn(at)) == 5


def test_a_measure_that_tells_no_skills_apart_shows_s_as_measured(cache, tmp_path):
    S = -np.abs(np.random.default_rng(0).normal(size=(7, 7)))
    S = S + S.T
    np.fill_diagonal(S, 0.0)
    S[0, 1] = S[1, 0] = 0.5
    file = tmp_path / "excess.json"
    file.write_text(json.dumps({"tasks": [f"t{i}" for i in range(7)], "matrix": S.tolist()}))
    import_matrix(file, kind="similarity")
    at = open_page()
    assert "tells no skills apart" in words(at)
    assert "at balance 0.5 of S as measured" in words(at)
    assert "as even over skills" not in words(at)
    p = solve(pose(kernel(similarity(open_study("excess"), "given"), math.inf).similarity), 0.5).p
    assert drawn(at) == pytest.approx({task: p[int(task[1:])] for task in drawn(at)}, abs=1e-8)
