"""``python -m taskpgm_core VERB`` is ``taskpgm VERB``."""

import sys
import warnings

from taskpgm_core.cli.main import main

if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
    sys.exit(main())
