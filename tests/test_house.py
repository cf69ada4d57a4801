"""The rules of the house, as far as ruff and mypy cannot tell them."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_dinosim

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "napari_dinosim"
SOURCES = sorted(PACKAGE.rglob("*.py"))

FLOORS = (
    ("errors", "units", "grid", "planes", "prompts", "resampling", "outlines", "regions"),
    ("image", "intensity", "composition", "sampling", "pyramid", "similarity", "blocks"),
    ("mosaic", "representatives"),
    ("embeddings", "states"),
    ("encoders", "positional", "samples", "figure", "export", "ranking", "frozen"),
    ("partial", "tiling", "cost", "analysis"),
    ("embedding", "engine", "store", "loading", "cache"),
    ("plan", "underway", "querying", "scoring", "previewing", "reckoning"),
    ("schedule", "answers"),
    ("session",),
    ("records", "panels"),
    ("cli", "demo", "_napari"),
)
"""The rooms of the package from the ground up: each imports its own floor and those below, none above."""

FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
TOP_FLOOR = len(FLOORS) - 1

HEAVY = {"torch", "timm", "napari", "qtpy", "PyQt6", "PySide6", "magicgui", "superqt", "skimage", "matplotlib"}
"""What importing the package must not load."""

IMPORT_SECONDS = 0.2
FILE_LINES = 300
WIDGET_LINES = 200
FUNCTION_LINES = 60


def tree_of(source: Path) -> ast.Module:
    return ast.parse(source.read_text(encoding="utf-8"))


def name_of(source: Path) -> str:
    return source.relative_to(ROOT).as_posix()


def module_of(source: Path) -> list[str]:
    parts = list(source.relative_to(PACKAGE.parent).with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts


def imported_modules(source: Path) -> list[tuple[int, list[str]]]:
    """Line and dotted name, in parts, of everything imported; of ``from a import b`` it is ``a.b``."""
    package = module_of(source) if source.name == "__init__.py" else module_of(source)[:-1]
    found = []
    for node in ast.walk(tree_of(source)):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            found += [(node.lineno, [*base, alias.name]) for alias in node.names]
    return found


def floor_of_import(parts: list[str]) -> int:
    """Floor of an imported module of ours; the public names of the package stand on the top floor."""
    if parts == ["napari_dinosim", "__version__"]:
        return 0
    return FLOOR_OF.get(parts[1], TOP_FLOOR) if len(parts) > 1 else TOP_FLOOR


def files_of_the_project() -> list[Path]:
    """Tracked files; where git cannot say (an unpacked sdist), all files of the project's own folders."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode == 0:
        return [path for name in listing.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]
    folders = [ROOT / folder for folder in ("src", "tests", "docs", "benchmarks", "tools", ".ci", ".github")]
    inside = [path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts]
    return [path for path in [*ROOT.iterdir(), *inside] if path.is_file() and path.suffix != ".pyc"]


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(PACKAGE / "napari.yaml")


def test_import_is_light_and_quick():
    code = (
        "import sys, time; start = time.perf_counter(); import napari_dinosim; took = time.perf_counter() - start; "
        f"print(took, *sorted({HEAVY} & {{name.split('.')[0] for name in sys.modules}}))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(3)
    ]
    assert runs[0][1:] == []
    assert min(float(run[0]) for run in runs) < IMPORT_SECONDS


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_file_is_short(source):
    lines = len(source.read_text(encoding="utf-8").splitlines())
    most = WIDGET_LINES if source.name == "widget.py" else FILE_LINES
    assert lines <= most, f"{name_of(source)} has {lines} lines, at most {most} are wanted. Split it."


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_functions_are_short(source):
    long = [
        f"{name_of(source)}:{node.lineno} {node.name}: {length} lines, at most {FUNCTION_LINES} are wanted"
        for node in ast.walk(tree_of(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert not long


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_nothing_is_printed(source):
    printing = [
        f"{name_of(source)}:{node.lineno}"
        for node in ast.walk(tree_of(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not printing


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_imports_run_one_way(source):
    room = (module_of(source)[1:] or [""])[0]
    if not room:  # the package itself hands out the public names, lazily
        return
    assert room in FLOOR_OF, f"{room} stands on no floor: give it one in FLOORS."
    upward = [
        f"{name_of(source)}:{line} imports {'.'.join(parts)} from a floor above"
        for line, parts in imported_modules(source)
        if parts[0] == "napari_dinosim" and floor_of_import(parts) > FLOOR_OF[room]
    ]
    assert not upward


def test_no_path_of_one_machine_is_written_anywhere():
    private = re.compile(rb"(?<![\w.~])/(work|root|home|Users)/[\w<$]")
    found = [
        f"{name_of(path)}: {match.group().decode()}"
        for path in files_of_the_project()
        if (match := private.search(path.read_bytes())) and path.suffix not in {".png", ".npy", ".npz", ".tif"}
    ]
    assert not found


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/development.md"])
def test_commands_that_are_told_exist(page):
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL))
    told = {*re.findall(r"^\s*make ([a-z-]+)", blocks, re.MULTILINE), *re.findall(r"`make ([a-z-]+)", text)}
    assert {"demo", "test"} <= told
    assert told <= targets


def test_manifest_has_the_name_of_the_distribution(manifest):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert manifest.name == project["name"]
    assert project["entry-points"]["napari.manifest"] == {project["name"]: "napari_dinosim:napari.yaml"}


def test_manifest_is_linked_at_the_top():
    link, manifest_file = ROOT / "napari.yaml", PACKAGE / "napari.yaml"
    if link.is_symlink():
        assert link.resolve() == manifest_file.resolve()
    else:  # where links cannot be: their target as text (git on Windows), or a copy (an unpacked sdist)
        assert link.read_text(encoding="utf-8").strip() in (
            manifest_file.relative_to(ROOT).as_posix(),
            manifest_file.read_text(encoding="utf-8").strip(),
        )


def test_every_python_name_of_the_manifest_resolves(manifest):
    commands = manifest.contributions.commands or []
    assert commands
    for command in commands:
        module, _, attribute = command.python_name.partition(":")
        assert callable(getattr(import_module(module), attribute)), command.id


def test_every_public_name_is_documented():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^::: napari_dinosim\.(?:\w+\.)*(\w+)$", page, re.MULTILINE))
    assert set(napari_dinosim.__all__) - {"__version__"} <= told


def test_version_is_told_once_in_each_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert napari_dinosim.__version__ == project["version"]
    assert f"## [{project['version']}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
