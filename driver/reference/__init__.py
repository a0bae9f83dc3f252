"""Pages of the documentation that are made from definitions: ops, passes and options, as Markdown."""
