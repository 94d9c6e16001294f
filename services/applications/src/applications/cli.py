"""The service's commands: `python -m applications.cli serve`."""

from applications.main import SERVICE
from common.service.cli import commands

app = commands(SERVICE)

if __name__ == "__main__":
    app()
