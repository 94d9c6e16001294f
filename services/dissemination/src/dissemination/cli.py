"""The service's commands: `python -m dissemination.cli serve`."""

from common.service.cli import commands
from dissemination.main import SERVICE

app = commands(SERVICE)

if __name__ == "__main__":
    app()
