"""Writing a result where somebody asked for it: whole or not at all."""

from __future__ import annotations

from pathlib import Path

from chainrule.errors import RunError

__all__ = ["write_out"]


def write_out(path: Path, text: str) -> None:
    """Writes a file whole or leaves the old one; into a pipe or a device, as it comes.

    Raises:
        RunError: when it cannot be written.
    """
    from chainrule.train.files import write_atomic, writing

    if path.is_dir():
        raise RunError(f"{path} is a folder.", fix=f"name a file, such as {path / 'result'}")
    if path.exists() and not path.is_file():  # /dev/null must stay what it is
        with writing(path), path.open("w", encoding="utf-8") as file:
            file.write(text)
        return
    if not path.parent.exists():
        raise RunError(f"There is no folder {path.parent} to write {path.name} into.", fix=f"mkdir -p {path.parent}")
    write_atomic(path.resolve(), text.encode())
