"""Reports: one decision as a record (JSON) and as a page that opens and moves anywhere."""

from taskpgm_core.analysis.decision import Decision, decide
from taskpgm_core.report.render import report_page

__all__ = ["Decision", "decide", "report_page"]
