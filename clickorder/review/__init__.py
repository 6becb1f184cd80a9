"""`clickorder labels review`: a page on this machine where a person corrects labels."""
