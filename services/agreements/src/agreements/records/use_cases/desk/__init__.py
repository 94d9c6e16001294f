"""What lies on somebody's desk: what waits for whom, and many signatures as one act."""
