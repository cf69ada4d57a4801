"""One way to write units."""

import pytest
from pint import get_application_registry

from napari_dinosim.units import GREEK, MICRO, symbol


class Greek:
    """A unit as some versions of pint write it."""

    def __format__(self, how: str) -> str:
        assert how == "~P"
        return f"{GREEK}m²"


@pytest.mark.parametrize("unit", [Greek(), get_application_registry().Unit("um^2")])
def test_micro_is_one_letter_whatever_pint_writes(unit):
    assert symbol(unit) == f"{MICRO}m²"
