"""The command line: one thin module a command, each imported when it is called."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import Any

import click

import tokenbench
from tokenbench.errors import Problems, TokenBenchError, printable

EXIT_FAILED_CLIPS = 1
EXIT_BAD_USAGE = 2
EXIT_INTERRUPTED = 130

_STANDARD_OUTPUT, _STANDARD_ERROR = 1, 2

# What a group of commands raises that is called without one, from click 8.2 on; before, it prints its help and ends.
_ASKS_FOR_HELP: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())

# Of a file that standard output was sent to, or of what a library keeps for itself.
_DISK_FAILS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

_COMMANDS = {
    "eval": ("tokenbench.cli.eval", "Reconstruct a data set with a tokenizer and score it."),
    "rescore": ("tokenbench.cli.rescore", "Give a run further metrics, without reconstructing where that can be."),
    "merge": ("tokenbench.cli.merge", "Put together what commands with --shard have scored."),
    "tokenize": ("tokenbench.cli.tokenize", "Turn videos and images into token files."),
    "detokenize": ("tokenbench.cli.detokenize", "Turn token files back into videos and images."),
    "compare": ("tokenbench.cli.compare", "Score a folder of reconstructions against its references."),
    "drift": ("tokenbench.cli.drift", "Score one pair under every convention of PSNR and SSIM."),
    "check-tokenizer": ("tokenbench.cli.check_tokenizer", "Does a tokenizer do what the contract says? One's own too."),
    "probe": ("tokenbench.cli.probe", "Lay a tokenizer's faults bare with synthetic patterns, without a data set."),
    "throughput": ("tokenbench.cli.throughput", "Time tokenizers: encode and decode, memory, arithmetic."),
    "report": ("tokenbench.cli.report", "Tables, plots and a page from the results of runs."),
    "view": ("tokenbench.cli.view", "See the difference: originals and reconstructions side by side, on a page."),
    "reproduce": ("tokenbench.cli.reproduce", "The paper's tables, measured here and set beside what was published."),
    "verify-run": ("tokenbench.cli.verify_run", "Score some clips of a run again: do its values hold?"),
    "diff": ("tokenbench.cli.diff", "Do runs over the same clips differ? Differences, tests, ranks with ties."),
    "download": ("tokenbench.cli.download", "Fetch raw data sets that are published as lists of links."),
    "build-dataset": ("tokenbench.cli.build_dataset", "Build benchmark clips from raw data sets on disk."),
    "verify": ("tokenbench.cli.verify", "Check a built folder against its manifests."),
    "review": ("tokenbench.cli.review", "Look at the clips of a build on a local web page; keep or drop them."),
    "train": ("tokenbench.cli.train", "Train a tokenizer by a recipe."),
    "list": ("tokenbench.cli.list", "Show what there is: tokenizers, data sets, metrics, protocols."),
    "weights": (
        "tokenbench.cli.weights",
        "List, fetch, verify, import and export weights of tokenizers and metrics.",
    ),
    "cache": ("tokenbench.cli.cache", "What a store of results holds; make room in it, check it."),
    "bundle": ("tokenbench.cli.bundle", "Gather weights for a machine without a network, and install them there."),
    "doctor": ("tokenbench.cli.doctor", "What would run here, what is missing, and how to get it."),
}


class _LazyGroup(click.Group):
    """Knows its commands by name, and imports the one that is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        # Not list(): once the command of that name has been used, its module has the name here.
        return [*_COMMANDS]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        return importlib.import_module(_COMMANDS[name][0]).command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_text) for name, (_, help_text) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"auto_envvar_prefix": "TOKENBENCH", "max_content_width": 110})
@click.version_option(tokenbench.__version__, prog_name="tokenbench")
def command() -> None:
    """TokenBench: judge visual tokenizers on real clips.

    \b
      tokenbench eval --tokenizer haar-4x8x8
      tokenbench report runs/* --out reports/mine

    Every option can also be set in the environment: TOKENBENCH_EVAL_DEVICE=cuda.
    """  # noqa: D301 (click wants the character, not a backslash)


def main(arguments: list[str] | None = None) -> None:
    """Run a command; a mistake that the user can mend is one line on stderr and exit code 2."""
    _open_what_is_closed()
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """The exit code of a command.

    0, 1 (some clips failed), 2 (bad usage or missing input), 3 (a limit of `diff` is broken) or 130 (interrupted).
    """
    try:
        code: Any = command.main(arguments, prog_name="tokenbench", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except _ASKS_FOR_HELP as error:
        print(error.format_message(), file=sys.stderr)
        return EXIT_BAD_USAGE
    except click.ClickException as error:
        return _complain(error.format_message())
    except Problems as error:
        return _complain(*error.lines)
    except TokenBenchError as error:
        return _complain(str(error))
    except (KeyboardInterrupt, click.Abort):
        print("tokenbench: interrupted; type the same command to go on", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has left; nothing more can be said to it.
        _say_no_more()
        return 0
    except OSError as error:
        if error.errno not in _DISK_FAILS:
            raise
        _say_no_more()
        return _complain(f"cannot write {error.filename or 'the output'}: {error.strerror}; free some space")


def _open_what_is_closed() -> None:
    """A process begun without standard output or error (2>&-) says nothing there, in place of failing to.

    Without this, a file opened later may get the number of the missing one, and what is said goes into it.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdout = sys.stdout or open(_STANDARD_OUTPUT, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(_STANDARD_ERROR, "w", closefd=False)  # noqa: SIM115


def _say_no_more() -> None:
    """What waits to be printed would fail again at the end of the process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(*messages: str) -> int:
    for message in messages:
        print(f"tokenbench: {printable(message)}", file=sys.stderr)
    return EXIT_BAD_USAGE
