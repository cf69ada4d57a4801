"""The examples in docstrings say what happens."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "napari_dinosim"
MODULES = [
    ".".join(source.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for source in sorted(PACKAGE.rglob("*.py"))
    if ">>> " in source.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of(name):
    found = doctest.testmod(import_module(name))
    assert found.attempted
    assert not found.failed
