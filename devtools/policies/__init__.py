"""Checkov over the templates, as they are written and as SAM expands them."""
