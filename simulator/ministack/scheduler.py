"""What ministack's EventBridge Scheduler lacks: it looks for due schedules every ten seconds."""

from ministack.services import scheduler


def apply() -> None:
    """Look every second."""
    scheduler._SCHEDULE_TICK_INTERVAL = 1
