"""Files before they are sent: what a data set asks for, made, checked and protected."""
