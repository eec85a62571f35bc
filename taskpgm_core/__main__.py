"""``python -m taskpgm_core VERB`` is ``taskpgm VERB``."""

from taskpgm_core.cli.main import run

if __name__ == "__main__":
    run("python -m taskpgm_core")
