"""Chosen ports are remembered, and replaced if another process uses them."""

import socket
from pathlib import Path

from rubyops.adapters.local.ports import PortBook, is_free
from rubyops.adapters.local.servers import HOST


def test_a_port_is_remembered_until_somebody_else_listens_on_it(tmp_path: Path) -> None:
    book = tmp_path / "local" / "ports.json"
    book.parent.mkdir()
    port = PortBook(book).usable("postgres")
    assert PortBook(book).usable("postgres") == port == PortBook(book).remembered("postgres")
    with socket.create_server((HOST, port)):
        assert not is_free(port)
        assert PortBook(book).usable("postgres", ours=True) == port
        other = PortBook(book).usable("postgres")
    assert other != port
    assert PortBook(book).usable("postgres") == other


def test_neighbours_do_not_take_one_anothers_ports(tmp_path: Path) -> None:
    ports: set[int] = set()
    for name in ("local", "staging"):
        (tmp_path / name).mkdir()
        book = PortBook(tmp_path / name / "ports.json")
        ports |= {book.usable(f"process-{n}") for n in range(20)}
    assert len(ports) == 40
