"""Options of ``foreknow swallow simulate`` as settings of the simulator."""

from dataclasses import replace

from foreknow.errors import ParameterError
from foreknow.swallow.simulate import DEVICES, Kind, Preset, TrialSettings
from foreknow.swallow.simulate import only as only_of
from foreknow.swallow.simulate import preset as preset_of
from foreknow.swallow.simulation_files import Form


def trial_settings(
    preset: str,
    duration: float,
    rate: float,
    count: int | None,
    size: int,
    prominence: float | None,
    noise: float | None,
    camera: str | None,
    only: str | None,
    form: str,
) -> TrialSettings:
    """The settings that the options mean; the options are those of the command.

    Raises:
        ParameterError: naming the option that is out of range and what it can be.
    """
    _check("--preset", preset, [name.value for name in Preset])
    _check("--format", form, [name.value for name in Form])
    settings = preset_of(preset)
    shown = settings.camera.width * settings.camera.pixel_mm
    camera_settings = replace(settings.camera, width=size, height=size, pixel_mm=shown / max(size, 1))
    settings = replace(settings, seconds=duration, rate=rate, camera=camera_settings)
    if count is not None:
        settings = replace(settings, schedule=replace(settings.schedule, count=count))
    if prominence is not None:
        settings = replace(settings, neck=replace(settings.neck, prominence_mm=(prominence, prominence)))
    if camera is not None:
        _check("--camera", camera, list(DEVICES))
        settings = replace(settings, noise=DEVICES[camera])
    if noise is not None:
        settings = replace(settings, noise=replace(settings.noise, sd_mm=noise, reference_mm=500.0))
    if only is not None:
        _check("--only", only, [kind.value for kind in Kind if kind is not Kind.SWALLOW])
        settings = only_of(Kind(only), settings)
    return settings


def _check(option: str, value: str, possible: list[str]) -> None:
    if value not in possible:
        message = f"{option} can be {', '.join(possible)}, not {value!r}"
        raise ParameterError(message)
