"""Settings: where a value comes from, and what is refused."""

from __future__ import annotations

import contextvars
import copy
import pickle
import threading
from pathlib import Path

import platformdirs
import pytest

import gekko_lab
from gekko_lab.errors import InvalidOption
from gekko_lab.settings import MARKER, Options, make_data_dir, reads_as

NAMES = ("frame", "data_dir", "progress", "compile", "log", "state_dir")


@pytest.fixture
def data_dir(monkeypatch):
    """Leave the settings as a user finds them."""
    for name in NAMES:
        monkeypatch.delenv(f"GEKKO_LAB_{name.upper()}", raising=False)


@pytest.fixture
def options():
    return Options()


def in_thread(function):
    found = []
    thread = threading.Thread(
        target=contextvars.Context().run, args=(lambda: found.append(function()),)
    )
    thread.start()
    thread.join()
    return found[0]


def test_defaults_suit_a_notebook(options):
    assert options.frame == "polars"
    assert options.progress == "auto"
    assert isinstance(options.data_dir, Path)


def test_a_with_block_wins_over_the_process_over_the_variable(options, monkeypatch):
    monkeypatch.setenv("GEKKO_LAB_PROGRESS", "on")
    assert options.progress == "on"
    options.progress = "off"
    assert options.progress == "off"
    with options(progress="auto"):
        assert options.progress == "auto"
    assert options.progress == "off"
    options.progress = None
    assert options.progress == "on"
    monkeypatch.delenv("GEKKO_LAB_PROGRESS")
    assert options.progress == "auto"


def test_variables_are_read_when_they_are_needed(options, monkeypatch, tmp_path):
    monkeypatch.setenv("GEKKO_LAB_FRAME", "pandas")
    assert options.frame == "pandas"
    monkeypatch.setenv("GEKKO_LAB_FRAME", "polars")
    assert options.frame == "polars"
    monkeypatch.setenv("GEKKO_LAB_DATA_DIR", str(tmp_path))
    assert options.data_dir == tmp_path


def test_an_empty_variable_counts_as_none(options, monkeypatch):
    monkeypatch.setenv("GEKKO_LAB_FRAME", "")
    assert options.frame == "polars"


def test_a_bad_variable_matters_only_where_it_is_needed(options, monkeypatch):
    monkeypatch.setenv("GEKKO_LAB_FRAME", "spark")
    assert options.progress == "auto"
    with pytest.raises(
        InvalidOption, match=r"^GEKKO_LAB_FRAME='spark': choose one of 'polars', 'pandas'"
    ):
        options.frame  # noqa: B018
    options.frame = "pandas"
    assert options.frame == "pandas"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("frame", "Polars"),
        ("frame", 1),
        ("frame", ["polars"]),
        ("progress", True),
        ("progress", "yes"),
        ("data_dir", ""),
        ("data_dir", 5),
        ("data_dir", b"data"),
        ("data_dir", "~nobody-of-that-name/data"),
    ],
)
def test_a_bad_value_is_refused_when_it_is_set(options, name, value):
    before = getattr(options, name)
    with pytest.raises(InvalidOption, match=rf"^options\.{name}="):
        setattr(options, name, value)
    with pytest.raises(InvalidOption, match=rf"^options\.{name}="), options(**{name: value}):
        pytest.fail("the block ran")
    assert getattr(options, name) == before


@pytest.mark.parametrize("name", ["frames", "seed", "FRAME"])
def test_an_unknown_option_is_refused_with_the_known_ones(options, name):
    message = f"there is no option '{name}': choose one of frame, data_dir, progress"
    with pytest.raises(InvalidOption, match=message):
        getattr(options, name)
    with pytest.raises(InvalidOption, match=message):
        setattr(options, name, "polars")
    with pytest.raises(InvalidOption, match=message), options(**{name: "polars"}):
        pytest.fail("the block ran")


def test_blocks_nest_and_end_with_an_error_too(options):
    with options(frame="pandas"):
        with options(progress="on"):
            assert (options.frame, options.progress) == ("pandas", "on")
        with options(frame="polars") as inner:
            assert inner is options
            assert options.frame == "polars"
        assert (options.frame, options.progress) == ("pandas", "auto")
    with pytest.raises(RuntimeError, match="on the way"), options(frame="pandas"):
        raise RuntimeError("on the way")
    assert options.frame == "polars"


def test_a_block_with_one_bad_value_sets_none(options):
    with pytest.raises(InvalidOption), options(frame="pandas", progress="loud"):
        pytest.fail("the block ran")
    assert options.frame == "polars"


def test_a_block_holds_for_its_own_thread_only(options):
    with options(frame="pandas"):
        assert in_thread(lambda: options.frame) == "polars"
    options.frame = "pandas"
    assert in_thread(lambda: options.frame) == "pandas"


def test_blocks_of_two_threads_do_not_meet(options):
    meeting = threading.Barrier(2, timeout=10)
    found = {}

    def work(kind):
        with options(frame=kind):
            meeting.wait()
            found[kind] = options.frame
            meeting.wait()

    threads = [threading.Thread(target=work, args=(kind,)) for kind in ("polars", "pandas")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"polars": "polars", "pandas": "pandas"}


def test_the_data_folder_is_the_nearest_marked_one_upwards(options, monkeypatch, tmp_path):
    project = tmp_path / "project"
    notebooks = project / "notebooks" / "deep"
    notebooks.mkdir(parents=True)
    for folder in (project / "data", tmp_path / "data"):
        folder.mkdir()
        (folder / MARKER).touch()
    (project / "notebooks" / "data").mkdir()  # someone else's: it has no marker
    monkeypatch.chdir(notebooks)
    assert options.data_dir == project / "data"
    (project / "data" / MARKER).unlink()
    assert options.data_dir == tmp_path / "data"
    monkeypatch.chdir(tmp_path)
    assert options.data_dir == tmp_path / "data"


def test_without_a_marked_folder_it_is_the_users(options, monkeypatch, tmp_path):
    asked = []

    def user_data_dir(*arguments, **_):
        asked.append(arguments)
        return str(tmp_path / "user")

    monkeypatch.setattr(platformdirs, "user_data_dir", user_data_dir)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / MARKER).mkdir(parents=True)  # a folder is no marker
    assert options.data_dir == tmp_path / "user"
    assert asked == [("gekko-lab",)]
    assert not (tmp_path / "user").exists()


def test_a_data_folder_is_made_once_and_found_from_then_on(options, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert make_data_dir(".") == tmp_path / "data" == options.data_dir
    (tmp_path / "data" / MARKER).write_text("mine")
    assert make_data_dir(tmp_path) == tmp_path / "data"
    assert (tmp_path / "data" / MARKER).read_text() == "mine"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "data").touch()
    with pytest.raises(InvalidOption, match="is a file"):
        make_data_dir(tmp_path / "other")


def test_a_data_folder_is_made_absolute_where_it_is_set(options, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    options.data_dir = "mine"
    monkeypatch.chdir(tmp_path.parent)
    assert options.data_dir == tmp_path / "mine"


def test_a_tilde_is_the_users_home(options, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("GEKKO_LAB_DATA_DIR", "~/mine")
    assert options.data_dir == tmp_path / "mine"


def test_a_file_is_no_data_folder(options, monkeypatch, tmp_path):
    file = tmp_path / "data"
    file.touch()
    with pytest.raises(InvalidOption, match=r"^options\.data_dir='.*' is a file"):
        options.data_dir = file
    monkeypatch.setenv("GEKKO_LAB_DATA_DIR", str(file))
    with pytest.raises(InvalidOption, match=r"^GEKKO_LAB_DATA_DIR='.*' is a file"):
        options.data_dir  # noqa: B018


def test_options_show_and_list_themselves(options, tmp_path):
    options.data_dir = tmp_path
    options.state_dir = tmp_path
    options.frame = "pandas"
    shown = f"frame='pandas', data_dir={tmp_path!r}, progress='auto', compile='auto', log='auto'"
    assert repr(options) == f"Options({shown}, state_dir={tmp_path!r})"
    assert dir(options) == sorted(NAMES)


def test_private_names_are_missing_as_everywhere(options):
    assert not hasattr(options, "_repr_html_")
    with pytest.raises(AttributeError):
        options._anything = 1
    assert copy.copy(options).frame == "polars"


def test_an_argument_stands_in_for_an_option():
    with gekko_lab.options(frame="pandas"):
        assert reads_as("frame", None) == "pandas"
        assert reads_as("frame", "polars") == "polars"
    with pytest.raises(InvalidOption, match=r"^frame='spark': choose one of"):
        reads_as("frame", "spark")


def test_the_public_options_are_those_that_calls_read():
    with gekko_lab.options(frame="pandas"):
        found = gekko_lab.fetch("simulator", "BTC/USDT", since="2024-01-01", limit=2)
    assert type(found).__module__.startswith("pandas")


def test_options_travel_by_name_and_can_be_deleted(options):
    mine = gekko_lab.options
    assert pickle.loads(pickle.dumps(mine)) is mine  # noqa: S301 (made a moment ago)
    assert copy.deepcopy(mine) is mine
    options.frame = "pandas"
    del options.frame
    assert options.frame == "polars"
