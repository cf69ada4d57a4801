"""What the documentation shows runs, and its table of encoders is the catalogue."""

import ast
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

import napari_dinosim

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))]


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def examples(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL)


def anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def run(page: str, **names: object) -> dict[str, object]:
    """Run all examples of a page, one after the other, as a reader would."""
    blocks = examples(page)
    assert blocks
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"{page}, example {number}", "exec"), names)
    return names


def test_readme_runs():
    names = run("README.md")
    assert names["heat"].shape == names["image_b"].shape[:2]
    assert names["heat"].max() == pytest.approx(1)


def test_scripting_runs(make_napari_viewer, capsys):
    viewer = make_napari_viewer()
    names = run("docs/scripting.md", viewer=viewer)
    assert names["best"] > 0.9
    assert names["same"] > 0.99
    assert names["cells"].grid.shape == (63, 93)
    assert names["heat"].shape == (500, 741)
    assert names["map_over_left"] is None
    told = capsys.readouterr().out
    assert "image b ready · best match 0.9" in told
    assert "expected 'dinov3_vits16'" in told


def test_examples_run_after_the_session_of_scripting(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = examples("docs/scripting.md")
    for block in (blocks[0], next(block for block in blocks if "SimilaritySession" in block)):
        exec(compile(block, "docs/scripting.md", "exec"), names)
    names["image"] = names["image_a"]
    results = {
        page: run(f"docs/{page}.md", **names)
        for page in ("features", "figures", "labels", "matches", "regions", "segment", "sessions", "undo")
    }
    matches = results["matches"]["matches"]
    assert [match.rank for match in matches] == [1, 2, 3]
    assert all((match.y - 330) ** 2 + (match.x - 152) ** 2 > 24**2 and match.score < 1 for match in matches)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.png", "points.json", "roots.svg", "session.json"]


@pytest.mark.parametrize("page", [page for page in PAGES if page not in ("README.md", "docs/scripting.md")])
def test_examples_use_what_there_is(page):
    """Examples that need downloaded weights or given images are not run; their names exist."""
    for block in examples(page):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "dinosim":
                assert hasattr(napari_dinosim, node.attr), node.attr
            elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("napari_dinosim"):
                found = __import__(node.module, fromlist=["_"])
                assert all(hasattr(found, alias.name) for alias in node.names), block


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.relative_to(ROOT).as_posix()), target


def test_table_of_encoders_is_the_catalogue():
    spec = spec_from_file_location("encoder_table", ROOT / "docs" / "encoder_table.py")
    encoder_table = module_from_spec(spec)
    spec.loader.exec_module(encoder_table)
    page = text_of("docs/encoders.md")
    assert encoder_table.updated(page) == page, "run python docs/encoder_table.py"
