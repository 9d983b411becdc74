"""`python -m minillama` is `minillama`."""

from .cli import main

if __name__ == "__main__":
    main()
