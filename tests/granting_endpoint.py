"""A token endpoint in memory that grants some scopes and not others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from eventdrain.errors import ScopeRefused, TokenUnavailable
from tests.fakes import FakeTokenEndpoint

if TYPE_CHECKING:
    from eventdrain.ports import AccessToken, ClientCredentials


@dataclass
class GrantingEndpoint(FakeTokenEndpoint):
    """A ``token_ports.TokenEndpoint`` whose client may have some scopes.

    Attributes:
        may_have: Those scopes.
        narrows: Whether a client that asks for too much gets less, instead of nothing.
        refuses_none: Whether it mints no token without a scope.
        only_alone: Whether it refuses several scopes at once, whichever they are.
        answers: How many more calls it answers before it is asked too often; None for all.
    """

    may_have: frozenset[str] = frozenset()
    narrows: bool = True
    refuses_none: bool = False
    only_alone: bool = False
    answers: int | None = None

    @property
    def scopes_asked(self) -> list[str]:
        """The scope of each call."""
        return [scope for _, scope in self.asked]

    def mint(
        self, credentials: ClientCredentials, scope: str, *, timeout_seconds: float
    ) -> AccessToken:
        """See ``token_ports.TokenEndpoint``."""
        token = super().mint(credentials, scope, timeout_seconds=timeout_seconds)
        if self.answers is not None:
            if not self.answers:
                raise TokenUnavailable(f"{self.url} answers 429")
            self.answers -= 1
        asked = scope.split()
        granted = tuple(each for each in asked if each in self.may_have)
        is_refused = (
            (self.refuses_none and not asked)
            or (self.only_alone and len(asked) > 1)
            or (len(granted) < len(asked) and not self.narrows)
        )
        if is_refused:
            raise ScopeRefused(f"{self.url} refuses {scope}")
        return replace(token, scopes=granted)
