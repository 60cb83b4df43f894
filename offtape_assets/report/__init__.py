"""Pictures and pages for people: plots, the findings of a day, the HTML report."""
