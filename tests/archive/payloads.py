"""The payload of an event as the wire and as a line have it, written by template.

It is several times as fast as building messages; a test holds the results equal to the engine's.
Protobuf writes a text as its tag, its length and its bytes, and a message likewise. All that is
made up here is shorter than 128 bytes, where a length is one byte. So a payload is written as text
in which each character stands for a byte.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from eventdrain.events import quoted
from tests.archive.facts import (
    ConsentChange,
    CountryChange,
    FirstAttachment,
    HandsetChange,
    PeriodicCountry,
)

if TYPE_CHECKING:
    from tests.archive.facts import Payload

_ONE, _TWO, _THREE, _FOUR, _FIVE = (chr(number << 3 | 2) for number in range(1, 6))
"""The tags of fields 1 to 5 that hold a text or a message."""
_BYTES: Final = "latin-1"
"""The encoding in which each character is the byte of its number."""


def serialised(payload: Payload) -> bytes:
    """Write a payload as protobuf does.

    Args:
        payload: No text in it, and no message made of it, is longer than 127 bytes.
    """
    match payload:
        case HandsetChange(old_imei, old_version, imei, version, imsi, number):
            text = (
                _wire_handset(_ONE, old_imei, old_version)
                + _wire_handset(_TWO, imei, version)
                + _wire_value(_THREE, imsi)
                + _wire_value(_FOUR, number)
            )
        case CountryChange(old_code, old_name, code, name, number):
            text = (
                _wire_country(_ONE, old_code, old_name)
                + _wire_country(_TWO, code, name)
                + _wire_value(_THREE, number)
            )
        case FirstAttachment(number, imsi):
            text = _wire_value(_ONE, number) + _wire_value(_TWO, imsi)
        case PeriodicCountry(number, imsi, code, name):
            text = (
                _wire_value(_ONE, number)
                + _wire_value(_TWO, imsi)
                + _wire_country(_THREE, code, name)
            )
        case ConsentChange(added, updated, revoked, number, tenant):
            text = (
                _wire_scopes(_ONE, added)
                + _wire_scopes(_TWO, updated)
                + (_wire(_THREE, "") if revoked else "")
                + _wire_value(_FOUR, number)
                + ("" if tenant is None else _wire(_FIVE, tenant))
            )
    return text.encode(_BYTES)


def _wire(tag: str, content: str) -> str:
    return f"{tag}{chr(len(content))}{content}"


def _wire_value(tag: str, value: str | None) -> str:
    """Write a message of one text, such as an IMSI."""
    return "" if value is None else _wire(tag, _wire(_ONE, value))


def _wire_handset(tag: str, imei: str | None, version: str | None) -> str:
    if imei is None or version is None:
        return ""
    return _wire(tag, _wire(_ONE, _wire(_ONE, imei) + _wire(_TWO, version)))


@lru_cache(maxsize=256)  # there are few countries
def _wire_country(tag: str, code: str | None, name: str | None) -> str:
    if code is None or name is None:
        return ""
    return _wire(tag, _wire(_ONE, code) + _wire(_TWO, name.encode().decode(_BYTES)))


def _wire_scopes(tag: str, scopes: tuple[str, ...] | None) -> str:
    return "" if scopes is None else _wire(tag, "".join(_wire(_ONE, scope) for scope in scopes))


def json_text(payload: Payload) -> str:
    """Write a payload as a line has it."""
    match payload:  # each member begins with a comma, and the first comma goes
        case HandsetChange(old_imei, old_version, imei, version, imsi, number):
            members = (
                _json_handset("previous", old_imei, old_version)
                + _json_handset("current", imei, version)
                + f',"imsi":{{"value":"{imsi}"}}'
                + _json_number(number)
            )
        case CountryChange(old_code, old_name, code, name, number):
            members = (
                _json_country("previous", old_code, old_name)
                + _json_country("current", code, name)
                + _json_number(number)
            )
        case FirstAttachment(number, imsi):
            members = f'{_json_number(number)},"imsi":{{"value":"{imsi}"}}'
        case PeriodicCountry(number, imsi, code, name):
            members = (
                _json_number(number)
                + f',"imsi":{{"value":"{imsi}"}}'
                + _json_country("country", code, name)
            )
        case ConsentChange(added, updated, revoked, number, tenant):
            members = (
                _json_scopes("added", added)
                + _json_scopes("updated", updated)
                + (',"revoked":{}' if revoked else "")
                + _json_number(number)
                + ("" if tenant is None else f',"tenant":"{tenant}"')
            )
    return f"{{{members[1:]}}}"


def _json_number(number: str | None) -> str:
    return "" if number is None else f',"number":{{"e164":"{number}"}}'


def _json_handset(name: str, imei: str | None, version: str | None) -> str:
    if imei is None:
        return ""
    return f',"{name}":{{"imei_sv":{{"imei":"{imei}","software_version":"{version}"}}}}'


@lru_cache(maxsize=256)  # there are few countries
def _json_country(name: str, code: str | None, country: str | None) -> str:
    if country is None:
        return ""
    return f',"{name}":{{"code":"{code}","name":{quoted(country)}}}'


def _json_scopes(name: str, scopes: tuple[str, ...] | None) -> str:
    if scopes is None:
        return ""
    return f',"{name}":{{"scopes":[{",".join(map(quoted, scopes))}]}}'
