"""The comparison of encoders: planted colours are told apart without fault, noise is not, faults are told."""

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import io

from napari_dinosim.errors import UnknownEncoderError, WeightsNotFoundError
from napari_dinosim.grid import PatchGrid
from planted import MeanColourEncoder

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
if str(BENCHMARKS) not in sys.path:
    sys.path.append(str(BENCHMARKS))  # its scripts import each other by their plain names
labelled, ranking, measuring = (importlib.import_module(name) for name in ("labelled", "ranking", "measuring"))

COLOURS = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=np.uint8)
CPU = torch.device("cpu")
TINY = "test_vit"
"""An architecture that timm keeps for its own tests."""


@pytest.fixture(scope="module")
def script():
    """``encoders.py``, not to be taken for the folder of tests of that name."""
    spec = importlib.util.spec_from_file_location("benchmark_encoders", BENCHMARKS / "encoders.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def labels_of_blocks(kinds, side=16):
    return np.repeat(np.repeat(np.array(kinds), side, axis=0), side, axis=1).astype(np.int64)


def planted_set(*planes):
    """Images whose colour is their label's."""
    images = [labelled.LabelledImage(COLOURS[labels_of_blocks(kinds)], labels_of_blocks(kinds)) for kinds in planes]
    return labelled.ImageSet("planted", tuple(lambda image=image: image for image in images))


# What is measured


def test_planted_colours_are_told_apart_across_images():
    images = planted_set([[1, 2, 2], [3, 1, 3]], [[2, 3], [1, 2], [1, 3]])
    patches = ranking.embed_set(images, MeanColourEncoder(), str)
    assert patches.lengths == (6, 6)
    assert patches.per_second > 0
    quality = ranking.rank_patches(patches, 9, seed=0)
    assert (quality.auroc, quality.ap, quality.iou) == (ranking.Score(1.0, 0.0),) * 3
    assert (quality.queries, quality.patches) == (9, 12)
    assert quality.share == pytest.approx(3 / 11)  # 4 patches of each colour, one of them queried


def test_the_other_patch_of_a_label_may_lie_in_another_image():
    patches = ranking.embed_set(planted_set([[1, 2, 2]], [[3, 1, 3]]), MeanColourEncoder(), str)
    assert ranking.rank_patches(patches, 50, seed=0).ap.mean == 1.0


def test_noise_is_guessing():
    labels = np.random.default_rng(0).integers(1, 4, 1200)
    vectors = torch.nn.functional.normalize(torch.randn(1200, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    quality = ranking.rank_patches(ranking.Patches(vectors, labels, (600, 600), 1.0), 50, seed=0)
    assert quality.auroc.mean == pytest.approx(0.5, abs=0.02)
    assert quality.ap.mean == pytest.approx(quality.share, abs=0.03)
    assert quality.iou.mean == pytest.approx(quality.share, abs=0.03)
    assert 0 < quality.auroc.error < 0.01


def test_maps_are_stretched_per_image_before_one_threshold_is_put_to_all(monkeypatch):
    monkeypatch.setattr(ranking, "choose_queries", lambda *_: np.array([0]))
    cosines = torch.tensor([1.0, 0.7, -1.0, 0.5, 0.2, 0.0])  # with patch 0; three patches in each of two images
    vectors = torch.stack([cosines, (1 - cosines**2).sqrt()], dim=1)
    patches = ranking.Patches(vectors, np.array([1, 2, 2, 1, 2, 2]), (3, 3), 1.0)
    quality = ranking.rank_patches(patches, 1, seed=0)
    assert quality.ap.mean == 0.5  # patch 3 is second by its cosine
    assert quality.iou.mean == 1.0  # and first once 0.5 is the most of its image


def test_best_iou_equals_trying_every_threshold():
    random = np.random.default_rng(1)
    scores = random.integers(0, 6, 40) / 5  # many are equal
    positive = random.random(40) < 0.3
    tried = [(positive & (scores >= t)).sum() / (positive | (scores >= t)).sum() for t in np.unique(scores)]
    assert ranking.best_iou(scores, positive) == max(tried)


def test_a_patch_has_the_label_of_60_percent_of_it():
    labels = np.full((16, 47), 2)
    flat = labels[:, :16].reshape(-1).copy()
    flat[:154] = 5  # 60.2 %
    labels[:, :16] = flat.reshape(16, 16)
    flat[153] = 2  # 59.8 %
    labels[:, 16:32] = flat.reshape(16, 16)
    assert ranking.patch_labels(labels, PatchGrid(16, 47, 16)).tolist() == [[5, -1, 2]]
    assert ranking.patch_labels(labels[:9, 32:], PatchGrid(9, 15, 16)).tolist() == [[-1]]  # the padding counts


def test_queries_are_drawn_evenly_and_never_from_the_background():
    labels = np.array([0] * 50 + [1] * 40 + [2] * 3 + [3] + [-1] * 6)
    drawn = labels[ranking.choose_queries(labels, 10, seed=0)]
    assert sorted(drawn.tolist()) == [1] * 7 + [2] * 3  # 3 has no second patch
    assert len(set(ranking.choose_queries(labels, 10, seed=0))) == 10
    assert (ranking.choose_queries(labels, 10, 4) == ranking.choose_queries(labels, 10, 4)).all()


@pytest.mark.parametrize("kinds", [[0, 0, 0, 1], [1, 1, 1, -1], [-1, -1]])
def test_nothing_to_query_is_told(kinds):
    with pytest.raises(labelled.DataError, match="expected at least two patches of one label"):
        ranking.choose_queries(np.array(kinds), 5, seed=0)


# Images and masks


def save(file, array):
    file.parent.mkdir(exist_ok=True)
    io.imsave(file, array, check_contrast=False)


def test_masks_beside_images(tmp_path):
    labels = labels_of_blocks([[0, 1, 2]])
    save(tmp_path / "a.png", COLOURS[labels])
    save(tmp_path / "a_mask.tif", labels.astype(np.uint16))
    save(tmp_path / "b.jpg", COLOURS[labels])
    save(tmp_path / "b_mask.png", np.stack([labels.astype(np.uint8)] * 3, axis=-1))  # grey saved as RGB
    save(tmp_path / "c.png", COLOURS[labels])  # without a mask: left out
    numbered = Image.fromarray(labels.astype(np.uint8))
    numbered.putpalette([90, 90, 90, 20, 20, 20, 255, 255, 255])
    numbered.save(tmp_path / "d_mask.png")
    numbered.save(tmp_path / "d.png")
    images = labelled.read_folder(tmp_path)
    assert images.name == tmp_path.name
    assert [read().labels.tolist() for read in images.images] == [labels.tolist()] * 3
    assert np.unique(images.images[2]().image).tolist() == [20, 90, 255]  # an image's palette counts, a mask's not


@pytest.mark.parametrize("suffix", ["", "_mask"])
def test_masks_in_a_folder_of_their_own(tmp_path, suffix):
    labels = labels_of_blocks([[0, 3, 7]])
    save(tmp_path / "images" / "a.tif", labels.astype(np.uint16))
    save(tmp_path / "masks" / f"a{suffix}.png", labels.astype(np.uint8))
    (ignoring,) = labelled.read_folder(tmp_path, ignored=[3]).images
    (counting,) = labelled.read_folder(tmp_path, objects=True).images
    assert np.unique(ignoring().labels).tolist() == [-1, 0, 7]
    assert np.unique(counting().labels).tolist() == [0, 1]


def test_a_mask_of_another_size_is_told_with_both_shapes(tmp_path):
    save(tmp_path / "a.png", np.zeros((20, 30, 3), np.uint8))
    save(tmp_path / "a_mask.png", np.zeros((30, 20), np.uint8))
    with pytest.raises(labelled.DataError, match=r"'a_mask\.png': found shape \(30, 20\), expected \(20, 30\)"):
        labelled.read_folder(tmp_path)


def test_unusable_files_are_told(tmp_path):
    with pytest.raises(labelled.DataError, match=r"no pair, expected NAME\.png"):
        labelled.read_folder(tmp_path)
    with pytest.raises(labelled.DataError, match="folder: found none at"):
        labelled.read_folder(tmp_path / "none")
    save(tmp_path / "a.png", np.zeros((5, 7), np.uint8))
    save(tmp_path / "a_mask.tif", np.full((5, 7), np.nan, np.float32))
    with pytest.raises(labelled.DataError, match="fractions or NaN"):
        labelled.read_folder(tmp_path)
    save(tmp_path / "a_mask.tif", np.zeros((5, 7), np.uint8))
    save(tmp_path / "a.tif", np.zeros((5, 7), np.complex64))
    with pytest.raises(labelled.DataError, match=r"'a\.tif': data type: found 'complex64'"):
        labelled.read_folder(tmp_path)
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(labelled.DataError, match=r"'a\.png': found no readable image"):
        labelled.read_folder(tmp_path)


def test_shipped_sets_have_labels_of_their_size():
    sets = labelled.shipped_sets(1)
    assert [len(images.images) for images in sets] == [1, 1, 1, 1]
    kinds = []
    for images in sets[1:]:  # the first one's labels are the second one's
        (image,) = (read() for read in images.images)
        assert image.labels.shape == image.image.shape[:2]
        kinds.append(np.unique(image.labels).tolist())
    assert kinds == [[1, 2, 3, 4, 5, 6, 7], [-1, 0, 1, 2], [-1, 0, 1]]


# The command


def test_an_encoder_without_weights_is_told_and_the_others_go_on(script, tmp_path, capsys, monkeypatch):
    def open_encoder(choice, *_):
        if choice == "planted":
            return MeanColourEncoder()
        raise WeightsNotFoundError(f"the weights of {choice!r} are not on this computer")

    monkeypatch.setattr(script, "open_encoder", open_encoder)
    labels = labels_of_blocks([[0, 1, 2], [1, 2, 0]])
    save(tmp_path / "data" / "a.png", (60 + COLOURS // 2)[labels])
    save(tmp_path / "data" / "a_mask.png", labels.astype(np.uint8))
    options = ["--encoder", "absent", "--encoder", "planted", "--device", "cpu", "--json", str(tmp_path / "all.json")]
    assert script.main([str(tmp_path / "data"), *options]) == script.SOME_FAILED
    out, err = capsys.readouterr()
    assert "absent: the weights of 'absent' are not on this computer" in err
    assert out.splitlines()[0].split(" | ")[1:4] == ["encoder", "        AUROC", "           AP"]
    assert out.splitlines()[2].startswith(
        "| data   | planted | 1.000 ± 0.000 | 1.000 ± 0.000 | 1.000 ± 0.000 | 0.200 |"
    )
    told = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert told["left_out"] == ["absent: the weights of 'absent' are not on this computer"]
    assert told["rows"][0]["identity"] == "mean-colour@1"
    assert told["rows"][0]["embedding_bytes"] == 6 * 3 * 4


def test_an_empty_folder_is_told(script, tmp_path, capsys):
    assert script.main([str(tmp_path)]) == script.WRONG_USE
    assert "expected NAME.png" in capsys.readouterr().err


def test_a_missing_scikit_learn_is_told_before_anything_slow(script, monkeypatch, capsys):
    monkeypatch.setattr(script, "find_spec", lambda _name: None)
    assert script.main([]) == script.WRONG_USE
    assert "pip install scikit-learn" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--random", TINY], "--random goes with --speed"),
        (["--speed", "--encoder", "builtin"], "--speed takes neither images nor encoders"),
        (["--queries", "0"], "at least 1"),
        (["--json", "absent/file.json"], "found no folder 'absent'"),
    ],
)
def test_options_that_do_not_go_together_are_told(script, options, told, capsys):
    with pytest.raises(SystemExit):
        script.main(options)
    assert told in capsys.readouterr().err


def test_encoders_are_opened_by_name_or_file(script, tmp_path):
    assert script.open_encoder("builtin", CPU, "auto").identity.startswith("builtin@")
    for choice in (f"dinov3_vits16={tmp_path / 'absent.pth'}", f"={tmp_path / 'absent.pth'}"):
        with pytest.raises(WeightsNotFoundError, match=r"absent\.pth"):
            script.open_encoder(choice, CPU, "auto")


def test_one_query_has_no_error(script):
    assert script._told(ranking._score(np.array([0.25]))) == "0.250"
    assert script.plain({"scores": {"error": float("nan")}}) == {"scores": {"error": None}}


# Speed and memory


def test_random_weights_are_seeded():
    state = torch.get_rng_state()
    encoders = [measuring.random_encoder(TINY, CPU, "float32", seed) for seed in (3, 3, 4)]
    assert torch.equal(torch.get_rng_state(), state)
    assert encoders[0].identity == encoders[1].identity != encoders[2].identity
    assert encoders[0].encode(torch.rand(1, 32, 48, 3)).shape[:3] == (1, 2, 3)
    with pytest.raises(UnknownEncoderError, match="no_such_vit"):
        measuring.random_encoder("no_such_vit", CPU)


def test_memory_peak_is_seen():
    with measuring.PeakMemory(CPU) as memory:
        held = torch.ones(16_000_000)
        while memory.peak < held.nbytes * 0.9:  # the next sample
            assert memory._thread.is_alive()
        del held


def test_speed_is_measured_with_random_weights(script, capsys, monkeypatch):
    monkeypatch.setattr(measuring, "ENOUGH_SECONDS", 0.0)
    options = ["--random", "no_such_vit", "--random", TINY, "--side", "70", "--side", "8", "--batch", "2"]
    assert script.main(["--speed", "--device", "cpu", *options]) == script.SOME_FAILED
    out, err = capsys.readouterr()
    head, _, *lines = out.splitlines()
    assert "patches/s" in head
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[:4] for row in cells] == [[TINY, precision, "64", "2"] for precision in ("float32", "bfloat16")]
    assert all(float(row[5]) > 0 for row in cells)
    assert "no_such_vit: encoder: found 'timm:no_such_vit'" in err
    assert err.count("found 8 pixels, expected at least one patch of 16") == 2


def test_speed_needs_few_packages():
    code = (
        f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); import encoders; "
        "print(*sorted({'napari', 'skimage', 'scipy', 'sklearn', 'qtpy', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
