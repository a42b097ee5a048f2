"""The dashboard: its widgets, and the blocks of ``stacks/operations.yaml`` with them."""
