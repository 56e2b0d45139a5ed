"""The curves of `swallow_curves` as a picture, from the record: `python -m benchmarks.swallow_figure FILE.png`."""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from benchmarks.harness import FOLDER
from benchmarks.swallow_cases import NOISES

_COLOURS = ("#D55E00", "#999999", "#56B4E9", "#CC79A7", "#0072B2")


def main(path: str) -> None:
    table = json.loads((Path(FOLDER) / "results.json").read_text())["swallow_curves"]["table"]
    labels = list(dict.fromkeys(row[0] for row in table["rows"]))
    figure, axes = plt.subplots(1, len(labels), figsize=(2.6 * len(labels), 3.2), sharey=True, layout="constrained")
    for axis, label in zip(np.atleast_1d(axes), labels, strict=True):
        rows = [row for row in table["rows"] if row[0] == label]
        for (_, method, *cells), colour in zip(rows, _COLOURS, strict=False):
            ours = method == rows[0][1]
            values = np.array([(cell["value"], cell["low"], cell["high"]) for cell in cells])
            axis.plot(
                NOISES, values[:, 0], "o-", color=colour, lw=2.2 if ours else 1.2, ms=4, label=method, zorder=3 if ours else 2
            )
            if ours:
                axis.fill_between(NOISES, values[:, 1], values[:, 2], color=colour, alpha=0.15, lw=0)
        axis.set_title(f"prominence {label.split()[0]} mm", fontsize=10)
        axis.set(xlabel="noise of a pixel, mm", xticks=NOISES, ylim=(0, 1.03))
        axis.grid(alpha=0.3)
    first = np.atleast_1d(axes)[0]
    first.set_ylabel("F1 of swallows")
    figure.legend(*first.get_legend_handles_labels(), ncols=5, fontsize=9, frameon=False, loc="outside lower center")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main(sys.argv[1])
