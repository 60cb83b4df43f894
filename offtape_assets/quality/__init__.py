"""Gates: Great Expectations over all rows of a table and date, and the pages that tell of them."""
