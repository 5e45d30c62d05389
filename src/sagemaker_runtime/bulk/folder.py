"""`RunFolder`: the folder with a run's state, which only one process may use at a time."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.local_folder import make_folder, open_private

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self


class RunFolder:
    """
    The folder with a run's plan, journal, history, lock and unpublished parts. A context manager that holds the lock.

    The operating system releases the lock when the process ends, however it ends.

    Args:
        path: The folder; created if it is missing.

    Raises:
        ConfigError: The folder cannot be created or locked, or another run is using it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plan_path = path / "plan.json"
        self.journal_path = path / "journal"
        self.history_path = path / "history"
        try:
            make_folder(path)
            self._lock = open_private(path / "lock")
        except OSError as error:
            problem = error.strerror or type(error).__name__
        else:
            return
        raise ConfigError(f"the folder of the run, {path}, cannot be used: {problem}; name another one with state=")

    def __enter__(self) -> Self:
        try:
            import fcntl

            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            problem = "this system has no flock to keep two runs apart; bulk runs need Linux or macOS"
        except BlockingIOError:
            self._lock.seek(0)
            holder = self._lock.read(64).decode(errors="replace").strip()
            problem = f"another run is using it ({holder or 'an unknown process'}); wait for it, or stop it"
        except OSError as error:
            problem = f"it cannot be locked ({error.strerror}); name a folder on a local disk with state="
        else:
            with suppress(OSError):  # on a full disk, the holder's id is not written
                self._lock.truncate(0)
                self._lock.seek(0)
                self._lock.write(f"process {os.getpid()}".encode())
            return self
        self._lock.close()
        raise ConfigError(f"the folder of the run, {self.path}, cannot be used: {problem}")

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lock.close()
