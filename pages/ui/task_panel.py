"""What the Mixture page says of the chosen task, beside its bars and its graph."""

import json
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from pages.ui import cached
from pages.ui.explanations import asked, explanation
from pages.ui.layout import Scene
from pages.ui.url_state import View
from pages.ui.why import rewarded
from taskpgm_core.analysis.agreement import Agreement, agreement
from taskpgm_core.analysis.kept_gain import kept_gain
from taskpgm_core.findings.mixture import energy_unit
from taskpgm_core.findings.task_panel import agreement_finding, panel_reason, panel_sharing
from taskpgm_core.records import Study
from taskpgm_core.widgets.balance_dial import panel_data


@st.cache_resource(max_entries=128, show_spinner=False)
def _agreement(content: str, i: int, j: int, _study: Study) -> Agreement | None:
    return agreement(_study, i, j)


@st.cache_resource(max_entries=128, show_spinner=False)
def _panel(content: str, key: str, task: str, rewarded: str, _study: Study, _view: View) -> bytes:
    kernel, i = cached.kernel(_study, _view), _study.names.index(task)
    why, problem = explanation(_study, _view).reasons[i], cached.problem(_study, _view)
    kept = kept_gain(cached.losses(_study)) if _study.scored else None
    sharing = kernel.sharing(task)
    example: dict[str, Any] | None = None
    if sharing:
        j = _study.names.index(sharing[0][0])
        found = _agreement(content, i, j, _study)
        if found is not None:
            example = {
                "title": agreement_finding(found),
                "prompt": found.prompt[-300:],
                "models": [task, _study.names[j]],
                "tokens": [
                    [expected, *([word, chance] for chance in chances)]
                    for expected, word, chances in found.tokens
                ],
            }
    link = {**_view.query, "task": [task]}
    data = panel_data(
        cached.dial_path(_study, _view)[0],
        task,
        balance=_view.question.balance,
        why=panel_reason(why, _view.question.balance, energy_unit(problem), rewarded),
        sharing=panel_sharing(kernel, kept, task),
        example=example,
        href=f"why?{urlencode(link, doseq=True)}",
    )
    return json.dumps(data).encode()


def task_panel(scene: Scene) -> bytes:
    """The panel of the task chosen last, as JSON for the dial."""
    study, view = scene.study, scene.view
    key = f"{asked(view)} {view.query}"
    return _panel(study.key, key, view.tasks[-1], rewarded(scene), study, view)
