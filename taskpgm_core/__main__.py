"""``python -m taskpgm_core VERB``: every answer or one clear sentence."""

import sys
import warnings
from collections.abc import Sequence

import click

from taskpgm_core import __version__
from taskpgm_core.commands import (
    adding,
    answers,
    building,
    handover,
    keeping,
    mixtures,
    removing,
    reporting,
    studies,
    training,
)
from taskpgm_core.errors import TaskPGMError


@click.group(context_settings={"max_content_width": 100})
@click.version_option(__version__, prog_name="taskpgm")
def cli() -> None:
    """Choose fine-tuning task mixtures from measured task similarities."""


for command in (
    building.build,
    building.bench,
    adding.add_task,
    removing.remove_task,
    studies.import_,
    studies.list_,
    studies.show,
    studies.verify,
    studies.text,
    keeping.repair,
    keeping.pack,
    keeping.unpack,
    keeping.delete,
    mixtures.solve_,
    mixtures.path,
    answers.select_,
    answers.explain_,
    answers.uncertainty_,
    answers.baselines,
    handover.export_,
    handover.materialise_,
    reporting.report,
    training.validate,
    training.evidence,
    training.train,
):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; 0, or 2 after one sentence on stderr."""
    try:
        cli.main(args=arguments, prog_name="python -m taskpgm_core", standalone_mode=False)
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
        if (error.name or "").startswith("taskpgm_core"):
            raise
        sentence = (
            f"This verb needs the Python package {error.name}, which is not installed; run: "
            f"pip install -r requirements.txt"
        )
    else:
        return 0
    click.echo(f"Error: {sentence}", err=True)
    return 2


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
    sys.exit(main())
