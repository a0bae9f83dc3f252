"""What a person reads of a result: verification, suggestions, and the report as JSON or as a page."""
