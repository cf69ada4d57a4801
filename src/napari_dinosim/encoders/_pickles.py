"""What the pickle inside a torch file asks for, told without unpickling it.

torch's weights-only reader runs no foreign code, but some of what it calls takes memory by a number alone:
``FloatStorage(n)``, ``Tensor(n)``, ``bytearray(n)``. So the pickle is walked first, opcode by opcode, with stand-ins on
the stack, and only what ``torch.save`` writes for a state dict is let through.
"""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, Final, NoReturn

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

FUNCTIONS: Final = ("collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter")
"""All that may be called."""

SIZES: Final = {"Bool": 1, "Byte": 1, "Char": 1, "BFloat16": 2, "Half": 2, "Short": 2, "Float": 4, "Int": 4, "Long": 8}
STORAGES: Final = {f"torch {kind}Storage": size for kind, size in {**SIZES, "Double": 8, "ComplexFloat": 8}.items()}
"""Bytes of a number by kind of storage: never called, only named where the values in the file are referred to."""

DTYPES: Final = frozenset(f"torch {name}" for name, value in vars(torch).items() if isinstance(value, torch.dtype))


@dataclass(frozen=True, slots=True)
class _Thing:
    """Stands for a list, dict, ordered dict or tensor, a name and its text, or a storage and its count of numbers."""

    kind: str
    detail: str | int = ""


CONSTANTS: Final = {
    "NONE": None, "NEWTRUE": True, "NEWFALSE": False,
    "EMPTY_TUPLE": (), "EMPTY_LIST": _Thing("list"), "EMPTY_DICT": _Thing("dict"),
}  # fmt: skip


def check_pickle(pickled: bytes, records: Mapping[str, int]) -> None:
    """Refuse a pickle that asks for more than names, numbers, dicts, lists, tuples and the tensors of its file.

    Parameters
    ----------
    pickled : bytes
    records : mapping of str to int
        Bytes that the file holds for each storage, by its key.

    Raises
    ------
    pickle.UnpicklingError
        Saying what it asks for; ``ValueError`` or ``LookupError`` if it is damaged.
    """
    walk = _Walk(records)
    for opcode, argument, _ in pickletools.genops(pickled):
        walk.step(opcode.name, argument)


class _Walk:
    """The stack, the marks and the memo of an unpickler, with stand-ins for what would be made."""

    def __init__(self, records: Mapping[str, int]) -> None:
        self.records = records
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def step(self, code: str, argument: Any) -> None:
        """Follow one opcode, or refuse it."""
        match code:
            case "PROTO" | "STOP":
                pass
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = self.stack[-1]
            case "MARK":
                self.below.append(self.stack)
                self.stack = []
            case "APPEND" | "SETITEM" | "APPENDS" | "SETITEMS" | "BUILD":
                self.put(code)
            case _:
                made = self.made(code, argument)  # first: it may bring back another stack
                self.stack.append(made)

    def made(self, code: str, argument: Any) -> Any:
        """Take what an opcode takes from the stack, and return what it puts there."""
        match code:
            case "BINUNICODE" | "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT":
                return argument
            case "NONE" | "NEWTRUE" | "NEWFALSE" | "EMPTY_TUPLE" | "EMPTY_LIST" | "EMPTY_DICT":
                return CONSTANTS[code]
            case "TUPLE":
                return tuple(self.since_mark())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                return tuple([self.stack.pop() for _ in range(int(code[-1]))][::-1])
            case "BINGET" | "LONG_BINGET":
                return self.memo[argument]
            case "GLOBAL" if argument in FUNCTIONS or argument in STORAGES or argument in DTYPES:
                return _Thing("name", argument)
            case "BINPERSID":
                return self.storage(self.stack.pop())
            case "REDUCE":
                arguments = self.stack.pop()
                return _called(self.stack.pop(), arguments)
        _refuse(argument.replace(" ", ".") if code == "GLOBAL" else f"opcode {code}")

    def since_mark(self) -> list[Any]:
        """Take what was put on the stack since the last mark."""
        items, self.stack = self.stack, self.below.pop()
        return items

    def put(self, code: str) -> None:
        """Put things into a list or dict, or attributes on an ordered dict."""
        items = self.since_mark() if code.endswith("S") else [self.stack.pop()]
        keys = items[::2] if code == "SETITEMS" else [self.stack.pop()] if code == "SETITEM" else []
        match code, self.stack[-1]:
            case (("APPEND" | "APPENDS"), _Thing("list")):
                return
            case (("SETITEM" | "SETITEMS"), _Thing("dict" | "ordered dict")):
                if all(isinstance(key, str | int | float | None) for key in keys):
                    return  # to hash tuples of tuples of … could take for ever
            case "BUILD", _Thing("ordered dict") if items == [_Thing("dict")]:
                return
        _refuse(f"opcode {code} where no state dict has it")

    def storage(self, key: Any) -> _Thing:
        """Stand for the values in the file that a persistent id names."""
        match key:
            case ("storage", _Thing("name", str(kind)), str(record), str(), int(count)) if kind in STORAGES:
                if 0 <= count * STORAGES[kind] <= self.records.get(record, 0):
                    return _Thing("storage", count)
        _refuse("a storage that the file does not hold")


def _called(function: Any, arguments: Any) -> _Thing:
    """Stand for what a function returns."""
    match function, arguments:
        case _Thing("name", "collections OrderedDict"), ():
            return _Thing("ordered dict")
        case _Thing("name", "torch._utils _rebuild_parameter"), (_Thing("tensor"), bool(), _Thing("ordered dict")):
            return _Thing("tensor")
        case (
            _Thing("name", "torch._utils _rebuild_tensor_v2"),
            (_Thing("storage", int(count)), int(offset), tuple(shape), tuple(strides), bool(), _Thing("ordered dict")),
        ):
            whole = all(isinstance(number, int) and number >= 0 for number in (offset, *shape, *strides))
            if whole and (0 in shape or offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) < count):
                return _Thing("tensor")
            _refuse("a tensor that its storage does not hold")
    _refuse(f"a call of {str(getattr(function, 'detail', '')).replace(' ', '.') or 'no function'}")


def _refuse(what: str) -> NoReturn:
    raise UnpicklingError(what)
