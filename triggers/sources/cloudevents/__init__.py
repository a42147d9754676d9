"""Events that are sent over the API in the form of CloudEvents 1.0."""
