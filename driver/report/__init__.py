"""Reports on a result: verification, suggestions, and the report as JSON or HTML."""
