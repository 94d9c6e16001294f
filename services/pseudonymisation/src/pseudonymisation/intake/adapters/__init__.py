"""What knows SQL, files, engines and other services."""
