"""The service's commands: `python -m applications.cli serve`."""

from applications.main import SERVICE
from common import files
from common.service.cli import commands

app = commands(SERVICE)

if __name__ == "__main__":
    files.keep_private()
    app()
