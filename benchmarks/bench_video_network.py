"""A network trained by injection on one film, frame by frame on others: accuracy where a classical background fails, and speed."""

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.table import Table
from benchmarks.timing import time_interleaved
from foreknow import L1, Component, Exact, Gaussian, Model, NuclearNorm
from foreknow.inject import Separator
from foreknow.inject.networks import Emits, Gate, PerFrame, Residual, UNet
from foreknow.learn import Examples, Injected, RandomFrames, RandomViews, Settings, Silent, export_onnx, fit
from foreknow.priors import PerEntryNuclearNorm
from foreknow.simulate.hall import Hall, View
from foreknow.solve import FusedRobustPCA

TITLE = "Injection: a network for single frames, trained on one film without labels"
SIZE, FRAMES = 256, 60
LOW, SPARSE = 0.02, 0.05
_VIEWS = {"same camera": None, "zoom 1.3": View(zoom=1.3), "camera moved": View(right=0.1, down=0.05)}
_NOTES = (
    f"""A simulated hall with people, {SIZE} x {SIZE}, noise 0.01. Learned from one film of 200 frames without labels: per-entry
    nuclear norm {LOW}, L1 {SPARSE}, S eliminated, forward-backward envelope; items of 8 frames seen in views of 128 x 128
    magnified 0.9 to 1.6. Tested on other films of {FRAMES} frames: other people and light, another zoom, the camera moved.""",
    f"""F1 over pixels against the true people; threshold {2 * SPARSE:g} for all. The network sees one frame at a time and nothing
    else. The subspace (4 vectors) and the median are those of the film that is learned from. Robust PCA works on the whole test
    film, whose frames it all needs, at its own cost.""",
    f"""Seconds: wall-clock a frame of {SIZE} x {SIZE}, medians, interleaved, one thread. Robust PCA: FusedRobustPCA to a certified
    gap of 1e-3, weights 1 and 1/{SIZE}, all frames at once.""",
)


def run(quick: bool) -> Table:
    hall = Hall(SIZE, SIZE)
    film = hall.film(40 if quick else 200, seed=1).y
    model = Model(
        low=Component(PerEntryNuclearNorm(LOW, event_dims=3)), sparse=Component(L1(SPARSE, event_dims=3)), noise=Gaussian(1.0)
    )
    network = _train(model, film, steps=10 if quick else 4000)
    separator = Separator(network, model.loss(eliminate="sparse"), steps=0)
    exact = Model(low=Component(NuclearNorm()), sparse=Component(L1(1 / SIZE, event_dims=2)), noise=Exact())
    median = film.median(dim=0).values
    kept = model.solve(film[::2], tolerance=1e-3)["low"]
    subspace = torch.linalg.svd(kept.flatten(1), full_matrices=False).Vh[:4]
    table = Table(["film", "method", "F1", "seconds a frame", "times faster than robust PCA"])
    for name, view in _VIEWS.items():
        test = hall.film(20 if quick else FRAMES, seed=2, view=view)
        with torch.inference_mode():
            alone = torch.cat([separator(frame)["sparse"] for frame in test.y.split(1)])
        known = (test.y.flatten(1) @ subspace.mT @ subspace).reshape(test.y.shape)
        whole = exact.solve(test.y.flatten(1).mT.contiguous(), algorithm=FusedRobustPCA(), tolerance=1e-3)["sparse"].mT
        found = {
            "network, frame by frame": alone,
            "subspace of the film learned from": test.y - known,
            "median of the film learned from": test.y - median,
            "robust PCA of the test film": whole.reshape(test.y.shape),
        }
        for method, moving in found.items():
            table.add(name, method, _f_score(moving.abs() > 2 * SPARSE, test.people), None, None)
    _speed(table, separator, exact, hall, quick=quick)
    table.notes += [" ".join(note.split()) for note in _NOTES]
    return table


def _train(model: Model, film: Tensor, steps: int) -> Emits:
    torch.manual_seed(0)
    network = Emits("low", Residual(PerFrame(Gate(UNet(2, 1, 2, (16, 32, 64), block=8)))))
    items = RandomViews(RandomFrames(Examples(film[None]), 8, items=2 * steps // 10), 128, 0.9, 1.6)
    settings = Settings(epochs=10, batch_size=2, learning_rate=1e-2)
    history = fit(network, Injected(model.loss(eliminate="sparse")), items, settings, progress=Silent())
    print(history, flush=True)
    network.eval()
    return network


def _speed(table: Table, separator: Separator, exact: Model, hall: Hall, *, quick: bool) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        some = hall.film(3, seed=9).y
        export_onnx(path, separator, [some[:1], some[:2]])
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        for frames in (20,) if quick else (FRAMES, 200):
            film = hall.film(frames, seed=3).y
            matrix = film.flatten(1).mT.contiguous()

            def robust(matrix: Tensor = matrix) -> None:
                exact.solve(matrix, algorithm=FusedRobustPCA(), tolerance=1e-3)

            def alone(film: Tensor = film) -> None:
                with torch.inference_mode():
                    for frame in film.split(1):
                        separator(frame)

            def ten(film: Tensor = film) -> None:
                with torch.inference_mode():
                    for part in film.split(10):
                        separator(part)

            def onnx(film: Tensor = film) -> None:
                for frame in film.split(1):
                    session.run(None, {"y": frame.numpy()})

            ways = {
                "robust PCA to 1e-3": robust,
                "network, single frames": alone,
                "network, ten frames at a time": ten,
                "network as ONNX, single frames": onnx,
            }
            for name, timing in time_interleaved(ways, repetitions=2 if quick else 5).items():
                table.add(f"{frames} frames", name, None, timing.median / frames, 1 / timing.ratio)


def _f_score(found: Tensor, true: Tensor) -> float:
    return float(2 * (found & true).sum() / (found.sum() + true.sum()).clamp_min(1))
