"""The token endpoint, by the client-credentials grant of OAuth 2.0."""

from __future__ import annotations

from eventdrain.adapters.oauth.token_endpoint import OAuthTokenEndpoint

__all__ = ["OAuthTokenEndpoint"]
