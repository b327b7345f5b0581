"""Errors that the user can correct: the program prints one line on stderr and ends with exit code 2."""

import contextlib
import errno
import sys

EXIT_CODE = 2
INTERRUPTED = 130  # the usual exit code after Ctrl-C
WAYS_OUT = {
    errno.ENOSPC: "free some space, or choose another disk with --out",
    errno.EDQUOT: "your quota is used up: free some space, or choose another disk with --out",
    errno.EACCES: "choose a place that you may write to, with --out",
    errno.EPERM: "choose a place that you may write to, with --out",
    errno.EROFS: "choose a place that can be written, with --out",
}


class InputError(ValueError):
    """A mistake in the input of the user: a path, a flag, a file.

    The message is one line: the wrong thing, the received value, and how to correct it.
    """


def printable(text):
    """Write characters that a terminal obeys instead of showing as escapes: a file's name may hold any of them.

    Example:
        >>> printable("a\\x1b[31m.png")  # would colour the terminal red
        'a\\\\x1b[31m.png'
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def is_out_of_memory(error):
    """Say whether an error, of any backend, means that there was not enough memory."""
    words = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ in ("ResourceExhaustedError", "OutOfMemoryError")  # TensorFlow, torch on a GPU
        or any(sign in words for sign in ("resource_exhausted", "out of memory", "can't allocate memory"))  # JAX, torch
    )


@contextlib.contextmanager
def one_line_errors(program):
    """Turn `InputError` and the operating system's errors into one line and exit code 2.

    All other errors keep their traceback: they are mistakes in this suite, and the traceback helps to find them.

    Args:
        program: Name at the beginning of the line, for example `"train.py"`.

    Raises:
        SystemExit: With code 2, after the line was printed.
    """
    for stream in (sys.stdout, sys.stderr):
        # Names of files may have letters that the terminal has not (Windows: cp1252), or be no text at all.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    except InputError as error:
        message = str(error)
    except KeyboardInterrupt:
        print(f"{program}: stopped at once; what was saved before stands", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:  # for example `| head` stopped reading
        sys.stderr.close()
        raise SystemExit(0) from None
    except OSError as error:
        # A full disk, a folder without permission, a removed drive: the system's message names the file.
        place = f"{error.filename}: " if error.filename else ""
        message = f"{place}{error.strerror or error}; {WAYS_OUT.get(error.errno, 'check the place and try again')}"
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        words = str(error)[:120]
        message = f"not enough memory ({words}); lower --image-size, --batch-size or --n, or give fewer pictures"
    else:
        return
    print(printable(f"{program}: " + " ".join(message.split())), file=sys.stderr)
    raise SystemExit(EXIT_CODE)


@contextlib.contextmanager
def blame_flag(named, typed):
    """Make the errors of a block name the typed flag, if the code below names the flag of another program.

    Args:
        named: The flag that the code below names, for example `"--data"`.
        typed: The flag that was typed.

    Raises:
        InputError: The error of the block, with the name of the typed flag.
    """
    try:
        yield
    except InputError as error:
        raise InputError(str(error).replace(named, typed)) from None
