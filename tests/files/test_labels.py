import pytest

from foreknow.errors import InputFileError, ParameterError
from foreknow.files import (
    Annotations,
    Event,
    read_audacity_labels,
    read_events_csv,
    read_icbhi_cycles,
    read_sprsound_json,
    write_audacity_labels,
    write_events_csv,
)

EVENTS = [
    Event(0.5, 0.01, "fine_crackle", {"idw_ms": 0.7, "level_db": None, "polarity": -1}),
    Event(1.25, 0.0, 'odd, "kind"', {"note": "a\nb"}),
]


def test_events_as_csv_and_back(tmp_path):
    path = tmp_path / "events.csv"
    write_events_csv(path, EVENTS, features=("count",))
    lines = path.read_text().split("\n")
    assert lines[0] == "onset,duration,trial_type,count,idw_ms,level_db,polarity,note"
    assert lines[1] == "0.500000,0.010000,fine_crackle,n/a,0.7,n/a,-1,n/a"
    back = read_events_csv(path).events
    assert [(event.onset, event.duration, event.kind) for event in back] == [(e.onset, e.duration, e.kind) for e in EVENTS]
    assert back[0].features["idw_ms"] == 0.7
    assert back[0].features["level_db"] is None
    assert back[1].features["note"] == "a\nb"


def test_no_events_is_a_table_with_a_header(tmp_path):
    write_events_csv(tmp_path / "a.csv", [], features=("idw_ms",))
    assert (tmp_path / "a.csv").read_text() == "onset,duration,trial_type,idw_ms\n"
    assert read_events_csv(tmp_path / "a.csv") == Annotations(())
    write_audacity_labels(tmp_path / "a.txt", [])
    assert read_audacity_labels(tmp_path / "a.txt") == Annotations(())


def test_audacity_labels_and_back(tmp_path):
    path = tmp_path / "labels.txt"
    write_audacity_labels(path, [*EVENTS, Event(2, 1, "tab\tand\nbreak")])
    assert path.read_text().splitlines()[0] == "0.500000\t0.510000\tfine_crackle"
    assert [event.kind for event in read_audacity_labels(path).events] == ["fine_crackle", 'odd, "kind"', "tab and break"]


def test_audacity_labels_as_audacity_writes_them(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("\ufeff3,500000\t4,000000\twheeze\n\\\t100.0\t400.0\n1.0\t1.0\t\n2.0\t2.5\n")
    assert read_audacity_labels(path).events == (Event(1, 0, ""), Event(2, 0.5, ""), Event(3.5, 0.5, "wheeze"))


def test_icbhi_cycles(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("0.036\t0.579\t0\t0\r\n0.579\t2.45\t1\t0\r\n2.45\t3.893\t0\t1\r\n3.893\t5.793\t1\t1\r\n\r\n")
    events = read_icbhi_cycles(path).events
    assert [event.kind for event in events] == ["cycle_normal", "cycle_crackle", "cycle_wheeze", "cycle_both"]
    assert events[1].onset == 0.579
    assert events[1].end == pytest.approx(2.45)


def test_sprsound_annotations(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(
        '{"record_annotation": "CAS & DAS", "event_annotation": [{"start": "3115", "end": "4854", "type": "Wheeze+Crackle"},'
        '{"start": "1226", "end": "3115", "type": "Fine Crackle"}]}'
    )
    annotations = read_sprsound_json(path)
    assert annotations.record_kind == "CAS & DAS"
    assert [event.kind for event in annotations.events] == ["fine_crackle", "wheeze_crackle"]
    assert annotations.events[0].onset == 1.226
    assert annotations.events[0].duration == pytest.approx(1.889)


@pytest.mark.parametrize(
    ("reader", "content", "words"),
    [
        (read_audacity_labels, "0.5 0.6 crackle\n", "entry 1"),
        (read_audacity_labels, "0.5\t0.6\ta\n0.9\t0.8\tb\n", "entry 2 .* end is before its start"),
        (read_audacity_labels, "nan\t0.6\ta\n", "not finite"),
        (read_audacity_labels, "zero\t0.6\ta\n", "'zero' is no number"),
        (read_icbhi_cycles, "0.5\t0.6\t0\n", "entry 1"),
        (read_icbhi_cycles, "0.5\t0.6\t0\t2\n", "entry 1"),
        (read_sprsound_json, "{", "no SPRSound"),
        (read_sprsound_json, "[1, 2]", "no SPRSound"),
        (read_sprsound_json, '{"event_annotation": [{"start": 1}]}', "no SPRSound"),
        (read_sprsound_json, '{"event_annotation": [{"start": 1, "end": "x", "type": "a"}]}', "'x' is no number"),
        (read_events_csv, "a,b\n1,2\n", "needs the columns"),
        (read_events_csv, "onset,duration,trial_type\n1,,x\n", "entry 2"),
        (read_events_csv, b"\xff\xfe\x00", "cannot be read as text"),
    ],
)
def test_a_label_file_of_another_form_is_one_sentence(tmp_path, reader, content, words):
    path = tmp_path / "labels.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputFileError, match=words) as caught:
        reader(path)
    assert "\n" not in str(caught.value)


def test_an_event_has_finite_times():
    for onset, duration in ((float("nan"), 1), (0, float("nan")), (0, -1), (float("inf"), 0)):
        with pytest.raises(ParameterError):
            Event(onset, duration, "x")


@pytest.mark.data
def test_real_labels(shared_data):
    lung = shared_data / "lung"
    kinds = {event.kind for path in sorted((lung / "sprsound").glob("*.json")) for event in read_sprsound_json(path).events}
    assert kinds <= {"normal", "fine_crackle", "coarse_crackle", "wheeze", "rhonchi", "stridor", "wheeze_crackle"}
    assert sum(len(read_icbhi_cycles(path).events) for path in (lung / "icbhi").glob("*.txt")) == 97
