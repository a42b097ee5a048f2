"""Who may call: the ``authorization`` rules of production and of the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from simulator.token_ledger import TokenLedger


class AuthMode(Enum):
    """Which endpoint of the vendor's the server behaves like."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"


class Refused(Exception):
    """A call that is ended before it does anything; carries the gRPC status to answer with."""

    def __init__(self, code: grpc.StatusCode, reason: str) -> None:
        super().__init__(f"{code.name}: {reason}")
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Authorization:
    """Checks calls against the tokens that were issued.

    Attributes:
        mode: Production needs a token on every call, the sandbox takes calls without one.
        tokens: The book to look them up in.
    """

    mode: AuthMode
    tokens: TokenLedger

    def client_of(self, header: str | None, scope: str) -> str:
        """Give the id of the client that calls; empty for an anonymous one.

        Args:
            header: The call's ``authorization`` metadata.
            scope: What the token must allow; empty if any will do.

        Raises:
            Refused: ``UNAUTHENTICATED`` without a valid token, ``PERMISSION_DENIED`` without the
                scope. The reason names no token.
        """
        if header is None:
            if self.mode is AuthMode.SANDBOX:
                return ""
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "no authorization metadata")
        kind, _, token = header.partition(" ")
        if kind.lower() != "bearer":
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "authorization is not of type Bearer")
        grant = self.tokens.check(token)
        if grant is None:
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "the token is not valid")
        if scope and scope not in grant.scopes:
            raise Refused(grpc.StatusCode.PERMISSION_DENIED, f"the token lacks the scope {scope}")
        return grant.client_id
