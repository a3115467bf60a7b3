"""The `trialweave` command. Data goes to standard output and talk to standard error, so that output can be piped."""

import errno
import os
import sys

from pydantic import ValidationError

from app.errors import TrialweaveError
from loaders.errors import SourceError

__all__ = ["main"]


def _told(place: tuple[int | str, ...], problem: str) -> str:
    """What is wrong with a setting. What is told of several at once names them itself."""
    problem = problem.removeprefix("Value error, ")
    return f"TRIALWEAVE_{'_'.join(map(str, place)).upper()}: {problem}" if place else problem


def main() -> None:
    """Run the command line. What a user can cause ends in one clear sentence and an exit code, never a traceback."""
    from app.cli.commands import cli

    try:
        cli()
    except TrialweaveError as error:
        _fail(error.message, error.exit_code)
    except SourceError as error:
        _fail(str(error), 1)
    except ValidationError as error:
        # The only model that is filled from outside here is the settings: from the environment.
        wrong = "; ".join(_told(each["loc"], each["msg"]) for each in error.errors())
        _fail(f"A setting cannot be read: {wrong.removesuffix('.')}.", 2)
    except KeyboardInterrupt:
        _fail("Stopped; what was published before is untouched.", 130)
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does. Python would complain again when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            _fail("The disk is full; make room and do it again. Nothing that was published is lost.", 1)
        where = f" ({error.filename})" if error.filename else ""
        _fail(f"{error.strerror or error}{where}.", 1)


def _fail(message: str, exit_code: int) -> None:
    print(f"trialweave: {message}", file=sys.stderr)
    sys.exit(exit_code)
