"""A token endpoint in memory that grants some scopes and not others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from eventdrain.errors import ScopeRefused, TokenUnavailable
from tests.fakes import FakeTokenEndpoint

if TYPE_CHECKING:
    from eventdrain.ports import AccessToken


@dataclass
class GrantingEndpoint(FakeTokenEndpoint):
    """A ``ports.TokenEndpoint`` whose client has some scopes.

    Attributes:
        granted: The client's scopes.
        narrows: Whether it leaves out other scopes, instead of rejecting the whole request.
        most: Maximum of scopes that it grants at once.
        answers: How many requests it answers before the rate limit; None for all.
    """

    granted: frozenset[str] = frozenset()
    narrows: bool = True
    most: int = 5
    answers: int | None = None

    def mint(self, scope: str, *, timeout_seconds: float) -> AccessToken:
        """See ``ports.TokenEndpoint``."""
        token = super().mint(scope, timeout_seconds=timeout_seconds)
        if self.answers is not None and len(self.asked) > self.answers:
            raise TokenUnavailable(f"{self.url} answers 429")
        granted = tuple(each for each in token.scopes if each in self.granted)
        if (granted != token.scopes and not self.narrows) or len(granted) > self.most:
            raise ScopeRefused(f"{self.url} refuses {scope}")
        return replace(token, scopes=granted)
