"""Components that live in the browser, shared by the dashboard and the report."""
