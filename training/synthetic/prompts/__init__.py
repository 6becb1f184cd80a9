"""Prompt pictures: strips that show the items of a prompt, in the variety of real sites."""
