"""What every command stands on: how it calls, prints, waits and is found."""
