"""What one annotation of a YouTube-VIS file says."""
