"""The page of an adaptation: its course, what it did to the crackle template, what it did to what was known."""

from foreknow.lung.crackle_template import difference, template_figure
from foreknow.lung.train.adapt_crackles import CrackleAdaptation
from foreknow.operators import StationaryWavelet
from foreknow.report import Facts, Figure, Notice, Report, Section, Table, Text
from foreknow.report.blocks import Block, Severity
from foreknow.report.training import training_figure


def adaptation_report(adaptation: CrackleAdaptation, version: str) -> Report:
    """The page, to be written with ``write_text_atomic(path, report.render())``."""
    report = Report("Crackles: adapted to recordings without labels", generator=f"foreknow {version}")
    return report.add(_result(adaptation), _template(adaptation), _course(adaptation), _left_out(adaptation))


def _result(adaptation: CrackleAdaptation) -> Section:
    drift = adaptation.drift
    rows: list[list[str | float]] = [
        ["simulated crackles: error of the crackle part, dB", -drift.source.before, -drift.source.after]
    ]
    if drift.target is not None:
        rows.append(["recordings held out: objective a sample", -drift.target.before, -drift.target.after])
    same = drift.target is not None and drift.target.after <= drift.target.before
    blocks: list[Block] = []
    if same:
        blocks.append(Notice(["The recordings gave no reason to change the network; it stays as it was."], Severity.INFO))
    told = (
        "Lower is better in both rows. Nothing here says that more crackles are found: listen, and compare with your own judgement."
    )
    return Section("Result", *blocks, Table(["", "before", "after"], rows, formats=["", ".4f", ".4f"]), Text(told))


def _template(adaptation: CrackleAdaptation) -> Section:
    after, before = adaptation.network.wavelet_copy(), adaptation.before.wavelet_copy()
    settings = adaptation.network.settings
    plain = StationaryWavelet(settings.wavelet, settings.levels)
    name = f"Daubechies ({settings.wavelet})"
    picture = Figure(
        template_figure({name: plain, "before": before, "adapted": after}, settings.rate),
        "The function that one crackle coefficient stands for, in each band, for three wavelets",
        "What one coefficient stands for, in whitened recordings: the wavelet that training began from, the one before the "
        "adaptation, and the adapted one.",
    )
    bands = [f"{settings.rate / 2 ** (k + 1):.0f} to {settings.rate / 2**k:.0f} Hz" for k in range(settings.levels, 0, -1)]
    table = Table(
        ["band", f"before, from {name}", f"adapted, from {name}", "adapted, from before"],
        [
            list(row)
            for row in zip(bands, difference(before, plain), difference(after, plain), difference(after, before), strict=True)
        ],
        caption="1 minus the correlation of the templates: 0 is the same shape",
    )
    return Section("Crackle template", picture, table)


def _course(adaptation: CrackleAdaptation) -> Section:
    history, windows = adaptation.history, adaptation.windows
    facts = Facts(
        {
            "recordings used": windows.used,
            "windows to learn from": len(windows.training),
            "windows held out": len(windows.validation),
            "epochs": len(history.epochs),
            "epoch kept": history.best_epoch,
            "minutes of computing": history.epochs[-1].seconds / 60,
        }
    )
    picture = Figure(
        training_figure(history, "objective on recordings held out"), "Loss, validation and learning rate over the epochs"
    )
    return Section("Course", facts, picture)


def _left_out(adaptation: CrackleAdaptation) -> Section:
    rows = [list(row) for row in adaptation.windows.left_out]
    return Section("Recordings that were left out", Table(["recording", "why"], rows))
