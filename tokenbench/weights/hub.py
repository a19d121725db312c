"""Weight files of the Hugging Face hub, through its own client: its cache, HF_TOKEN and HF_HUB_OFFLINE hold here."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokenbench.errors import OutputError, TokenBenchError
from tokenbench.weights.source import is_commit

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

# What the hub calls the newest state of a repository.
_NEWEST = "main"

_COMMIT_LENGTH = 40


def fetch(
    repository: str, revision: str | None, file_sets: Sequence[Sequence[str]], *, advice: str
) -> tuple[list[Path], str]:
    """The files of the first set that a repository has, from the client's cache or downloaded into it.

    Only the files of that set are downloaded. A pinned set that lies in the cache costs no request.

    Args:
        repository: "owner/name".
        revision: a commit id or its first digits; a branch or tag; None for the newest commit. Where it is no commit,
            a line on stderr says which one was taken and how to pin it.
        file_sets: file names that make up the weights together, best first.
        advice: what else the user can do, for the message when the hub does not give them.

    Returns:
        The files in the order of their set, and the whole commit id.

    Raises:
        TokenBenchError: they cannot be had: no connection, no access, no such repository, commit or file.
        OutputError: the disk is full.
    """
    where = f"{repository}@{revision}" if revision else repository
    if not file_sets:
        raise TokenBenchError(f"it is not known which files of {where} are weights; {advice}")
    if is_commit(revision) and (found := cached(repository, revision, file_sets)):
        return found
    try:
        commit = _whole_commit(repository, revision)
        found = _first_set(repository, commit, file_sets)
    except Exception as error:  # the client's transport, and with it its exceptions, changes between its versions
        found = None if is_commit(revision) or not _no_connection(error) else cached(repository, revision, file_sets)
        if found is None:
            raise _explained(error, where, advice) from error
    if found is None:
        wanted = ", or ".join(" + ".join(names) for names in file_sets)
        raise TokenBenchError(f"{where} on the hub does not hold {wanted}; check the revision, or {advice}")
    if not is_commit(revision):
        print(
            f"tokenbench: {where} is not pinned to a commit; this is {found[1][:7]}, "
            f"pin it with --weights hf:{repository}@{found[1]}",
            file=sys.stderr,
        )
    return found


def cached(repository: str, revision: str | None, file_sets: Sequence[Sequence[str]]) -> tuple[list[Path], str] | None:
    """Files and commit of the best complete set in the client's cache at a revision; None where there is none.

    Where several cached commits begin with the revision's digits, none is taken.
    """
    found = []
    for snapshot in _cached_snapshots(repository, revision):
        for names in file_sets:
            paths = [snapshot / name for name in names]
            if all(path.is_file() for path in paths):
                found.append((paths, snapshot.name))
                break
    return found[0] if len(found) == 1 else None


def _cached_snapshots(repository: str, revision: str | None) -> Iterator[Path]:
    """Folders of commits in the cache that a revision may mean: what a branch was last, or all if that is not known."""
    # The client itself takes half a second to load, which is too long for a listing.
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE, "models--" + repository.replace("/", "--"))
    reference = folder / "refs" / (revision or _NEWEST)
    if not is_commit(revision) and reference.is_file():
        yield folder / "snapshots" / reference.read_text().strip()
        return
    for snapshot in sorted(folder.glob("snapshots/*")):
        if revision is None or (is_commit(revision) and snapshot.name.startswith(revision)):
            yield snapshot


def _whole_commit(repository: str, revision: str | None) -> str:
    """The whole id of a commit: the client takes no other.

    Raises:
        TokenBenchError: no commit, or more than one, begins with the revision's digits.
    """
    from huggingface_hub import HfApi

    pinned = revision is not None and is_commit(revision)
    # Asked for a pinned commit too: where the network is down, the client gives this up at once, and all else after
    # half a minute.
    newest = HfApi().model_info(repository, revision=None if pinned else revision).sha or ""
    if revision is None or not pinned:
        return newest
    if len(revision) == _COMMIT_LENGTH:
        return revision
    commits = [commit.commit_id for commit in HfApi().list_repo_commits(repository)]
    matching = [commit for commit in commits if commit.startswith(revision)]
    if len(matching) != 1:
        found = f"{len(matching)} commits that begin" if matching else "no commit that begins"
        raise TokenBenchError(f"{repository} on the hub has {found} with {revision}; name the whole commit id")
    return matching[0]


def _first_set(repository: str, commit: str, file_sets: Sequence[Sequence[str]]) -> tuple[list[Path], str] | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    for names in file_sets:
        try:
            return [Path(hf_hub_download(repository, name, revision=commit)) for name in names], commit
        except LocalEntryNotFoundError:
            raise
        except EntryNotFoundError:
            continue
    return None


def _explained(error: Exception, where: str, advice: str) -> TokenBenchError:
    """One line that says why the hub did not give the files, and what to do."""
    from huggingface_hub import errors

    if isinstance(error, TokenBenchError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(
            f"cannot download {where}: {error.strerror}; free some space, or set HF_HOME to another disk"
        )
    if (answer := _answer(error)) is not None:
        return TokenBenchError(_refusal(answer, where, advice))
    if isinstance(error, errors.HFValidationError):
        return TokenBenchError(f"{where} is no name of a repository on the hub; write hf:owner/name@commit")
    if _offline():
        return TokenBenchError(
            f"{where} is not in the hub's cache, and offline mode is on; unset HF_HUB_OFFLINE, or {advice}"
        )
    if _no_connection(error):
        return TokenBenchError(f"the hub cannot be reached for {where}; check the network, or {advice}")
    reason = " ".join(str(error).split()) or type(error).__name__
    return TokenBenchError(f"the download of {where} broke off ({reason}); try again, or {advice}")


def _refusal(error: HfHubHTTPError, where: str, advice: str) -> str:
    """What an answer of the hub means."""
    from huggingface_hub import errors

    repository, _, revision = where.partition("@")
    status = error.response.status_code
    token = f"accept its licence on the page of {repository}, and set HF_TOKEN to a token of that account"
    if status == 401:
        return f"the hub refuses {where} without a valid token (401), or has no such repository; {token}, or {advice}"
    if status == 403 or isinstance(error, errors.GatedRepoError):
        return f"the hub refuses {where} to this account ({status}); {token}, or {advice}"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repository} on the hub has no revision {revision}; check it, or {advice}"
    if status == 404:
        return f"there is no repository {repository} on the hub (404); check its name, or {advice}"
    return f"the hub answered {status} for {where}; try again later, or {advice}"


def _answer(error: Exception) -> HfHubHTTPError | None:
    """The hub's answer that an error comes from, if there was one."""
    from huggingface_hub.errors import HfHubHTTPError

    answers = (cause for cause in _chain(error) if isinstance(cause, HfHubHTTPError))
    return next((answer for answer in answers if getattr(answer, "response", None) is not None), None)


def _no_connection(error: Exception) -> bool:
    """Whether no answer came at all: offline mode, no network, or nobody there."""
    # Both transports that the client has had name these errors alike, and neither is a dependency of this package.
    names = {base.__name__ for cause in _chain(error) for base in type(cause).__mro__}
    return _answer(error) is None and bool(names & {"ConnectionError", "ConnectError", "TimeoutException", "Timeout"})


def _offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
