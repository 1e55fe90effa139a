"""The rules of the house: that the checks bite, and that what is shipped is what is written."""
