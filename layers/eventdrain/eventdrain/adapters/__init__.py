"""Implementations of the ``ports``. Only this package uses SDKs."""
