"""Where another method is better than ours, read from the record: the section of the documentation that nobody writes by hand."""

import math
from dataclasses import dataclass
from typing import Literal

from benchmarks.table import Json

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which rows of a table stand beside which, and what is better.

    Attributes:
        cases: the columns that together name a case; within one case the methods are compared.
        ours: the method of this project: a full name, or the names' beginning followed by `*`.
        measures: what is better of a column.
        others: beginnings of the names of the methods to compare with; empty for all that are not ours.
        without: beginnings of the names of rows that are no competitors (the input as it is, a method told the truth).
        method: the column of the names.
    """

    cases: tuple[str, ...]
    ours: str
    measures: dict[str, Better]
    others: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    method: str = "method"


@dataclass(frozen=True, slots=True)
class Documented:
    """A table in which a value stands beside the one that another project documents.

    Attributes:
        cases: the columns that together name a row.
        value: the column of ours.
        documented: that of the other project.
        better: what is better.
        digits: to which the documented value is rounded.
    """

    cases: tuple[str, ...]
    value: str = "value"
    documented: str = "documented"
    better: Better = "lower"
    digits: int = 2


@dataclass(frozen=True, slots=True)
class Loss:
    """One place where ours is not the best.

    Attributes:
        case: what was compared.
        measure: by what.
        ours: our value.
        best: the best of the others.
        by: whose that is.
        certain: whether the intervals, where both have one, are apart.
    """

    case: str
    measure: str
    ours: float
    best: float
    by: str
    certain: bool


_LONG = Comparison(("data", "measure"), "foreknow*", {"value": "higher"}, without=("(recording",))
_VESSELS = Comparison(
    ("data",), "foreknow*", {"AUC": "higher", "best Dice": "higher", "Dice": "higher", "CNR": "higher", "seconds a frame": "lower"}
)

COMPARISONS: dict[str, tuple[Comparison | Documented, ...]] = {
    "angiography": (_VESSELS,),
    "angiography_special": (_VESSELS,),
    "assimilation": (
        Documented(("case", "method", "measure")),
        Comparison(("case", "measure"), "foreknow, one experiment", {"value": "lower"}, others=("DAPPER",)),
        Comparison(("case",), "4D-Var with an L1 control", {"seconds": "lower"}, others=("plain",)),
    ),
    "convolutional_sparse_coding": (
        Comparison(("case",), "foreknow ADMM, automatic penalty", {"seconds": "lower"}, others=("sporco",)),
    ),
    "cytology": (
        Comparison(
            ("data",),
            "foreknow*",
            {"Dice": "higher", "clump F1": "higher", "box F1": "higher", "nucleus F1": "higher", "CPU seconds a field": "lower"},
        ),
    ),
    "cytology_speed": (Comparison(("field",), "foreknow*", {"CPU ms a megapixel": "lower"}),),
    "hyperparameters": (
        Comparison(
            ("problem",), "marginal likelihood", {"error / least": "lower", "seconds": "lower"}, without=("bilevel", "median")
        ),
    ),
    "lasso": (Comparison(("case", "target"), "foreknow FISTA", {"ms": "lower"}, others=("pyproximal", "celer", "skglm")),),
    "learned_wavelet": (
        Comparison(
            ("task", "SNR dB"),
            "learned from db10",
            {"SI-SDR dB": "higher", "F1 of clicks": "higher"},
            others=("fixed", "free"),
        ),
    ),
    "lung_separation": (
        Comparison(
            ("breath", "SNR dB"),
            "foreknow",
            {"SI-SDR dB": "higher", "F1 of clicks": "higher", "x real time": "higher"},
            without=("(recording", "foreknow"),
        ),
    ),
    "lung_crackles": (_LONG,),
    "lung_wheeze_spans": (_LONG,),
    "lung_wheezes": (_LONG,),
    "robust_pca": (Comparison(("data", "goal"), "foreknow", {"s": "lower"}),),
    "singular_value": (Comparison(("task", "size"), "foreknow", {"ms": "lower", "error": "lower"}),),
    "swallow": (
        Comparison(
            ("trials",), "foreknow*", {"F1": "higher", "kappa": "higher", "false a minute": "lower", "correlation": "higher"}
        ),
    ),
    "swallow_curves": (
        Comparison(("prominence mm",), "foreknow", {f"F1, noise {noise} mm": "higher" for noise in ("0.3", "1", "2", "3")}),
    ),
    "unrolled_assimilation": (
        Comparison(
            (),
            "unrolled, learned",
            {"RMSE, first state": "lower", "RMSE, last state": "lower", "seconds for 128 windows": "lower"},
            others=("4D-Var",),
        ),
    ),
    "video_network": (
        Comparison(("film",), "network, frame by frame", {"F1": "higher"}, others=("subspace", "median", "robust PCA")),
    ),
}

UNCOMPARED = {
    "amortised": "All rows are ways of ours to train one network.",
    "angiography_adapting": "Both networks are ours: as shipped, and trained further.",
    "angiography_device": "All networks are ours: as shipped, and fitted to a device.",
    "angiography_speed": "All rows are modes of ours.",
    "cytology_curve": "All rows are networks of ours, and the solver.",
    "cytology_slides": "Memory and time against size; no other method is run on whole slides.",
    "differentiation": "All rows are modes of ours: exactness against memory and time.",
    "guards": "All rows are guards of ours; those that fail are in the table.",
    "swallow_live": "One engine, replayed by the clock; no other is.",
    "lung_adapting": "Both networks are ours: as shipped, and adapted.",
    "lung_nuisance": "Both rows are ways of ours: nuisance left in, and taken out first.",
    "lung_unrolled": "Both columns are ways of ours: the unrolled network beside the classical solver.",
    "injection": "All rows are treatments of one loss; the historical one is among them.",
    "unrolled_robust_pca": "Learned steps against more classical ones: what is better depends on how many one can afford.",
}


def losses(name: str, section: Json) -> list[Loss]:
    """What is lost in one section of the record, by the declared comparisons; empty where there are none.

    Raises:
        ValueError: if the table has no row or column that a comparison names, so that nothing is left out in silence.
    """
    table = section.get("table")
    if not table:
        return []
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    found: list[Loss] = []
    for rule in COMPARISONS.get(name, ()):
        found += _documented(rule, rows) if isinstance(rule, Documented) else _compared(rule, rows)
    return found


def _documented(rule: Documented, rows: list[dict[str, Json]]) -> list[Loss]:
    found = []
    for row in rows:
        ours, theirs = _number(row[rule.value]), _number(row[rule.documented])
        if ours is not None and theirs is not None and _beats(theirs, round(ours, rule.digits), rule.better):
            found.append(Loss(_case(rule.cases, row), rule.value, ours, theirs, rule.documented, certain=True))
    return found


def _compared(rule: Comparison, rows: list[dict[str, Json]]) -> list[Loss]:
    groups: dict[str, list[dict[str, Json]]] = {}
    for row in rows:
        groups.setdefault(_case(rule.cases, row), []).append(row)
    _require(rule, rows)
    found = []
    for case, members in groups.items():
        own = next((row for row in members if _named(row[rule.method], rule.ours)), None)
        if own is None:
            continue
        rivals = [row for row in members if row is not own and _rival(str(row[rule.method]), rule)]
        for measure, better in rule.measures.items():
            ours = _number(own.get(measure))
            values = [(number, row) for row in rivals if (number := _number(row.get(measure))) is not None]
            if ours is None or not values:
                continue
            best, row = (max if better == "higher" else min)(values, key=lambda pair: pair[0])
            if _beats(best, ours, better):
                certain = _apart(own[measure], row[measure])
                found.append(Loss(case, measure, ours, best, str(row[rule.method]), certain))
    return found


def _require(rule: Comparison, rows: list[dict[str, Json]]) -> None:
    wanted = {*rule.cases, *rule.measures, rule.method}
    if missing := wanted - set(rows[0] if rows else ()):
        message = f"benchmarks/losses.py names columns that the table does not have: {sorted(missing)}"
        raise ValueError(message)
    if not any(_named(str(row[rule.method]), rule.ours) for row in rows):
        message = f"benchmarks/losses.py names the method {rule.ours!r}, which is not in the table; name the one that is ours now"
        raise ValueError(message)


def _named(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _rival(name: str, rule: Comparison) -> bool:
    if _named(name, rule.ours) or name.startswith(rule.without):
        return False
    return name.startswith(rule.others) if rule.others else True


def _case(columns: tuple[str, ...], row: dict[str, Json]) -> str:
    return ", ".join(f"{row[column]} dB" if column.endswith("dB") else str(row[column]) for column in columns)


def _beats(theirs: float, ours: float, better: Better) -> bool:
    return theirs > ours if better == "higher" else theirs < ours


def _number(cell: Json) -> float | None:
    if isinstance(cell, dict):
        cell = cell["value"]
    if isinstance(cell, bool) or not isinstance(cell, (int, float)):
        return None
    return float(cell) if math.isfinite(cell) else None


def _apart(one: Json, other: Json) -> bool:
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return True
    return float(one["low"]) > float(other["high"]) or float(other["low"]) > float(one["high"])
