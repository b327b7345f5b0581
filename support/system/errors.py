"""What a person can put right ends in one line on stderr and exit code 2, without a traceback."""

import contextlib
import errno
import sys

EXIT_CODE = 2
INTERRUPTED = 130  # as shells count a process that Ctrl-C ended
WAYS_OUT = {
    errno.ENOSPC: "free some space, or choose another disk with --out",
    errno.EDQUOT: "your quota is used up: free some space, or choose another disk with --out",
    errno.EACCES: "choose a place that you may write to, with --out",
    errno.EPERM: "choose a place that you may write to, with --out",
    errno.EROFS: "choose a place that can be written, with --out",
}


class InputError(ValueError):
    """A mistake in what a person gave: a path, a flag, a file.

    The message is one line that names the thing, the value received and the way out.
    """


def is_out_of_memory(error):
    """Say whether an error, of any backend, means that the memory was not enough."""
    words = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ in ("ResourceExhaustedError", "OutOfMemoryError")  # TensorFlow, torch on a GPU
        or any(sign in words for sign in ("resource_exhausted", "out of memory", "can't allocate memory"))  # JAX, torch
    )


@contextlib.contextmanager
def one_line_errors(program):
    """Turn `InputError` and the operating system's errors into one line and exit code 2.

    Everything else keeps its traceback: it is a mistake of ours, and the traceback is how it gets found.

    Args:
        program: Name that begins the line, `"train.py"` for instance.

    Raises:
        SystemExit: With code 2, after the line was printed.
    """
    try:
        yield
    except InputError as error:
        message = str(error)
    except KeyboardInterrupt:
        print(f"{program}: stopped at once; what was saved before stands", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:  # `| head` has read enough
        sys.stderr.close()
        raise SystemExit(0) from None
    except OSError as error:
        # A full disk, a folder without permission, a drive that went away: the system's own words name the file.
        place = f"{error.filename}: " if error.filename else ""
        message = f"{place}{error.strerror or error}; {WAYS_OUT.get(error.errno, 'check the place and try again')}"
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        words = str(error)[:120]
        message = f"not enough memory ({words}); lower --image-size, --batch-size or --n, or give fewer pictures"
    else:
        return
    print(f"{program}: " + " ".join(message.split()), file=sys.stderr)
    raise SystemExit(EXIT_CODE)


@contextlib.contextmanager
def blame_flag(named, typed):
    """Let the errors of a block name the flag that was typed, where the code below names another program's flag.

    Args:
        named: The flag that the code below names, `"--data"` for instance.
        typed: The flag that was typed.

    Raises:
        InputError: What the block raised, with the other flag's name.
    """
    try:
        yield
    except InputError as error:
        raise InputError(str(error).replace(named, typed)) from None
