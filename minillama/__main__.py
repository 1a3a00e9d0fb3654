"""`python -m minillama` is the command `minillama`."""

from minillama.cli import main

raise SystemExit(main())
