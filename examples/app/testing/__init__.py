"""Real servers and small things that the tests of all services share."""
