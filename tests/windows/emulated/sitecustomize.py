"""Makes Python on Linux look like Python on Windows to the code of the dashboard, but not to libraries.

A process that has this folder on its PYTHONPATH runs it when it starts, and so do its children. What the modules of the
standard library lack or do differently on Windows is from their documentation. Real Windows is not replaced by this.
"""

from __future__ import annotations

import builtins
import errno
import functools
import importlib
import os
import re
import subprocess
import sys
import types
from typing import Any

HIDDEN_MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix", "syslog", "readline", "curses", "crypt", "spwd", "nis"}  # fmt: skip
HIDDEN = {
    "os": """fork forkpty nice pread pwrite preadv pwritev sched_getaffinity sched_setaffinity sched_yield getuid geteuid
        getgid getegid getgroups setuid setgid setsid setpgid getpgid getpgrp killpg wait wait3 wait4 waitid WNOHANG WUNTRACED
        O_CLOEXEC O_NONBLOCK O_SYNC O_DSYNC O_DIRECTORY O_NOFOLLOW O_TMPFILE O_NOCTTY uname getloadavg sysconf statvfs fstatvfs
        confstr mkfifo mknod chown fchown lchown chroot sendfile posix_fallocate posix_fadvise memfd_create lockf fdatasync
        sync openpty ttyname tcgetpgrp setpriority getpriority getxattr setxattr listxattr copy_file_range splice pidfd_open
        eventfd posix_spawn environb fchdir fchmod P_PID WIFSIGNALED WEXITSTATUS WTERMSIG""",
    "signal": """SIGKILL SIGSTOP SIGCONT SIGHUP SIGQUIT SIGUSR1 SIGUSR2 SIGPIPE SIGALRM SIGCHLD SIGBUS SIGSYS SIGTRAP SIGTSTP
        SIGTTIN SIGTTOU SIGWINCH SIGXCPU SIGXFSZ SIGURG SIGPROF SIGVTALRM SIGIO alarm setitimer getitimer pause pthread_kill
        pthread_sigmask sigwait sigpending siginterrupt SIG_BLOCK SIG_UNBLOCK SIG_SETMASK""",
    "socket": "AF_UNIX AF_NETLINK AF_PACKET send_fds recv_fds SO_REUSEPORT SCM_RIGHTS CMSG_LEN CMSG_SPACE MSG_DONTWAIT MSG_NOSIGNAL",
    "select": "poll epoll kqueue POLLIN POLLOUT POLLHUP EPOLLIN devpoll",
    "mmap": "MAP_SHARED MAP_PRIVATE MAP_ANONYMOUS PROT_READ PROT_WRITE MADV_DONTNEED MADV_FREE",
    "time": "tzset clock_gettime CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID pthread_getcpuclockid",
    "asyncio": "open_unix_connection start_unix_server",
}  # fmt: skip
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]|[. ]$')
BELOW_NORMAL_PRIORITY_CLASS = 0x4000
_MAPS = "/proc/self/maps"


class Facade(types.ModuleType):
    """A module without what it lacks on Windows, and with what it has only there."""

    def __init__(self, module: types.ModuleType, hidden: str, extra: dict[str, Any]) -> None:
        super().__init__(module.__name__)
        for name, value in (("_module", module), ("_hidden", frozenset(hidden.split())), ("_extra", extra)):
            object.__setattr__(self, name, value)

    def __getattribute__(self, name: str) -> Any:
        get = functools.partial(object.__getattribute__, self)
        if name in get("_extra"):
            return get("_extra")[name]
        if name in get("_hidden"):
            raise AttributeError(f"module {get('_module').__name__!r} has no attribute {name!r} on Windows")
        return getattr(get("_module"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(object.__getattribute__(self, "_module"), name, value)


class STARTUPINFO:
    def __init__(self, lpAttributeList: dict[str, Any] | None = None) -> None:
        self.lpAttributeList = lpAttributeList or {}


def windows_popen(popen: Any) -> Any:
    """`Popen` with the arguments that it takes on Windows."""

    @functools.wraps(popen)
    def start(*args: Any, startupinfo: STARTUPINFO | None = None, **options: Any) -> Any:
        for name in ("pass_fds", "preexec_fn"):
            if options.get(name):
                raise ValueError(f"{name} not supported on Windows.")
        if startupinfo:
            options["pass_fds"] = startupinfo.lpAttributeList.get("handle_list", ())
        return popen(*args, **options)

    return start


def no_libc(name: str | None, *args: Any) -> Any:
    raise TypeError("bad argument type") if name is None else FileNotFoundError(f"Could not find module {name!r}.")


def extras_of(name: str, module: types.ModuleType) -> dict[str, Any]:
    if name == "os":
        return {"name": "nt", "set_handle_inheritable": os.set_inheritable}
    if name == "sys":
        return {"platform": "win32", "_base_executable": sys.executable}
    if name == "subprocess":
        return {"Popen": windows_popen(subprocess.Popen), "STARTUPINFO": STARTUPINFO}
    if name == "psutil":
        return {"Popen": windows_popen(module.Popen), "Process": process_class(module),
                "BELOW_NORMAL_PRIORITY_CLASS": BELOW_NORMAL_PRIORITY_CLASS}  # fmt: skip
    if name == "multiprocessing.connection":
        return {"PipeConnection": module.Connection}
    return {"CDLL": no_libc} if name == "ctypes" else {}


def process_class(psutil: types.ModuleType) -> Any:
    class Process(psutil.Process):  # type: ignore[misc,name-defined]
        def nice(self, value: int | None = None) -> Any:
            if value is not None and value != BELOW_NORMAL_PRIORITY_CLASS:
                raise OSError(errno.EINVAL, "not a priority class")
            return super().nice() if value is None else super().nice(10)

    return Process


FACADES = (*HIDDEN, "sys", "subprocess", "psutil", "ctypes", "multiprocessing.connection")


@functools.cache
def facade(name: str) -> Facade:
    module = importlib.import_module(name)
    return Facade(module, HIDDEN.get(name, ""), extras_of(name, module))


def is_ours(namespace: dict[str, Any]) -> bool:
    """True for the modules of the dashboard, also for one that is run as a program."""
    spec = namespace.get("__spec__")
    name = spec.name if spec else namespace.get("__name__", "")
    return name.partition(".")[0] == "dashboard" or name == "app"


def import_as_on_windows(
    name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
) -> types.ModuleType:
    if level == 0 and is_ours(globals or {}):
        if name in HIDDEN_MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if name in FACADES and (fromlist or "." not in name):
            return facade(name)
    return real_import(name, globals, locals, fromlist, level)


real_import = builtins.__import__
builtins.__import__ = import_as_on_windows


def watch_files(event: str, args: tuple[Any, ...]) -> None:
    """File names and open files as on Windows: an open file can be neither replaced nor removed."""
    if event == "open" and isinstance(args[0], str):
        path, flags = args[0], args[2] or 0
        if path.startswith(("/proc/", "/sys/")) and path != _MAPS and ours_asks():
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
        if flags & os.O_CREAT:
            refuse_name(path)
    elif event == "os.mkdir" and isinstance(args[0], str):
        refuse_name(args[0])
    elif event == "os.rename":
        refuse_name(os.fsdecode(args[1]))
        refuse_open(args[0])
        refuse_open(args[1])
    elif event == "os.remove":
        refuse_open(args[0])


def refuse_name(path: str) -> None:
    name = os.path.basename(path.rstrip("/"))
    if name not in (".", "..") and (RESERVED.fullmatch(name) or FORBIDDEN.search(name)):
        raise OSError(errno.EINVAL, "Invalid argument", path)


def refuse_open(path: Any) -> None:
    name = os.path.realpath(os.fsdecode(path))
    if os.path.isfile(name) and name in open_files() and sys._getframe(2).f_globals.get("__name__") != "tempfile":
        raise PermissionError(errno.EACCES, "The process cannot access the file because it is being used", name)


def open_files() -> set[str]:
    found = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            continue
    with open(_MAPS) as maps:
        return found | {line.rstrip("\n").split(None, 5)[-1] for line in maps}


def ours_asks() -> bool:
    """True if the nearest caller outside the standard library is the dashboard."""
    frame = sys._getframe(2)
    while frame is not None:
        if is_ours(frame.f_globals):
            return True
        if "site-packages" in frame.f_code.co_filename:
            return False
        frame = frame.f_back  # type: ignore[assignment]
    return False


sys.addaudithook(watch_files)
