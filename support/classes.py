"""The classes of a generator: their names, and which one a name means."""

from support.errors import InputError


def names_of_classes(generator):
    """List the names of the classes; where the file has none, their numbers."""
    return generator.class_names or [str(number) for number in range(generator.class_count)]


def class_number(generator, name):
    """Find the number of the class that `--class` names.

    Raises:
        InputError: Where the generator has no classes, or none of this name.
    """
    if generator.class_position is None:
        raise InputError(f"--class {name}: this generator was trained without classes; leave --class out")
    names = names_of_classes(generator)
    numbers = {str(number): number for number in range(generator.class_count)}
    numbers |= {class_name: number for number, class_name in enumerate(names)}
    if name not in numbers:
        raise InputError(f"--class {name}: there is no such class; choose one of {', '.join(names)}")
    return numbers[name]
