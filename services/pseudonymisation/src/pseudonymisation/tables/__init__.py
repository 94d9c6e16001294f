"""Tables: counted, protected and written, as extracts of a kind of their own."""
