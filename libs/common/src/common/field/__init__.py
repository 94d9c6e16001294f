"""Facts of the field that more than one service compares with: dated lists beside their code."""
