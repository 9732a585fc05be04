"""PostgreSQL by initdb."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

from .waiting import free_port


class Postgres:
    """A server of its own, as an unprivileged user: PostgreSQL refuses to run as root."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.port = directory, free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/stemhub"
        self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, f"{os.environ['POSTGRES_BIN']}/{program}", *arguments]
        env = {**os.environ, "LC_ALL": "C.UTF-8"}  # the machine's own locale may be one that it does not have
        # Into a file, not a pipe: the server that pg_ctl starts would hold a pipe open for as long as it lives.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(command, cwd=self.directory, env=env, stdout=output, stderr=subprocess.STDOUT)
            output.seek(0)
            assert done.returncode == 0, f"{program} ended with {done.returncode}: {output.read().decode()}"

    def create(self) -> None:
        if self._as:
            shutil.chown(self.directory, "postgres", "postgres")
        self._run("initdb", "-D", "data", "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8")
        self.start()
        with psycopg.connect(self.url.replace("/stemhub", "/postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE stemhub")

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.directory} -c fsync=off"
        self._run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", "data", "-w", "-m", "fast", "stop")

    def follow(self, primary: "Postgres") -> None:
        """Becomes a standby of the primary."""
        if self._as:
            shutil.chown(self.directory, "postgres", "postgres")
        source = ["-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres"]
        self._run("pg_basebackup", *source, "-D", "data", "-R", "-X", "stream", "-c", "fast", "--no-sync")
        self.start()

    def execute(self, *statements: str) -> list:
        """Each in its own transaction, whatever this server's defaults are. The rows of the last one."""
        with psycopg.connect(self.url, autocommit=True, options="-c default_transaction_read_only=off") as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def freeze(self) -> None:
        """Alive for the kernel, which goes on to accept connections, and silent."""
        for pid in self._processes():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._processes():
            os.kill(pid, signal.SIGCONT)

    def _processes(self) -> list[int]:
        postmaster = (self.directory / "data" / "postmaster.pid").read_text().split()[0]
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        return [int(pid) for pid in (postmaster, *children)]
