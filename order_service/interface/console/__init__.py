"""The page for people: files that a browser is given. All that they show comes from the API."""
