"""``foreknow info``: what is installed, for questions and reports of faults."""

from foreknow.cli.extras import advice, libraries_of

_EXTRA = "lung"
QUESTIONS = "https://github.com/foreknow/foreknow/issues"


def info() -> None:
    """Show versions, devices, optional libraries, and where to ask."""
    import platform  # noqa: PLC0415
    from importlib.metadata import version  # noqa: PLC0415

    import torch  # noqa: PLC0415

    from foreknow.cli.show import console, table  # noqa: PLC0415

    rows = [
        ["foreknow", version("foreknow")],
        ["python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"],
        ["torch", str(torch.__version__)],
        ["devices", ", ".join(_devices())],
        *([name, _version_or_advice(name)] for name in libraries_of(_EXTRA)),
        ["questions and faults", QUESTIONS],
    ]
    console().print(table({"foreknow": "left", "": "left"}, rows))


def _devices() -> list[str]:
    import torch  # noqa: PLC0415

    devices = [f"cpu ({torch.get_num_threads()} threads)"]
    devices += [f"cuda:{index} ({torch.cuda.get_device_name(index)})" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return devices


def _version_or_advice(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version(name)
    except PackageNotFoundError:
        return f"absent; {advice(_EXTRA)}"
