"""``foreknow lung``: lung sounds."""

from pathlib import Path
from typing import Annotated

import typer

from foreknow.cli.exits import end_batch, say_error
from foreknow.cli.extras import require_extra
from foreknow.cli.lung_live import live
from foreknow.cli.lung_train import train
from foreknow.cli.options import Device, Jobs, Output, Overwrite, Seed, check_device, check_output

app = typer.Typer(help="Lung sounds: crackles and wheezes out of breath sound.", no_args_is_help=True)


@app.command()
def separate(
    recordings: Annotated[
        list[Path],
        typer.Argument(metavar="REC...", help="Recordings, or folders of them (WAV, FLAC, OGG, MP3, ...).", show_default=False),
    ],
    output: Output,
    overwrite: Overwrite = False,
    resume: Annotated[bool, typer.Option("--resume", help="Skip recordings that have complete results of these settings.")] = False,
    channel: Annotated[
        str, typer.Option("--channel", help="Channel to use: a number from 1, mean, or auto (the mean of two).")
    ] = "auto",
    minimum_level: Annotated[
        float | None, typer.Option("--minimum-level", metavar="DB", help="Least level of a crackle over the breath around it, dB.")
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="What finds crackles and wheezes: unrolled, classical (slow, certified), or a folder of lung train.",
        ),
    ] = "unrolled",
    wheezes: Annotated[
        bool, typer.Option("--wheezes", help="Separate wheezes, rhonchi and stridor too: wheezes.wav, a third part.")
    ] = False,
    nuisance: Annotated[
        bool, typer.Option("--nuisance", help="Take out heart, handling and voices first: nuisance.wav, a part of its own.")
    ] = False,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Whether to write report.html for each recording.")] = True,
    jobs: Jobs = 0,
    device: Device = "cpu",
    seed: Seed = 0,
) -> None:
    """Separate crackles, and wheezes with --wheezes, from breath sound; count and measure them.

    FOLDER/NAME/ gets crackles.wav and breath.wav (they sum to the recording), events.csv, breaths.csv, labels.txt for Audacity,
    raven.txt, summary.json and report.html; with --wheezes also wheezes.wav, a third part of the sum, and fundamentals.csv; with
    several recordings FOLDER/summary.csv. A screening aid, not a diagnosis.
    """
    from dataclasses import replace  # noqa: PLC0415

    from foreknow.cli.separate_progress import jobs_that_pay, lengths_of, show_progress  # noqa: PLC0415
    from foreknow.cli.show import console, table  # noqa: PLC0415
    from foreknow.files import display_name, parse_channel  # noqa: PLC0415
    from foreknow.lung.batch import find_recordings, separate_many  # noqa: PLC0415
    from foreknow.lung.crackle_model import model_label  # noqa: PLC0415
    from foreknow.lung.settings import SeparationSettings  # noqa: PLC0415
    from foreknow.lung.wheeze_model import settings_beside  # noqa: PLC0415

    require_extra("lung")
    choice, place = parse_channel(channel), check_device(device)
    model_label(model)  # says what is wrong with it before any work
    settings = SeparationSettings(crackle_model=model, nuisance=nuisance)
    if minimum_level is not None:
        settings = replace(settings, minimum_level_db=minimum_level)
    if wheezes:
        settings = replace(settings, wheezes=settings_beside(model))
    lengths = lengths_of(find_recordings(recordings, output))
    check_output(output)
    with show_progress(lengths) as watch:
        batch = separate_many(
            recordings,
            output,
            settings,
            channel=choice,
            device=place,
            seed=seed,
            overwrite=overwrite,
            resume=resume,
            report=report,
            jobs=jobs or jobs_that_pay(lengths, place),
            progress=watch.advance,
            finished=watch.finish,
        )
    columns = {
        "recording": "left",
        "seconds": "right",
        "crackles": "right",
        "per minute": "right",
        "fine": "right",
        "coarse": "right",
    }
    rows = [[r.name, r.seconds, len(r.crackles), r.per_minute, r.count("fine"), r.count("coarse")] for r in batch.results]
    if wheezes:
        columns |= {"wheezes": "right"}
        rows = [[*row, len(r.wheezes or ())] for row, r in zip(rows, batch.results, strict=True)]
    screen = console()
    if rows:
        screen.print(table(columns, rows))
        screen.print(
            f"Results: {display_name(output)} (open report.html there)" if report else f"Results: {display_name(output)}",
            markup=False,
        )
    for result in batch.results:
        for notice in result.notices:
            say_error(f"{result.name}: {notice}")
    if batch.skipped:
        screen.print(f"{len(batch.skipped)} recordings were done already and skipped.")
    end_batch(batch.failures)


@app.command()
def features(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Results of foreknow lung separate.", show_default=False)],
    output: Output,
    overwrite: Overwrite = False,
) -> None:
    """Collect the numbers of separated recordings in one CSV file (-o), a line a recording, for statistics."""
    from foreknow.cli.show import console  # noqa: PLC0415
    from foreknow.files import display_name  # noqa: PLC0415
    from foreknow.lung.features import write_features  # noqa: PLC0415

    require_extra("lung")
    count = write_features(folders, output, overwrite=overwrite)
    console().print(f"{display_name(output)}: {count} recordings", markup=False)


app.command()(train)
app.command()(live)


@app.command()
def simulate(
    output: Output,
    duration: Annotated[float, typer.Option("--duration", metavar="S", help="Length, seconds.")] = 30.0,
    rate: Annotated[int, typer.Option("--rate", metavar="HZ", help="Sampling rate, hertz; 4000 or more.")] = 8000,
    fine: Annotated[float, typer.Option("--fine", help="Expected fine crackles per breath.")] = 4.0,
    coarse: Annotated[float, typer.Option("--coarse", help="Expected coarse crackles per breath.")] = 2.0,
    level_db: Annotated[
        tuple[float, float],
        typer.Option("--level-db", metavar="LOW HIGH", help="Levels of crackles over the breath around them, dB."),
    ] = (8.0, 18.0),
    wheeze: Annotated[float, typer.Option("--wheeze", help="Expected wheezes per expiration.")] = 0.0,
    rhonchus: Annotated[float, typer.Option("--rhonchus", help="Expected rhonchi per expiration.")] = 0.0,
    stridor: Annotated[float, typer.Option("--stridor", help="Expected stridors per inspiration.")] = 0.0,
    polyphonic: Annotated[float, typer.Option("--polyphonic", help="Share of wheezes that have several voices, 0 to 1.")] = 0.15,
    handling: Annotated[float, typer.Option("--handling", help="Rubs of the stethoscope a minute.")] = 0.0,
    voice: Annotated[float, typer.Option("--voice", help="Utterances near by a minute.")] = 0.0,
    clicks: Annotated[float, typer.Option("--clicks", help="Clicks a minute that are no crackles.")] = 0.0,
    hum: Annotated[float, typer.Option("--hum", metavar="HZ", help="Frequency of mains hum; 0 for none.")] = 0.0,
    like: Annotated[
        Path | None,
        typer.Option("--like", metavar="REC", help="Real recording whose breath sound and low-pass are measured and taken over."),
    ] = None,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="REC", help="Real recording to show beside the simulated one.")
    ] = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Draw a lung sound whose crackles and wheezes are known.

    FOLDER gets recording.wav, the sum of breath.wav, crackles.wav and, where there are any, wheezes.wav and nuisance.wav; the true
    events.csv, labels.txt for Audacity, fundamentals.csv of wheezes over time, and simulation.json; with --compare comparison.png.
    """
    from dataclasses import replace  # noqa: PLC0415

    from foreknow.cli.show import console  # noqa: PLC0415
    from foreknow.files import display_name, read_audio  # noqa: PLC0415
    from foreknow.lung.simulate import (  # noqa: PLC0415
        COARSE,
        FINE,
        RHONCHUS,
        STRIDOR,
        WHEEZE,
        BreathSettings,
        CrackleSettings,
        NuisanceSettings,
        SimulationSettings,
        fit_breath,
    )
    from foreknow.lung.simulation_figure import RealSound  # noqa: PLC0415
    from foreknow.lung.simulation_files import simulate_to_folder  # noqa: PLC0415

    crackles = (CrackleSettings(FINE, fine, level_db), CrackleSettings(COARSE, coarse, level_db))
    wheezes = (replace(WHEEZE, per_breath=wheeze, polyphonic=polyphonic), replace(RHONCHUS, per_breath=rhonchus))
    continuous = tuple(kind for kind in (*wheezes, replace(STRIDOR, per_breath=stridor)) if kind.per_breath)
    disturbed = NuisanceSettings(handling=handling, voice=voice, clicks=clicks, hum=hum)
    breath, stethoscope = BreathSettings(), None
    if like is not None:
        example = read_audio(like)
        measured = fit_breath(example.samples, example.rate)
        breath, stethoscope = measured.settings(), measured.inspiration_spectrum.stethoscope
    settings = SimulationSettings(
        seconds=duration,
        rate=rate,
        breath=breath,
        crackles=crackles,
        continuous=continuous,
        stethoscope=stethoscope,
        nuisance=disturbed if handling or voice or clicks or hum else None,
    )
    real = None
    if compare is not None:
        recording = read_audio(compare)
        real = RealSound(display_name(compare.name), recording.samples, recording.rate)
    simulated = simulate_to_folder(output, settings, seed, real=real, overwrite=overwrite)
    sounds = f" and {len(simulated.sounds)} continuous sounds" if continuous else ""
    console().print(
        f"{display_name(output)}: {duration:g} s at {rate} Hz with {len(simulated.events)} crackles{sounds}; the truth is in "
        "events.csv",
        markup=False,
    )
