"""When faults strike."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.injection import Faults


@dataclass(frozen=True)
class _Fault:
    name: str = "made up"


@dataclass(frozen=True)
class _OtherFault:
    name: str = "made up"


def _strikes(faults: Faults, occasions: int, event_type: str | None = None) -> list[bool]:
    return [bool(faults.draw(_Fault, event_type)) for _ in range(occasions)]


def test_fault_strikes_so_often_after_so_many_occasions() -> None:
    """It lets occasions pass, strikes, and is spent or cleared; the count stays."""
    faults = Faults()
    faults.inject(_Fault(), skip=2, times=3)
    assert _strikes(faults, 7) == [False] * 2 + [True] * 3 + [False] * 2
    faults.inject(_Fault("first"))
    faults.inject(_Fault("second"))
    assert faults.draw(_Fault) == (_Fault("first"), _Fault("second"))
    faults.clear()
    assert _strikes(faults, 1) == [False]
    assert faults.struck(_Fault()) == 3


def test_fault_of_one_event_type() -> None:
    """The calls of other streams neither meet it nor use it up."""
    faults = Faults()
    faults.inject(_Fault(), event_type="handset_change", skip=1, times=1)
    assert _strikes(faults, 2, "country_change") == [False, False]
    assert _strikes(faults, 2, "handset_change") == [False, True]


def test_fault_of_another_kind_is_not_drawn() -> None:
    """Each place draws its own kind of fault, and equal contents don't make equal kinds."""
    faults = Faults()
    faults.inject(_OtherFault())
    assert _strikes(faults, 1) == [False]
    assert faults.draw(_OtherFault) == (_OtherFault(),)
    assert faults.struck(_Fault()) == 0


def test_probability_is_kept_and_repeatable() -> None:
    """About so many strike, and the same ones for the same seed."""

    def draw(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.inject(_Fault(), probability=0.3)
        return _strikes(faults, 1000)

    assert 200 < sum(draw(1)) < 400
    assert draw(1) == draw(1) != draw(2)
