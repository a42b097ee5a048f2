"""The dashboard of ``stacks/operations.yaml``: what is on it, and its blocks in the template."""
