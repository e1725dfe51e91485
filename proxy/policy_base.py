"""What all parts of a policy have in common: they are strict and never change, and addresses look alike."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr

SECRET_CHARACTERS = 16

_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/]+):[0-9]{1,5}")


class Strict(BaseModel):
    """A part of a policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def is_host(name: str) -> bool:
    """Say whether a name can be looked up at all: one with an empty label, as in `a..b`, can't."""
    try:
        return bool(name.encode("idna"))
    except UnicodeError:
        return False


def _address(value: str) -> str:
    good = _ADDRESS.fullmatch(value) and is_host(split_address(value)[0])
    if not good or split_address(value)[1] > 65535:
        raise ValueError("should be HOST:PORT, for example 127.0.0.1:8001 or [::1]:8001")
    return value


def split_address(address: str) -> tuple[str, int]:
    """Return the host, without the brackets of IPv6, and the port of a checked HOST:PORT."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def base_url(value: str, *, like: str, instead: str) -> str:
    """Return an http or https URL without a slash at its end.

    Raises:
        ValueError: it is none, as `like` is one; or it holds what belongs elsewhere, as `instead` says.
    """
    url = urlsplit(value)
    try:
        port = url.port or 80
    except ValueError:
        port = 0
    if url.scheme not in ("http", "https") or not is_host(url.hostname or "") or not port:
        raise ValueError(f"should be a URL like {like}")
    if url.username or url.password or url.query or url.fragment:
        raise ValueError(f"should hold no credentials, query or fragment: {instead}")
    return value.rstrip("/")


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < SECRET_CHARACTERS:
        raise ValueError(f"should have {SECRET_CHARACTERS} characters or more")
    return secret


def _not_empty(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().strip():
        raise ValueError("should not be empty; without api_key everyone is let in")
    return secret


Address = Annotated[str, AfterValidator(_address)]
Secret = Annotated[SecretStr, AfterValidator(_long_enough)]
# What callers of midrank's own ports send.
CallersKey = Annotated[SecretStr, AfterValidator(_not_empty)]
