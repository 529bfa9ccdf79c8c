"""python -m tinygrad_lab"""

from tinygrad_lab.lab.cli import main

main()
