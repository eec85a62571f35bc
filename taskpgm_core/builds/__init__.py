"""From a plan to a study: prepared, measured, resumed, repaired, and what that costs."""
