"""Uploads of what a change affects, and how they meet the trigger they answer."""
