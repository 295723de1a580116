"""Owns the operating system's word on who runs this process."""

import os
import pwd


def system_user() -> str:
    """Return the operating system's user, by the process and not by variables like LOGNAME.

    Whoever sets those could be a second person to every rule that wants one.
    """
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        # Containers run as numbers that have no name.
        return f"uid-{number}"
