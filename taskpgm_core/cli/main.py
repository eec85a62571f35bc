"""``taskpgm VERB``: every answer or one clear sentence."""

import os
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

import click

from taskpgm_core import __version__
from taskpgm_core.cli import (
    build,
    dashboard,
    edit_study,
    experiments,
    export,
    mixture,
    mixture_analysis,
    sketch,
    skills,
    studies,
    tune,
)
from taskpgm_core.cli.examples import epilog_of
from taskpgm_core.errors import TaskPGMError, install_command


@click.group(context_settings={"max_content_width": 100})
@click.version_option(__version__, prog_name="taskpgm")
def cli() -> None:
    """Choose fine-tuning task mixtures from measured task similarities."""


for command in (
    dashboard.dashboard,
    build.build,
    build.bench,
    sketch.sketch,
    edit_study.add_task,
    edit_study.add_target,
    edit_study.remove_task,
    studies.import_,
    studies.import_logprobs,
    studies.list_,
    studies.show,
    studies.verify,
    studies.text,
    studies.repair,
    studies.pack,
    studies.unpack,
    studies.delete,
    skills.skills,
    mixture.solve_,
    mixture.path,
    mixture_analysis.select_,
    mixture_analysis.explain_,
    mixture_analysis.uncertainty_,
    mixture_analysis.baselines,
    export.export_,
    export.materialise_,
    export.report,
    experiments.validate,
    experiments.evidence,
    tune.tune_,
    experiments.train,
):
    command.epilog = epilog_of(command.name)
    cli.add_command(command)


def run(called: str = "taskpgm") -> NoReturn:
    """The script ``taskpgm``: the verb of this process's arguments, then its end."""
    # A thread that waits for another by spinning takes its core: beside any other work, a build on
    # two threads of two cores is then slower than on one. OpenMP reads it when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
    sys.exit(main(called=called))


def main(arguments: Sequence[str] | None = None, called: str = "python -m taskpgm_core") -> int:
    """Run one verb; 0, or 2 after one sentence on stderr."""
    try:
        cli.main(args=arguments, prog_name=called, standalone_mode=False)
    except TaskPGMError as error:
        sentence = str(error)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        sentence = f"{error.format_message()} (--help lists what there is)"
    except click.Abort:
        sentence = "Stopped; finished work is kept, and the same command goes on from there."
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "taskpgm_core"):
            raise
        sentence = (
            f"This verb needs {package}, which is not installed; run: {install_command(package)}"
        )
    except OSError as error:  # of what no room expects: names too long, what may not be read
        why = error.strerror or str(error)
        sentence = f"{error.filename} cannot be used: {why}." if error.filename else f"{why}."
    else:
        return 0
    click.echo(f"Error: {sentence}", err=True)
    return 2
