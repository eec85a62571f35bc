"""Questions put to a study: what is posed, how sure the answer is, and what lies behind it."""
