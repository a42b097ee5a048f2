#!/usr/bin/env bash
# oauthlib 4.0.1: sound answers of a token endpoint raise Warning or TypeError, which are no OAuth2Error.
#
# RFC 6749 lets an endpoint grant fewer scopes than were asked for, if it names them, and name none if they
# are all granted. If the client knows the requested scopes, the first raises the builtin Warning, as an
# error, with the token in its attribute; OAUTHLIB_RELAX_TOKEN_SCOPE turns it off. If nothing was asked for
# and nothing is named, the token is returned, and its property scopes raises a TypeError. An "error": null
# beside a token, as some servers serialise what they haven't got, raises a TypeError too. Who catches
# OAuth2Error catches none of them.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check oauthlib==4.0.1
cd "$folder"

cat >expected <<'EOF'
oauthlib 4.0.1
fewer scopes: Warning: Scope has changed
no scopes: access_token=made-up, then TypeError: 'NoneType' object is not iterable
error is null: TypeError: CustomOAuth2Error.__init__() missing 1 required positional argument: 'error'
is one of them an OAuth2Error: False
EOF
venv/bin/python - <<'EOF' | tee actual
import json

import oauthlib
from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error

print("oauthlib", oauthlib.__version__)
raised = []


def read(asked, **more):
    answer = json.dumps({"access_token": "made-up", "token_type": "Bearer", "expires_in": 3600, **more})
    return BackendApplicationClient("made-up").parse_request_body_response(answer, scope=asked)


def show(name, call):
    print(name, end=": ")
    try:
        call()
    except Exception as error:
        raised.append(error)
        print(f"{type(error).__name__}: {str(error).partition(' from ')[0]}")


def read_without_scopes():
    token = read(None)
    print("access_token=" + token["access_token"], end=", then ")
    print(token.scopes)


show("fewer scopes", lambda: read(["b", "a"], scope="a"))
show("no scopes", read_without_scopes)
show("error is null", lambda: read(None, error=None))
print("is one of them an OAuth2Error:", any(isinstance(error, OAuth2Error) for error in raised))
EOF
diff expected actual
