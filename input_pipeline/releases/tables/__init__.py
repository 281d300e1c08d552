"""Tables of text as programs write them: reading csv files, and the names of videos in them."""
