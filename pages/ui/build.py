"""Builds as a person sees them: what one would cost, how the running ones are getting on."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from pages.ui.chart import escape, fact_list, heading
from taskpgm_core.builds import background
from taskpgm_core.builds.background import Job
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.plans.plan import Plan

EVERY = 2.0
STATES = {
    "running": "is being built",
    "done": "is complete",
    "stopped": "was stopped; what it finished is kept",
    "failed": "could not be built",
    "lost": "ended without a word; what it finished is kept",
}


def clock(seconds: float) -> str:
    """A length of time in the two units that matter."""
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    return (
        f"{hours} h {left} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
    )


def guarded(action: Callable[[], object]) -> None:
    """Do it; what goes wrong becomes a sentence on the page."""
    st.session_state.pop("build-error", None)
    try:
        action()
    except TaskPGMError as error:
        st.session_state["build-error"] = str(error)


def start_buttons(text: str, plan: Plan) -> None:
    """Ask for the cost, or start."""
    with st.container(horizontal=True):
        st.button(
            "What would it cost?", on_click=guarded, args=(lambda: background.start(text, "cost"),)
        )
        st.button(
            f"Build {plan.slug}",
            type="primary",
            on_click=guarded,
            args=(lambda: background.start(text),),
        )
    if error := st.session_state.get("build-error"):
        st.error(escape(error))


def cost(slug: str) -> None:
    """The last dry run of this plan, as soon as it has answered."""

    @st.fragment(run_every=EVERY if _runs(slug, "cost") else None)
    def panel() -> None:
        job = background.watch(slug, "cost")
        if job is None:
            return
        if job.state == "running":
            st.caption(f"Counting, and timing one batch ({clock(job.seconds)}) …")
        elif job.answer is None:
            st.error(escape(job.error or f"The dry run {STATES[job.state]}."))
        else:
            fact_list(_cost_facts(job.answer))
            st.caption(escape(f"As the plan stood then; {job.answer['basis']}."))

    panel()


def _runs(slug: str, kind: background.Kind) -> bool:
    job = background.watch(slug, kind)
    return job is not None and job.state == "running"


def _cost_facts(answer: Mapping[str, Any]) -> dict[str, str]:
    total = answer["total_seconds"]
    left = ", ".join(f"{n:,} to {stage}" for stage, n in answer["left"].items())
    return {
        "time": "unknown" if total is None else f"about {clock(total)}",
        "on": str(answer["device"]),
        "units left": left,
        "forward passes": f"{answer['forward_passes']:,} of one example each",
        "memory": f"{answer['memory'] / 1e9:.2f} GB",
        "disk": f"{answer['disk'] / 1e9:.2f} GB",
    }


def watched() -> None:
    """Every build of this cache, refreshed while one runs."""
    known = [job for job in background.jobs() if job.kind == "build"]
    running = any(job.state == "running" for job in known)

    @st.fragment(run_every=EVERY if running else None)
    def panel() -> None:
        now = [job for job in background.jobs() if job.kind == "build"]
        if running and not any(job.state == "running" for job in now):
            st.rerun()
        for job in now:
            _one(job)

    if known:
        heading("Builds on this server", "They go on when this page is closed.")
        panel()


def _one(job: Job) -> None:
    with st.container(border=True):
        st.markdown(f"**{escape(job.slug)}** {STATES[job.state]} ({clock(job.seconds)})")
        progress = job.progress
        if job.state == "running":
            st.progress(float(progress.get("share", 0.0)), _line(progress))
        if job.error:
            st.error(escape(job.error))
        with st.container(horizontal=True):
            if job.state == "running":
                st.button(
                    "Stop",
                    key=f"stop-{job.slug}",
                    on_click=guarded,
                    args=(lambda: background.stop(job.slug),),
                )
            elif job.state == "done":
                st.page_link(
                    "pages/mixture.py", label="Open its mixture", query_params={"study": job.slug}
                )
            else:
                st.button(
                    "Go on where it stopped",
                    key=f"resume-{job.slug}",
                    on_click=guarded,
                    args=(lambda: background.start(job.plan),),
                )
        if job.log:
            with st.expander("What it said"):
                st.code("\n".join(job.log[-40:]), language=None)


def _line(progress: Mapping[str, Any]) -> str:
    if not progress:
        return "Loading the examples and the base model …"
    stages = ", ".join(
        f"{stage['title'].lower()} {stage['units_done']:,} of {stage['units']:,}"
        for stage in progress["stages"].values()
    )
    speed, left = progress.get("tokens_per_second"), progress.get("seconds_left")
    parts = [stages]
    if speed:
        parts.append(f"{speed:,.0f} tokens/s")
    if left is not None:
        parts.append(f"about {clock(left)} left")
    return escape("; ".join(parts))
