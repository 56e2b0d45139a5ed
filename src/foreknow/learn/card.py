"""The card of a saved model, for a person."""

from collections.abc import Mapping

from torch import Tensor

from foreknow.learn.description import Description


def card(description: Description, tensors: Mapping[str, Tensor]) -> str:
    """Markdown: what the model is for, what it knows, what it was trained on and how well it does."""
    count = sum(tensor.numel() for tensor in tensors.values())
    lines = [
        f"# {description.kind}",
        "",
        description.purpose or "What it is for was not said.",
        "",
        f"Made by foreknow {description.foreknow}; {count} numbers in {len(tensors)} tensors.",
    ]
    if description.formula:
        lines += ["", "## The declared model", "", f"    {description.formula}"]
    if description.metrics:
        lines += ["", "## Measured", "", "| metric | value |", "| --- | --- |"]
        lines += [f"| {_cell(name)} | {value:.6g} |" for name, value in description.metrics.items()]
    for title, table in (("Settings", description.settings), ("Training", description.training)):
        if table:
            lines += ["", f"## {title}", "", "| name | value |", "| --- | --- |"]
            lines += [f"| {_cell(name)} | {_cell(str(value))} |" for name, value in table.items()]
    if description.data:
        lines += ["", "## Training data", "", f"    {description.data}"]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
