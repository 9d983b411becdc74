"""What makes the book: the look of its figures, notebooks in pairs, pages of the site, exercises."""
