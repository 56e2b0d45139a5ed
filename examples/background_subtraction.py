"""Learn to take the background out of a film, from one film without labels; then do it in others, frame by frame.

    python examples/background_subtraction.py -o out            # some minutes on a laptop
    python examples/background_subtraction.py -o out --epochs 200 --size 256    # an hour; interrupted, the same call goes on

A camera looks at a hall that people walk through. All that is said of the film is: its background is of low rank, what moves is
sparse. A network that sees one frame at a time is trained on the first film with that alone. It is then tested on another day, from
another zoom and with the camera moved, where what a classical method has kept of the first film (its subspace, its median) is void.
The folder gets report.html, the network as a saved model and as ONNX, and the scores as JSON.
"""

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor

import foreknow
from foreknow import L1, Component, Gaussian, Model
from foreknow.files import write_text_atomic
from foreknow.inject import Separator
from foreknow.inject.networks import Emits, Gate, PerFrame, Residual, UNet
from foreknow.learn import (
    AmortisationGap,
    CSVLog,
    Description,
    Examples,
    Injected,
    RandomFrames,
    RandomViews,
    Settings,
    Validation,
    export_onnx,
    fit,
    save_model,
)
from foreknow.priors import PerEntryNuclearNorm
from foreknow.report import Section, Table, training_report
from foreknow.simulate.hall import Hall, View

THRESHOLD = 0.05  # grey values: what moves differs by more


def main() -> None:
    """Train, test, report."""
    options = arguments()
    out: Path = options.output
    hall = Hall(options.size, options.size, seed=options.seed)
    film = hall.film(options.frames, seed=1).y
    model = Model(
        background=Component(PerEntryNuclearNorm(0.4 * THRESHOLD, event_dims=3)),
        moving=Component(L1(THRESHOLD, event_dims=3)),
        noise=Gaussian(1.0),
    )
    print(model)
    loss = model.loss(eliminate="moving")
    torch.manual_seed(options.seed)
    network = Emits("background", Residual(PerFrame(Gate(UNet(2, 1, 2, filters=(16, 32, 32), block=2)))))
    history = fit(
        network,
        Injected(loss),
        RandomViews(RandomFrames(Examples(film[None]), 8, items=max(2, options.frames // 2)), options.size * 3 // 4, 0.9, 1.6),
        Settings(epochs=options.epochs, batch_size=2, learning_rate=1e-2, seed=options.seed),
        folder=out / "checkpoint",
        validation=Validation(Examples(hall.film(16, seed=5).y[None]), AmortisationGap(loss, tolerance=1e-3)),
        logs=[CSVLog(out / "epochs.csv")],
    )
    print(history)

    tests = {
        "another day": hall.film(60, seed=2),
        "another zoom": hall.film(60, seed=3, view=View(zoom=1.3)),
        "camera moved": hall.film(60, seed=4, view=View(right=0.1, down=0.05)),
    }
    separator = Separator(network.eval(), loss, steps=0)
    kept = model.solve(film, tolerance=1e-3)["background"]
    subspace = torch.linalg.svd(kept.flatten(1), full_matrices=False).Vh[:4]
    median = film.median(dim=0).values
    scores: dict[str, dict[str, float]] = {}
    examples: dict[str, dict[str, Tensor]] = {}
    for name, test in tests.items():
        with torch.inference_mode():
            moving = torch.cat([separator(frame)["moving"] for frame in test.y.split(1)])  # one frame at a time
        known = (test.y.flatten(1) @ subspace.mT @ subspace).reshape(test.y.shape)
        scores[name] = {
            "network, frame by frame": f_score(moving != 0, test.people),
            "subspace of the first film": f_score((test.y - known).abs() > THRESHOLD, test.people),
            "median of the first film": f_score((test.y - median).abs() > THRESHOLD, test.people),
            "robust PCA of the whole test film": f_score(model.solve(test.y, tolerance=1e-3)["moving"] != 0, test.people),
        }
        at = int(test.people.sum(dim=(1, 2)).argmax())
        examples[name] = {
            "frame": test.y[at],
            "background": test.y[at] - moving[at],
            "moving": moving[at].abs(),
            "truth": test.people[at],
        }
        print(name, {method: round(score, 3) for method, score in scores[name].items()})

    methods = list(next(iter(scores.values())))
    report = training_report(
        "Background subtraction without labels",
        history,
        examples,
        {"film learned from, frames": options.frames, "size": options.size, "seed": options.seed},
        score="gap to the optimum",
        note="People, hall and camera are simulated.",
        generator=f"foreknow {foreknow.__version__}",
    )
    rows = [[name, *(found[method] for method in methods)] for name, found in scores.items()]
    report.add(Section("F1 of what moves", Table(["film", *methods], rows, caption="Pixels; threshold 0.05.")))
    write_text_atomic(out / "report.html", report.render())
    write_text_atomic(out / "scores.json", json.dumps(scores, indent=2) + "\n")
    purpose = "Takes the background out of frames of a hall; an example."
    save_model(out / "model", network, Description(kind="background-subtraction", purpose=purpose, formula=str(model)))
    export_onnx(out / "network.onnx", separator, [film[:1], film[:3, :96, :120], film[:2, :64, :70]])
    print(f"open {out / 'report.html'}")


def f_score(found: Tensor, true: Tensor) -> float:
    """2 |found and true| / (|found| + |true|)."""
    both = (found & true).sum()
    return float(2 * both / (found.sum() + true.sum()).clamp_min(1))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("background-subtraction"), help="folder for the results")
    parser.add_argument("--size", type=int, default=96, help="height and width of the frames, pixels")
    parser.add_argument("--frames", type=int, default=120, help="of the film that is learned from")
    parser.add_argument("--epochs", type=int, default=30, help="passes through that film")
    parser.add_argument("--seed", type=int, default=0, help="of all randomness")
    return parser.parse_args()


if __name__ == "__main__":
    main()
