"""The graph of a model as a page: layout, name scopes, facts of tensors, and the page itself."""
