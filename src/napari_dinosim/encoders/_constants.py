"""The built-in encoder's constants: the same for every image.

Measured once by ``python benchmarks/builtin_quality.py --measure`` (function ``measure_constants``), without labels,
over the images that it lists from inside scikit-image 0.26, each as shipped and with equalised grey levels. The weights
were chosen by hand on the ``"tune"`` crops of that benchmark.
"""

from __future__ import annotations

CENTRES: dict[str, tuple[float, ...]] = {
    "fine": (
        0.20052,
        0.24768,
        0.20966,
        0.28223,
        0.35839,
        0.32123,
        0.26711,
        0.29431,
        0.30203,
        0.45572,
    ),
    "wide": (
        0.18551,
        0.23571,
        0.2548,
        0.33648,
        0.46887,
        0.34577,
        0.26463,
        0.24378,
        0.20755,
        0.40396,
        0.20833,
        0.25182,
        0.26129,
        0.33431,
        0.43998,
        0.32946,
        0.26218,
        0.25853,
        0.2248,
        0.39835,
    ),
    "contrast": (-3.8747,),
    "energies": (
        -0.04653,
        -0.03118,
        0.02872,
        0.04899,
    ),
    "anisotropy": (
        0.06294,
        0.08075,
        0.09989,
        0.11171,
        0.01718,
        0.02222,
        0.0327,
        0.04262,
    ),
    "orientation": (
        0.00547,
        0.00264,
        -0.00344,
        0.00156,
        0.00085,
        -0.00477,
        -0.00545,
        -0.00604,
    ),
    "colours": (
        0.0,
        0.0,
        0.0,
        0.0,
    ),
    "lightness": (
        0.48458,
        0.14656,
    ),
}
"""Mean of each measure; 0 for chroma, so that a grey image has none."""

SPREADS: dict[str, tuple[float, ...]] = {
    "fine": (
        0.01866,
        0.01852,
        0.01582,
        0.02327,
        0.04194,
        0.02534,
        0.01804,
        0.01866,
        0.03319,
        0.03206,
    ),
    "wide": (
        0.01765,
        0.01984,
        0.01903,
        0.02409,
        0.04295,
        0.02438,
        0.01903,
        0.01863,
        0.02901,
        0.03126,
        0.02899,
        0.03011,
        0.02921,
        0.03601,
        0.0535,
        0.03608,
        0.02979,
        0.03069,
        0.03576,
        0.0433,
    ),
    "contrast": (0.11807,),
    "energies": (
        0.07129,
        0.04144,
        0.04731,
        0.08497,
    ),
    "anisotropy": (
        0.03079,
        0.0402,
        0.05208,
        0.05601,
        0.00799,
        0.00999,
        0.0147,
        0.01956,
    ),
    "orientation": (
        0.03532,
        0.04543,
        0.05798,
        0.06312,
        0.02951,
        0.03931,
        0.0477,
        0.05278,
    ),
    "colours": (
        0.03608,
        0.04478,
        0.02273,
        0.02802,
    ),
    "lightness": (
        0.06891,
        0.03965,
    ),
}
"""Root mean square difference of each measure between patches two apart, over √2: what varies within a texture."""

LENGTHS: dict[str, float] = {
    "fine": 11.59485,
    "wide": 11.39237,
    "contrast": 3.3516,
    "energies": 5.16912,
    "anisotropy": 5.23174,
    "orientation": 4.95333,
    "colours": 8.66429,
    "lightness": 3.81263,
}
"""Root mean square length of each block, once centred and spread."""

WEIGHTS: dict[str, float] = {
    "fine": 1.2,
    "wide": 0.6,
    "contrast": 0.1,
    "energies": 0.15,
    "anisotropy": 0.5,
    "orientation": 0.25,
    "colours": 1.5,
    "lightness": 0.4,
}
"""Influence of each block, relative to its length."""
