"""The verb that serves the pages, from a checkout or from an installed package."""

import importlib.util
import os
import socket
import sys
from pathlib import Path

import click

CORE = Path(__file__).parents[1]


def pages_folder() -> Path:
    """The folder with ``app.py``, ``pages/`` and ``.streamlit/``: in the wheel, or the checkout."""
    bundled = CORE / "_bundled"
    return bundled if (bundled / "app.py").is_file() else CORE.parent


@click.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8501,
    show_default=True,
    help="Where to listen.",
)
def dashboard(port: int) -> None:
    """Serve the pages at http://127.0.0.1:8501 until it is stopped."""
    if importlib.util.find_spec("streamlit") is None:
        raise ModuleNotFoundError("No module named 'streamlit'", name="streamlit")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            reason = f"nothing can listen on {port} ({error.strerror}); name another port"
            raise click.BadParameter(reason, param_hint="--port") from None
    # Streamlit reads the settings beside its script whatever the current folder is. -P: a folder
    # called pages in the current one is not taken for ours.
    app = str(pages_folder() / "app.py")
    command = [sys.executable, "-P", "-m", "streamlit", "run", app, "--server.port", str(port)]
    # One thread a solve: on a busy machine waiting threads made a release of the dial ten times
    # slower.
    os.execve(sys.executable, command, {"OMP_NUM_THREADS": "1", **os.environ})
