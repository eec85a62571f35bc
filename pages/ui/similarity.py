"""One pair of tasks: what drives their similarity, down to the next token."""

import html

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui import cached
from pages.ui.chart import chart, escape, fact_list, heading, plot
from pages.ui.controls import moved
from pages.ui.layout import Scene
from taskpgm_core import store
from taskpgm_core.analysis.drill_down import PairDrillDown, Position, drill_down, positions
from taskpgm_core.analysis.replicates import drawn_again
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.figures.numbers import percent, shorten, with_sign
from taskpgm_core.figures.similarity import sources_figure, tokens_figure
from taskpgm_core.findings.glossary import GLOSSARY
from taskpgm_core.findings.similarity import (
    kernel_facts,
    pair_finding,
    sources_finding,
    told_apart,
)
from taskpgm_core.records import TOKENS_OF_TASKS, Array, Example, Study

EXAMPLES = 50
SAID = 6
"""Tokens in sight beside the matrix."""


@st.cache_resource(max_entries=128, show_spinner=False)
def _driving(content: str, measure: str, i: int, j: int, _study: Study) -> PairDrillDown:
    return drill_down(_study, measure, i, j)


@st.cache_resource(max_entries=256, show_spinner=False)
def _positions(
    content: str, measure: str, i: int, j: int, example: int, _study: Study
) -> tuple[Position, ...]:
    return positions(_study, _driving(content, measure, i, j, _study), example)


@st.cache_resource(max_entries=8, show_spinner=False)
def _text(content: str, has_text: bool, _study: Study) -> tuple[Example, ...] | None:
    return store.probe_text(_study)


def pick_pair(scene: Scene) -> tuple[int, int]:
    """The pair in the selection; else the two most alike tasks. Changed here, it is selected."""
    names = scene.study.names
    chosen = [names.index(task) for task in scene.view.tasks[:2]]
    S = cached.similarity(scene.study, scene.view).matrix.copy()
    np.fill_diagonal(S, -np.inf)
    if not chosen:
        chosen = [int(np.unravel_index(int(S.argmax()), S.shape)[0])]
    if len(chosen) == 1:
        chosen.append(int(S[chosen[0]].argmax()))
    st.session_state["pair-a"], st.session_state["pair-b"] = (names[k] for k in chosen)

    def changed() -> None:
        a, b = st.session_state["pair-a"], st.session_state["pair-b"]
        moved(tasks=(a, b) if a != b else (a,))

    first, second = st.columns(2)
    first.selectbox("Task", names, key="pair-a", on_change=changed, help="One task of the pair.")
    second.selectbox("and task", names, key="pair-b", on_change=changed, help="The other one.")
    return chosen[0], chosen[1]


def noise_of_tasks(scene: Scene) -> Array | None:
    """(n,) the noise of each task by the page's measure, NaN where none is known; None for none."""
    noise, tasks = cached.noise(scene.study, scene.view), scene.study.names
    if noise.measure != scene.view.question.measure or not noise.tasks:
        return None
    known = dict(zip(noise.tasks, noise.divergence, strict=True))
    return np.array([float(known.get(task, np.nan)) for task in tasks])


def pair_heading(scene: Scene, pair: tuple[int, int]) -> None:
    """How alike the two are, and whether the measurement tells them apart."""
    study, view = scene.study, scene.view
    similarity, noise = cached.similarity(study, view), cached.noise(study, view)
    known = noise.measure == similarity.measure
    heading(
        pair_finding(
            study.names,
            pair,
            float(similarity.shown[pair]),
            noise.floor if known else 0.0,
            similarity.reading,
            told_apart=told_apart(cached.kernel(study, view), *pair),
        )
    )


def pair_facts(scene: Scene, pair: tuple[int, int]) -> None:
    """How sure the measured number is, and what each model loses on the other's task."""
    study, view = scene.study, scene.view
    i, j = pair
    similarity, noise = cached.similarity(study, view), cached.noise(study, view)
    kernel, measure = cached.kernel(study, view), similarity.reading
    heading("How sure that is", measure.meaning, word="90% interval")
    facts = {}
    try:
        low, high = cached.pair_interval(study, view, i, j)
        facts["90% interval"] = f"{low:.3f} to {measure.said(high)}, {drawn_again(study)}"
    except TaskPGMError as error:
        st.caption(escape(str(error)))
    if noise.measure == similarity.measure:
        seeds = f"up to {measure.said(float(noise.divergence.max()))}" if noise.tasks else ""
        facts[measure.noise] = seeds or "not measured"
    facts |= kernel_facts(kernel, i, j)
    if study.scored:
        table = cached.losses(study).per_token
        for own, other in (pair, pair[::-1]):
            facts[f"loss on {shorten(study.names[own], 20)}"] = (
                f"{table[own, own]:.2f} own, {table[other, own]:.2f} other, "
                f"{table[-1, own]:.2f} base (nats a token)"
            )
    fact_list(facts)


def _unit(scene: Scene) -> str:
    """The unit of what examples add: PMI is made of log-probabilities."""
    reading = cached.similarity(scene.study, scene.view).reading
    return reading.unit if reading.is_divergence else "nats"


def pair_sources(scene: Scene, pair: tuple[int, int]) -> None:
    """What the probe examples of each task add to how alike the two are."""
    study = scene.study
    try:
        found = _driving(study.key, scene.view.question.measure, *pair, study)
    except TaskPGMError:
        return  # the drill-down says it
    added, unit = found.by_task(len(study.tasks)), _unit(scene)
    chart(
        sources_figure(study.names, added, pair, unit=unit, palette=scene.palette),
        sources_finding(study.names, added, pair, unit),
        "What the probe examples of each task add to it; the pair's own tasks in colour.",
        key="sources",
    )


@st.fragment
def token_drill_down(scene: Scene, pair: tuple[int, int]) -> None:
    """What the two models would have said, token by token, in the example that is looked at."""
    study, measure = scene.study, scene.view.question.measure
    i, j = pair
    try:
        found = _driving(study.key, measure, i, j, study)
    except TaskPGMError as error:
        st.info(escape(str(error)))
        return
    reading, unit = cached.similarity(study, scene.view).reading, _unit(scene)
    total = float(found.share.sum()) or 1.0
    signed = bool(found.share.min() < 0 < found.share.max())

    def described(e: int) -> str:
        part = float(found.share[e])
        adds = f"{with_sign(part)} {unit}".rstrip() if signed else percent(part / total)
        return f"{study.names[int(found.task[e])]}, row {int(found.row[e])}: {adds}"

    example = st.selectbox(
        "Probe example, those that add most first",
        found.order[:EXAMPLES],
        format_func=described,
        key=f"example-{i}-{j}-{measure}",
        help=f"{GLOSSARY['probe example']} With its part of the whole.",
    )
    shown = _positions(study.key, measure, i, j, example, study)
    texts = [p.text or f"token {k + 1}" for k, p in enumerate(shown)]
    likeliest(texts, shown, unit or reading.label)
    _words(study, example)
    values = [p.value for p in shown if p.value is not None]
    if values:
        plot(
            tokens_figure(texts, values, unit=unit, palette=scene.palette),
            "The measure at each token of the completion" + (f", in {unit}" if unit else ""),
            key="tokens",
        )
    else:
        st.caption(
            f"What a single token adds is held up to {TOKENS_OF_TASKS} tasks, and "
            f"{escape(study.slug)} has {len(study.tasks)}."
        )
    all_likely(texts, shown, unit or reading.label)


def _words(study: Study, example: int) -> None:
    text = _text(study.key, study.has_text, study)
    if text is None and study.kind == "served":
        st.info(f"The file that {study.slug} was imported from holds no text of its tokens.")
        return
    if text is None:
        st.info(
            f"{study.slug} is kept without its text, which is not ours to share. Bring it with "
            f"`python -m taskpgm_core text {study.slug} --from DIR`."
        )
        return
    shown = text[example]
    if shown.chat:
        st.text(shown.chat.lines())
        st.caption("Its answers, which the models are compared on")
    else:
        if shown.prompt:
            st.text(f"{shown.prompt[-600:]}")
        st.caption("Expected completion")
    st.container(border=True).text(shown.completion)


def likeliest(texts: list[str], shown: tuple[Position, ...], measured: str) -> None:
    """The likeliest next token of both models at each token, and what the measure says there."""
    said = bool(shown[0].said)  # served models tell no more than the true token's chance
    heading("What each model would have said" if said else "How likely each model found it")
    models = list(shown[0].gold)[:2]
    valued = any(position.value is not None for position in shown)
    head = ["expected", *(shorten(model, 16) for model in models), *([measured] if valued else [])]
    rows = []
    for text, position in list(zip(texts, shown, strict=True))[:SAID]:
        cells = [f"<b>{html.escape(_visible(text))}</b>"]
        for model in models:
            if not said:
                cells.append(percent(position.gold[model], 0))
                continue
            token, chance = position.said[model][0]
            cells.append(f"<b>{html.escape(_visible(token))}</b> {percent(chance, 0)}")
        if valued:
            cells.append("" if position.value is None else f"{position.value:.3f}")
        rows.append("".join(f"<td>{cell}</td>" for cell in cells))
    titles = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in head)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    st.html(f'<table class="said"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>')
    if len(texts) > SAID:
        st.caption(f"The first {SAID} of {len(texts)} tokens; the table below has all.")


def all_likely(texts: list[str], shown: tuple[Position, ...], measured: str) -> None:
    """The five likeliest next tokens of both models and the base, token by token."""
    st.caption(
        "The five likeliest next tokens of both models and the base model at each position of the "
        "completion, with their chances."
        if shown[0].said
        else "The chance that both models and the base model give each true token."
    )
    rows = []
    for text, position in zip(texts, shown, strict=True):
        row: dict[str, object] = {"token": text}
        if position.value is not None:
            row[measured] = position.value
        for model, chance in position.gold.items():
            row[f"true, {model}"] = 100 * chance
        for model, said in position.said.items():
            row[model] = "   ".join(f"{_visible(t)} {percent(x, 0)}" for t, x in said)
        rows.append(row)
    number = st.column_config.NumberColumn
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={
            measured: number(format="%.3f"),
            **{
                name: number(
                    shorten(name, 20), format="%.0f%%", help="The chance it gives the true token."
                )
                for name in rows[0]
                if name.startswith("true, ")
            },
        },
    )


def _visible(token: str) -> str:
    return token.replace("\n", "⏎").replace(" ", "␣") if token.strip() != token else token
