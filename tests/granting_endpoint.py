"""A token endpoint in memory that grants some scopes and not others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from eventdrain.errors import ScopeRefused
from tests.fakes import FakeTokenEndpoint

if TYPE_CHECKING:
    from eventdrain.credentials import ClientCredentials
    from eventdrain.token_ports import AccessToken


@dataclass
class GrantingEndpoint(FakeTokenEndpoint):
    """A ``token_ports.TokenEndpoint`` whose client may have some scopes.

    Attributes:
        may_have: Those scopes.
        narrows: Whether a client that asks for too much gets less, instead of nothing.
        refuses_none: Whether it mints no token without a scope.
    """

    may_have: frozenset[str] = frozenset()
    narrows: bool = True
    refuses_none: bool = False

    @property
    def scopes_asked(self) -> list[str]:
        """The scope of each call."""
        return [scope for _, scope in self.asked]

    def mint(
        self, credentials: ClientCredentials, scope: str, *, timeout_seconds: float
    ) -> AccessToken:
        """See ``token_ports.TokenEndpoint``."""
        token = super().mint(credentials, scope, timeout_seconds=timeout_seconds)
        asked = scope.split()
        granted = tuple(each for each in asked if each in self.may_have)
        if (self.refuses_none and not asked) or (len(granted) < len(asked) and not self.narrows):
            raise ScopeRefused(f"{self.url} refuses {scope}")
        return replace(token, scopes=granted)
