"""A saved model: one folder of model.json, weights.safetensors and card.md, with nothing in it that could run code."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from foreknow.errors import InputFileError
from foreknow.learn.card import card
from foreknow.learn.description import Description
from foreknow.learn.durable import durable_path
from foreknow.learn.tensor_file import fill_tensors, read_tensors

DESCRIPTION = "model.json"
WEIGHTS = "weights.safetensors"
CARD = "card.md"
_FORMAT = 1
_LARGEST_DESCRIPTION = 16 * 2**20  # bytes; what is larger was not written by save_model


def save_model(folder: str | Path, network: nn.Module, description: Description) -> None:
    """Write a network and what is to be known of it; other files of the folder stay.

    All files are written and flushed to the disk before the first takes its name. The description, which carries the hash of the
    weights, is renamed last: a kill between two renamings leaves a folder that `load_weights` refuses.

    Args:
        folder: made if it is not there.
        network: whose parameters and buffers are saved.
        description: what kind it is and where it comes from.

    Raises:
        OSError: if the folder cannot be written to.
        ValueError: if the settings or metrics hold a number that is NaN or infinite.
        TypeError: if the settings hold what has no JSON form.
    """
    place = Path(folder)
    content = {"format": _FORMAT, **description.as_json()}
    tensors = network.state_dict()
    content["tensors"] = {name: {"shape": list(tensor.shape), "dtype": str(tensor.dtype)} for name, tensor in tensors.items()}
    with (
        durable_path(place / DESCRIPTION) as description_file,
        durable_path(place / CARD) as card_file,
        durable_path(place / WEIGHTS) as weights_file,
    ):
        fill_tensors(weights_file, tensors, {"kind": description.kind})
        content["weights_sha256"] = _hash(weights_file)
        card_file.write_text(card(description, tensors), encoding="utf-8", newline="")
        text = json.dumps(content, indent=2, allow_nan=False) + "\n"
        description_file.write_text(text, encoding="utf-8", newline="")


def read_description(folder: str | Path) -> Description:
    """What a saved model says of itself, so that its network can be built.

    Raises:
        InputFileError: if the folder holds no saved model, or one that is damaged or of a newer format.
    """
    return _read(Path(folder))[0]


def load_weights(folder: str | Path, network: nn.Module, kind: str) -> Description:
    """Put saved weights into a network of the same structure, all or none.

    Args:
        folder: that `save_model` wrote.
        network: built after what `read_description` says; it stays as it was if anything is wrong.
        kind: that the model must be of.

    Raises:
        InputFileError: if the folder is not a saved model of this kind, is damaged, was changed, or does not fit the network.
    """
    place = Path(folder)
    description, expected = _read(place)
    if description.kind != kind:
        message = f"{place}: is a model of kind {description.kind!r}, but one of kind {kind!r} is needed"
        raise InputFileError(message)
    path = place / WEIGHTS
    if not path.is_file():
        message = f"{path}: is missing; copy the whole folder of the model"
        raise InputFileError(message)
    if _hash(path) != expected:
        message = f"{path}: does not belong to {DESCRIPTION} beside it (its hash differs); copy the folder again, or train again"
        raise InputFileError(message)
    tensors, _ = read_tensors(path)
    _require_fit(path, tensors, network.state_dict())
    network.load_state_dict(tensors)
    return description


def _read(place: Path) -> tuple[Description, str]:
    path = place / DESCRIPTION
    try:
        if path.stat().st_size > _LARGEST_DESCRIPTION:
            message = f"{path}: is too large for the description of a model; give a folder that foreknow wrote"
            raise InputFileError(message)
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"{place}: holds no saved model ({error.strerror or error}); give the folder with {DESCRIPTION} in it"
        raise InputFileError(message) from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputFileError):
            raise
        message = f"{path}: is damaged (not JSON); copy the folder again, or train again"
        raise InputFileError(message) from error
    version = content.get("format") if isinstance(content, dict) else None
    if version != _FORMAT:
        message = f"{path}: has the format {version!r}, but this foreknow reads format {_FORMAT}; use the foreknow that wrote it"
        raise InputFileError(message)
    try:
        return Description.from_json(content), str(content["weights_sha256"])
    except (KeyError, TypeError, ValueError) as error:
        message = f"{path}: lacks {error}, or has it in a wrong form; give a folder that foreknow wrote"
        raise InputFileError(message) from error


def _require_fit(path: Path, tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Names, shapes, types and values."""
    if tensors.keys() != wanted.keys():
        different = sorted(tensors.keys() ^ wanted.keys())
        message = f"{path}: belongs to another network (it differs in {different[0]!r} and {len(different) - 1} more tensors)"
        raise InputFileError(message)
    for name, tensor in tensors.items():
        here = wanted[name]
        if tensor.shape != here.shape or tensor.dtype != here.dtype:
            message = (
                f"{path}: {name!r} is of shape {tuple(tensor.shape)} and {tensor.dtype}, "
                f"but the network needs {tuple(here.shape)} and {here.dtype}"
            )
            raise InputFileError(message)
        if (tensor.is_floating_point() or tensor.is_complex()) and not bool(torch.isfinite(tensor).all()):
            message = f"{path}: {name!r} has values that are NaN or infinite; train again"
            raise InputFileError(message)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
