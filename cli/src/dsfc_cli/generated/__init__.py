"""What is generated from the code: contracts/ and the tables in docs/."""
