"""What every service shares and no domain owns."""
