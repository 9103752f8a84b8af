"""The check of the ports, and of the data directory, before anything starts."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.ports import Port, check_ports
from core.errors import SettingsError, Unavailable
from tests.cli.command import diffy
from tests.ports import free_port


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that something listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port: int = listening.getsockname()[1]
        yield port


def test_free_ports_pass() -> None:
    check_ports([Port("A", "127.0.0.1", free_port())])


def test_a_port_in_use_is_named_with_its_variable(taken: int) -> None:
    with pytest.raises(Unavailable) as refused:
        check_ports([Port("DIFFY_API_PORT", "127.0.0.1", taken)])
    assert str(taken) in refused.value.message
    assert "DIFFY_API_PORT" in refused.value.message


def test_one_port_for_two_servers_is_a_bad_setting() -> None:
    port = free_port()
    with pytest.raises(SettingsError, match="A and B"):
        check_ports([Port("A", "127.0.0.1", port), Port("B", "127.0.0.1", port)])


def test_an_address_of_another_machine_is_a_bad_setting() -> None:
    with pytest.raises(SettingsError, match="DIFFY_API_HOST"):
        check_ports([Port("DIFFY_API_PORT", "192.0.2.1", free_port())])


def test_up_says_which_port_is_in_use(tmp_path: Path, taken: int) -> None:
    ran = diffy("up", data_dir=tmp_path, DIFFY_TEMPORAL_UI_PORT=str(taken))
    assert ran.returncode == 1
    assert "DIFFY_TEMPORAL_UI_PORT" in ran.stderr


def test_up_needs_a_data_directory_that_it_can_make(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = diffy("up", data_dir=tmp_path / "file" / "data")
    assert ran.returncode == 2
    assert "DIFFY_DATA_DIR" in ran.stderr
