"""Records ↔ JSON text; the errors name the field, what was found there and what was expected."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from napari_dinosim.errors import NewerRecordError, RecordError
from napari_dinosim.records.values import QUERY, SESSION, VERSION, QueryRecord, SessionRecord

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from pydantic_core import ErrorDetails

    Record = TypeVar("Record", SessionRecord, QueryRecord)

TITLES = {SessionRecord: (SESSION, "session file"), QueryRecord: (QUERY, "file of prompts")}
"""What each kind of file says it is, and what people call it."""

ENDINGS = ("null", "true", "false", "-")
"""What a file may end in the middle of, where it was cut off; or it ends before."""

LONGEST = 60
"""Characters of what was found that are told."""


def to_text(record: SessionRecord | QueryRecord) -> str:
    """Write a record as JSON, indented, ending with a line break.

    Raises
    ------
    RecordError
        If a text in it, such as the name of a file, is no Unicode.
    """
    try:
        return _adapter(type(record)).dump_json(record, indent=2).decode("utf-8") + "\n"
    except PydanticSerializationError as error:
        raise RecordError(
            f"record: found text that cannot be written ({error}), expected Unicode. Rename that file or layer."
        ) from None


def from_text(kind: type[Record], text: str, name: str = "") -> Record:
    """Read a record from JSON.

    Parameters
    ----------
    kind : type
        :class:`SessionRecord` or :class:`QueryRecord`.
    text : str
    name : str
        Of the file, for telling.

    Raises
    ------
    RecordError
        If it is no JSON, of another program, or a field is missing, unknown or not what it should be.
    NewerRecordError
        If a newer version of this program wrote it.
    """
    _check_kind(kind, _parsed(text, _called(kind, name)), name)
    try:
        found: Record = _adapter(kind).validate_json(text)
    except ValidationError as error:
        raise RecordError(_told(error, _called(kind, name))) from None
    return found


def _adapter(kind: Any) -> TypeAdapter[Any]:
    return _made_adapter(kind)


@cache
def _made_adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _called(kind: type[Any], name: str) -> str:
    return f"{TITLES[kind][1]} {name!r}" if name else TITLES[kind][1]


def _parsed(text: str, called: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        rest = text[error.pos :].strip()
        if any(word.startswith(rest) for word in ENDINGS) or error.msg.startswith("Unterminated"):
            raise RecordError(
                f"{called}: found only a part of it, {len(text)} characters, expected JSON to the end. "
                "It was cut off: take a copy of it, or save it anew."
            ) from None
        raise RecordError(
            f"{called}: found no JSON ({error.msg} in line {error.lineno}), expected JSON. Choose another file."
        ) from None
    except (ValueError, RecursionError):
        raise RecordError(f"{called}: found no JSON that can be read, expected JSON. Choose another file.") from None


def _check_kind(kind: type[Any], content: Any, name: str) -> None:
    """Refuse what another program, or a newer version of this one, wrote."""
    format_, called = TITLES[kind][0], _called(kind, name)
    found = content.get("format") if isinstance(content, dict) else None
    if found != format_:
        other = next((title for known, title in TITLES.values() if known == found), None)
        what = f"a {other}" if other else f"the format {_short(found)}" if found else "a file of another program"
        raise RecordError(f"{called}: found {what}, expected {format_!r} as its format. Choose another file.")
    version = content.get("version")
    if isinstance(version, int) and version > VERSION:
        by = content.get("written_by")
        writer = f" (napari-dinosim {by})" if isinstance(by, str) and by else ""
        raise NewerRecordError(
            f"{called}: found version {version} of the format{writer}, expected at most {VERSION}: a newer "
            "napari-dinosim wrote it. Update napari-dinosim to open it."
        )
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise RecordError(
            f"{called}: found version {_short(version)} of the format, expected a whole number from 1 to {VERSION}. "
            "Choose another file."
        )


def _told(error: ValidationError, called: str) -> str:
    first, *more = error.errors(include_url=False)
    others = f" {len(more)} more such faults." if len(more) > 1 else " One more such fault." if more else ""
    return f"{called}: {_fault(first)} Mend it, or choose another file.{others}"


def _fault(error: ErrorDetails) -> str:
    """Name the field, what was found and what was expected."""
    where = _path(error["loc"])
    if error["type"] == "json_invalid":  # what Python's reader takes, such as half of a character
        return f"found {error['msg'].removeprefix('Invalid JSON: ')}, expected JSON in Unicode."
    if error["type"] == "missing":
        return f"field {where}: found nothing, expected it to be there."
    if error["type"] == "unexpected_keyword_argument":
        return f"field {where}: found {_short(error['input'])}, expected no field of that name."
    if error["type"] == "value_error":
        own = str(error["ctx"]["error"])
        return f"field {where}: {own}" if where else own
    expected = error["msg"].removeprefix("Input should be ")
    return f"field {where}: found {_short(error['input'])}, expected {expected}."


def _path(parts: Sequence[int | str]) -> str:
    """``prompts[2].place.y``."""
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
