"""Reading open data: finding what a file is, mending known mistakes, and saying what was done."""
