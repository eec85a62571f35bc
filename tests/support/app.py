"""Pages in Streamlit's own test runner, entered as a person enters them: through Home."""

from functools import cache
from pathlib import Path

from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

HOME = Path(__file__).parents[2] / "app.py"

# Every new AppTest reads the metadata of all installed packages; they are the same each time.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


def open_page(name: str = "", **query: object) -> AppTest:
    """The page ``pages/NAME.py`` (Home without a name) at an address; it must raise nothing.

    Its question is of S as measured (resolution ``inf``) where the address does not say otherwise.
    """
    at = AppTest.from_file(HOME, default_timeout=60)
    for key, value in {"resolution": "inf", **query}.items():
        at.query_params[key] = value
    at.run()
    if name:
        at.switch_page(f"pages/{name}.py").run()
    assert not at.exception
    return at
