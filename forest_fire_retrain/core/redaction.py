"""Secrets taken out of text before it is shown, logged or kept.

Rules
-----
- Who and with which password, before the `@` of an address (RFC 3986, 3.2.1): all of it, up to the last `@`, so that a
  `/`, `@` or `%` in a password hides nothing of it. An address that was taken for a path has one `/` left of two.
- Values of parameters whose names say that they grant access: signatures, tokens, keys, passwords; in an address or in
  any `name=value`.
- What can be told by its form alone: ids of AWS keys, tokens of GitHub, JSON Web Tokens, `Bearer` and `Basic`, private
  keys in PEM.
- Values that are known to be secret, wherever they stand as a word of their own.
- Where it is not clear whether something is secret, it is. Text without any of this stays as it is, and what was
  redacted once does not change again.
"""

import re
from collections.abc import Collection, Mapping

REDACTED = "***"
SHORTEST_SECRET = 4
SHORTEST_VARIABLE = 6

ADDRESS = re.compile(r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.\-]{0,30}://)(?!/)(?P<who>[^\s'\"<>]{0,2048})@")
AS_PATH = re.compile(
    r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.\-]{1,30}:/)(?!/)(?P<who>[^\s'\"<>:/@]{1,200}:[^\s'\"<>]{1,2048})@"
)
HOST = re.compile(r"(?:(?:[A-Za-z0-9\-]{1,63}\.){1,9}[A-Za-z0-9\-]{1,63}|localhost|\[[0-9A-Fa-f:]+\])/")
GRANTING = (
    r"(?<![\w.\-])(?:[\w.\-]{0,60}(?:signature|token|password|passwd|secret|credential|api[_-]?key|secret[_-]?key|"
    r"access[_-]?key(?:[_-]?id)?|account[_-]?key|shared[_-]?key)|(?:[\w.\-]{0,60}[_\-])?(?:pwd|sig|sas|auth|passphrase))"
)
VALUE = r"(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^\s&;,'\"<>#)\]}]+)"
PARAMETER = re.compile(rf"(?i)(?P<name>{GRANTING}[\"']?\s?=\s?){VALUE}")
IN_JSON = re.compile(rf"(?i)(?P<name>{GRANTING}[\"']\s?:\s?)(?P<value>\"[^\"\n]*\"|'[^'\n]*')")
BY_FORM = re.compile(
    r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}\b|\bgithub_pat_\w{20,}"
    r"|\beyJ[\w\-]{8,}\.[\w\-]{8,}\.[\w\-]*"
    r"|(?<=\bBearer )[\w.~+/\-]{8,}=*|(?<=\bBasic )[A-Za-z0-9+/]{8,}=*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})")
SECRET_VARIABLE = re.compile(
    r"(?i)(?:PASSWORD|PASSWD|SECRET|TOKEN|ACCESS_KEY|ACCESS_KEY_ID|ACCOUNT_KEY|API_KEY|SECRET_KEY|SAS|SIGNATURE|CONNECTION_STRING)$"
)
HINTS = (":/", "=", "AKIA", "ASIA", "AROA", "AIDA", "gh", "eyJ", "Bearer ", "Basic ", "-----BEGIN", '":', "':")


def redact(text: str, secrets: Collection[str] = ()) -> str:
    """`text` without secrets, `***` in their place.

    Parameters
    ----------
    text : str
        What would be shown.
    secrets : collection of str
        Values known to be secret, see `secrets_in` and `secrets_of`.
    """
    if any(hint in text for hint in HINTS):
        text = ADDRESS.sub(_without_who, text)
        text = AS_PATH.sub(_without_who, text)
        text = PARAMETER.sub(_without_value, text)
        text = IN_JSON.sub(_without_value, text)
        text = BY_FORM.sub(REDACTED, text)
    for secret in sorted(secrets, key=len, reverse=True):
        if secret in text:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", REDACTED, text)
    return text


def redact_tree(value: object, secrets: Collection[str] = ()) -> object:
    """The same of every text in mappings, lists and tuples; all else as it is."""
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, Mapping):
        return {key: _of_entry(key, held, secrets) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [redact_tree(item, secrets) for item in value]
    return value


def secrets_in(text: str) -> set[str]:
    """The passwords and granting values that stand in addresses in `text`, as written and decoded."""
    found: set[str] = set()
    for match in ADDRESS.finditer(text):
        if _names_who(match["who"]):
            user, _, password = match["who"].partition(":")
            found |= {password} - {user} if password else {user}
    found |= {match["value"].strip("\"'") for match in PARAMETER.finditer(text)}
    found |= {_decoded(secret) for secret in found}
    return {secret for secret in found if len(secret) >= SHORTEST_SECRET and secret != REDACTED}


def secrets_of(environment: Mapping[str, str]) -> set[str]:
    """The secrets in variables: those whose names say so, and those within addresses."""
    named = {
        value
        for name, value in environment.items()
        if SECRET_VARIABLE.search(name) and len(value) >= SHORTEST_VARIABLE and not value.isdigit()
    }
    return named.union(*(secrets_in(value) for value in environment.values() if "://" in value))


def is_secret_name(name: str) -> bool:
    """Whether the name of a variable or setting says that its value is secret."""
    return SECRET_VARIABLE.search(name) is not None


def unless_secret(error: BaseException, secrets: Collection[str] = ()) -> BaseException | None:
    """`error`, to be kept as a cause, which ends up in logs; `None` if it or what it was made of says a secret."""
    beneath, said = error.__cause__ or error.__context__, str(error)
    is_told = redact(said, secrets) == said and (beneath is None or unless_secret(beneath, secrets) is not None)
    return error if is_told else None


def _of_entry(key: object, held: object, secrets: Collection[str]) -> object:
    if isinstance(held, str) and held and is_secret_name(str(key)):
        return REDACTED
    return redact_tree(held, secrets)


def _without_who(match: re.Match[str]) -> str:
    return f"{match['scheme']}{REDACTED}@" if _names_who(match["who"]) else match[0]


def _without_value(match: re.Match[str]) -> str:
    quote = match["value"][0] if match["value"][:1] in ('"', "'") else ""
    return f"{match['name']}{quote}{REDACTED}{quote}"


def _decoded(text: str) -> str:
    """`text` with the bytes that `%` and two hexadecimal digits stand for (RFC 3986, 2.1)."""
    in_bytes = text.encode("utf-8", "surrogateescape")
    return ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), in_bytes).decode("utf-8", "replace")


def _names_who(before: str) -> bool:
    """Whether what stands before an `@` names who asks; a host and a path before the `@` do not."""
    return bool(before) and HOST.match(before) is None
